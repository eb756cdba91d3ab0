"""The files of a space below their folders, as rows: folders first, and only what is not folded."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator, Mapping, Set

    from sila_tui.files import FileEntry, FolderEntry, SpaceFiles

FILES_APP = "files"


@dataclass(frozen=True)
class FileRow:
    """A folder, or a file in the last one above it that stands less deep."""

    title: str
    depth: int
    folder: FolderEntry
    """The folder itself, or the one that the file lies in."""
    file: FileEntry | None = None
    is_open: bool = True
    count: int = 0
    """What a folder holds at any depth."""

    @property
    def vertex(self) -> str:
        """What edits of this row are about."""
        return self.file.vertex if self.file else self.folder.vertex

    @property
    def is_top(self) -> bool:
        """Whether this is the folder that holds all others of its tree."""
        return self.file is None and not self.folder.path


def file_rows(
    known: SpaceFiles, titles: Mapping[str, str], folded: Set[str], files_trees: Set[str]
) -> list[FileRow]:
    """The rows of all trees; each has a heading when there are several.

    `folded` has the vertices of folders whose contents are not listed, `files_trees` the trees that
    are listed though nothing is in them.
    """
    tops = [folder for folder in known.folders if not folder.path]
    used = {file.tree for file in known.files} | files_trees
    shown = [top for top in tops if top.tree in used]
    shown.sort(key=lambda top: (top.tree not in files_trees, titles.get(top.tree, ""), top.tree))
    rows: list[FileRow] = []
    for top in shown:
        if len(shown) > 1:
            count = sum(file.tree == top.tree for file in known.files)
            is_open = top.vertex not in folded
            title = titles.get(top.tree) or top.tree[:8]
            rows.append(FileRow(title, 0, top, is_open=is_open, count=count))
            if not is_open:
                continue
        rows += _below(known, top, folded, 1 if len(shown) > 1 else 0)
    return rows


def _below(known: SpaceFiles, top: FolderEntry, folded: Set[str], depth: int) -> Iterator[FileRow]:
    folders: dict[str, list[FolderEntry]] = {}
    files: dict[str, list[FileEntry]] = {}
    counts: dict[str, int] = {}
    for folder in known.folders:
        if folder.tree == top.tree and folder.path:
            folders.setdefault(folder.above, []).append(folder)
    for file in known.files:
        if file.tree == top.tree:
            files.setdefault(file.above, []).append(file)
            for length in range(len(file.folders), -1, -1):
                path = "/".join(file.folders[:length])
                counts[path] = counts.get(path, 0) + 1
    # A stack, since folders nest as deep as people like.
    stack: list[tuple[int, FolderEntry, FileEntry | None]] = []

    def push(folder: FolderEntry, depth: int) -> None:
        inside = sorted(files.get(folder.path, ()), key=lambda file: file.name.casefold())
        stack.extend((depth, folder, file) for file in reversed(inside))
        below = sorted(folders.get(folder.path, ()), key=lambda each: each.name.casefold())
        stack.extend((depth, each, None) for each in reversed(below))

    push(top, depth)
    while stack:
        depth, folder, each = stack.pop()
        if each is not None:
            yield FileRow(each.name, depth, folder, each)
            continue
        is_open = folder.vertex not in folded
        count = counts.get(folder.path, 0)
        yield FileRow(folder.name, depth, folder, is_open=is_open, count=count)
        if is_open:
            push(folder, depth + 1)
