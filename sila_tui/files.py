"""Files and what was deleted, as the daemon answers them; read as tolerantly as `facts`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_tui.facts import rows, text_of, whole

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sila_tui.file_rows import FileRow


@dataclass(frozen=True)
class FileEntry:
    """One file of a space."""

    tree: str
    vertex: str
    path: str
    raw_path: str
    """The path as the daemon has it, with what is not fit to be shown."""
    mime: str
    size_bytes: int | None
    is_here: bool | None
    """Whether its bytes are on this machine; None where the daemon does not say."""
    is_mutable: bool
    content: str = ""
    """The hash or id of its bytes."""

    @property
    def above(self) -> str:
        """The path of the folder that it lies in."""
        return self.path.rpartition("/")[0]

    @property
    def folders(self) -> tuple[str, ...]:
        """The names of the folders it lies in, outermost first."""
        return tuple(self.path.split("/")[:-1])

    @property
    def name(self) -> str:
        """Its name without the folders."""
        return self.path.rpartition("/")[2] or self.vertex[:8]

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> FileEntry:
        """Reads one element of `file.list`."""
        here, size_bytes = row.get("here"), row.get("size")
        return cls(
            tree=text_of(row.get("tree")),
            vertex=text_of(row.get("vertex")),
            path=text_of(row.get("path")).strip("/"),
            raw_path=str(row.get("path") or ""),
            mime=text_of(row.get("mimeType")),
            size_bytes=None if size_bytes is None else whole(size_bytes),
            is_here=None if here is None else bool(here),
            is_mutable=not row.get("hash") and bool(row.get("id")),
            content=text_of(row.get("hash") or row.get("id")),
        )


@dataclass(frozen=True)
class FolderEntry:
    """A folder of files; the path of the one that holds all others of its tree is empty."""

    tree: str
    vertex: str
    path: str

    @property
    def name(self) -> str:
        """Its name without the folders above."""
        return self.path.rpartition("/")[2]

    @property
    def above(self) -> str:
        """The path of the folder that it lies in."""
        return self.path.rpartition("/")[0]

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> FolderEntry:
        """Reads one element of `folders` in `file.list`."""
        path = text_of(row.get("path")).strip("/")
        return cls(text_of(row.get("tree")), text_of(row.get("vertex")), path)


@dataclass(frozen=True)
class SpaceFiles:
    """All files and folders of a space."""

    files: tuple[FileEntry, ...] = ()
    folders: tuple[FolderEntry, ...] = ()

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> SpaceFiles:
        """Reads the answer to `file.list`."""
        return cls(
            tuple(FileEntry.read(row) for row in rows(answer.get("files"))),
            tuple(FolderEntry.read(row) for row in rows(answer.get("folders"))),
        )

    def names_in(self, folder: FolderEntry) -> set[str]:
        """The names that are taken in a folder."""
        place = (folder.tree, folder.path)
        files = {file.name for file in self.files if (file.tree, file.above) == place}
        folders = (each for each in self.folders if each.path)
        return files | {each.name for each in folders if (each.tree, each.above) == place}

    def above(self, row: FileRow) -> FolderEntry:
        """The folder that a row lies in."""
        if row.file is not None:
            path = row.file.above
        else:
            path = row.folder.above
        found = (each for each in self.folders if (each.tree, each.path) == (row.folder.tree, path))
        return next(found, row.folder)


@dataclass(frozen=True)
class TrashEntry:
    """Something that was deleted by itself, with all below it."""

    tree: str
    tree_title: str
    vertex: str
    name: str
    child_count: int
    place: str
    """Where it was; empty where that is gone too, or is not known."""

    @property
    def title(self) -> str:
        """The name, else the first characters of the id."""
        return self.name or self.vertex[:8]

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> TrashEntry:
        """Reads one element of `trash.list`."""
        tree = text_of(row.get("tree"))
        return cls(
            tree=tree,
            tree_title=text_of(row.get("treeName")) or tree[:8],
            vertex=text_of(row.get("vertex")),
            name=text_of(row.get("name")),
            child_count=whole(row.get("childCount")),
            place=text_of(row.get("path")),
        )
