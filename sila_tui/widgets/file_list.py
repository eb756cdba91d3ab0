"""The files of a space below their folders: name, type, size, and whether they are here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from rich.text import Text

from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.widgets.row_list import RowList
from sila_tui.words import size

if TYPE_CHECKING:
    from sila_tui.contents import FileEntry
    from sila_tui.theme import Palette


@dataclass(frozen=True)
class FileRow:
    """A folder, or a file in the last one named above it."""

    title: str
    depth: int
    file: FileEntry | None


def file_rows(files: list[FileEntry], source: dict[str, str]) -> list[FileRow]:
    """Folders before what is in them; trees with more than one source get a heading each."""
    found: list[FileRow] = []
    open_path: tuple[str, ...] = ()
    many = len({file.tree for file in files}) > 1
    for file in sorted(files, key=lambda entry: (entry.tree, entry.folders, entry.name.lower())):
        path = (*((source.get(file.tree) or file.tree[:8],) if many else ()), *file.folders)
        shared = 0
        while shared < min(len(path), len(open_path)) and path[shared] == open_path[shared]:
            shared += 1
        found += [FileRow(path[depth], depth, None) for depth in range(shared, len(path))]
        open_path = path
        found.append(FileRow(file.name, len(path), file))
    return found


class FileList(RowList):
    """One line for each folder and file."""

    BINDING_GROUP_TITLE = "Files"
    empty_text = "No files yet. p puts one here."

    def __init__(self) -> None:
        super().__init__("file-list")
        self._rows: list[FileRow] = []

    @property
    def file(self) -> FileEntry | None:
        """The file under the cursor."""
        at = self.row_at_cursor
        return None if at is None else self._rows[at].file

    def show(self, files: list[FileEntry], source: dict[str, str]) -> None:
        """Shows files; `source` names the trees that they belong to."""
        self._rows = file_rows(files, source)
        self.rows_changed()

    def go_to(self, vertex: str) -> bool:
        """Puts the cursor on the file of a vertex; False when it is not listed."""
        found = (at for at, row in enumerate(self._rows) if row.file and row.file.vertex == vertex)
        at = next(found, None)
        if at is not None:
            self.cursor = at
        return at is not None

    def row_count(self) -> int:
        """Folders and files."""
        return len(self._rows)

    def can_choose(self, index: int) -> bool:
        """Folders are labels."""
        return self._rows[index].file is not None

    def depth_of(self, index: int) -> int:
        """Files stand below their folders."""
        return self._rows[index].depth

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one folder or file."""
        row = self._rows[index]
        margin, file = "  " * row.depth, row.file
        if file is None:
            return line(margin, (f"{self.symbols.opened} {row.title}", look.dim))
        weight = "" if file.size_bytes is None else size(file.size_bytes)
        right = line((f"{weight:>9}", look.text))
        if file.is_here is not None:
            sign, said = (
                (self.symbols.current, "here") if file.is_here else (self.symbols.offline, "away")
            )
            style = look.good if file.is_here else look.dim
            right = Text.assemble(right, "   ", line((f"{sign} ", style), (said, look.dim)))
        if width >= 56:
            kind = (file.mime or "unknown type") + (", can change" if file.is_mutable else "")
            kind_text = fitted(line((kind, look.dim)), min(30, width // 3))
            right = Text.assemble(kind_text, right)
        return sides(line(margin, (row.title, look.text)), right, width)
