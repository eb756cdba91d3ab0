"""The files of a space below their folders: name, type, size, and whether they are here."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual.binding import Binding, BindingType

from sila_tui.clipboard import copy
from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.widgets.row_list import RowList
from sila_tui.words import size

if TYPE_CHECKING:
    from sila_tui.file_rows import FileRow
    from sila_tui.files import FileEntry
    from sila_tui.theme import Palette
    from sila_tui.transfers import Transfers

WITH_WORDS = 40
"""From this width on a row says in words whether the file is here; the sign says it too."""
WITH_KIND = 56
"""From this width on a row has room for the type."""


class FileList(RowList):
    """One line for each folder and file; some can be marked, to be done something with together."""

    BINDING_GROUP_TITLE = "Files"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("space", "mark", "Mark", show=False),
        Binding("y", "copy", "Copy path", show=False),
    ]
    empty_text = "No files yet. a adds one."

    def __init__(self, transfers: Transfers, space_id: str) -> None:
        super().__init__("file-list")
        self._transfers = transfers
        self._space_id = space_id
        self._rows: list[FileRow] = []
        self.marked: set[str] = set()
        """Vertices."""
        self.cut: set[str] = set()
        """Vertices that wait for their new place."""

    @property
    def current(self) -> FileRow | None:
        """The row under the cursor."""
        at = self.row_at_cursor
        return None if at is None else self._rows[at]

    @property
    def meant(self) -> list[FileRow]:
        """What is marked, else the row under the cursor."""
        marked = [row for row in self._rows if row.vertex in self.marked]
        return marked or ([self.current] if self.current else [])

    def show(self, rows: list[FileRow]) -> None:
        """Shows other rows; the cursor stays with what it stood on."""
        before = self.current
        self._rows = rows
        known = {row.vertex for row in rows}
        self.marked &= known
        if before is not None:
            found = (at for at, row in enumerate(rows) if row.vertex == before.vertex)
            self.cursor = next(found, min(self.cursor, max(0, len(rows) - 1)))
        self.rows_changed()

    def go_to(self, vertex: str) -> bool:
        """Puts the cursor on a file or folder; False when it is not listed."""
        found = (at for at, row in enumerate(self._rows) if row.vertex == vertex)
        at = next(found, None)
        if at is not None:
            self.cursor = at
        return at is not None

    def row_count(self) -> int:
        """Folders and files."""
        return len(self._rows)

    def words_of(self, index: int) -> str:
        """The name and the type."""
        row = self._rows[index]
        return f"{row.title} {row.file.mime if row.file else ''}"

    def depth_of(self, index: int) -> int:
        """Files stand below their folders."""
        return self._rows[index].depth

    def _place_of(self, file: FileEntry) -> tuple[str, str]:
        """Where its bytes are, as a state and in a word."""
        moving = self._transfers.of_file(self._space_id, file.content)
        if moving is not None and not file.is_here:
            return "syncing", "comes" if moving.share is None else f"{moving.share:4.0%}"
        return ("current", "here") if file.is_here else ("offline", "away")

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one folder or file."""
        row = self._rows[index]
        is_marked = row.vertex in self.marked
        sign = "+ " if is_marked else "x " if row.vertex in self.cut else ""
        margin = line("  " * row.depth, (sign, look.warn))
        style = look.dim if row.vertex in self.cut else look.text
        file = row.file
        if file is None:
            sign = self.symbols.opened if row.is_open else self.symbols.closed
            count = line((f"{row.count:,}" if row.count and not row.is_open else "", look.dim))
            title = (row.title, look.dim if row.vertex in self.cut else look.strong)
            return sides(line(margin, (f"{sign} ", look.dim), title), count, width)
        weight = "" if file.size_bytes is None else size(file.size_bytes)
        right = line((f"{weight:>9}", look.text))
        if file.is_here is not None:
            state, said = self._place_of(file)
            sign, shade = self.symbols.of_state(state), look.of_state(state)
            words = (f" {said}", look.dim) if width >= WITH_WORDS else ("", look.dim)
            gap = "   " if width >= WITH_WORDS else " "
            right = Text.assemble(right, gap, line((sign, shade), words))
        if width >= WITH_KIND:
            kind = (file.mime or "unknown type") + (", can change" if file.is_mutable else "")
            kind_text = fitted(line((kind, look.dim)), min(30, width // 3))
            right = Text.assemble(kind_text, right)
        return sides(line(margin, (row.title, style)), right, width)

    def action_mark(self) -> None:
        """Marks the row under the cursor, or takes the mark away, and goes on to the next."""
        if self.current is not None and not self.current.is_top:
            self.marked ^= {self.current.vertex}
            self.action_move(1)
            self.refresh()

    def action_copy(self) -> None:
        """Copies the path of what the cursor stands on."""
        if self.current is not None:
            file = self.current.file
            copy(self, file.path if file else self.current.folder.path, "Path")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Escape first takes marks away."""
        if action == "show_all":
            return bool(self.marked or self.cut) or self.shown_rows.is_filtered
        return super().check_action(action, parameters)

    def action_show_all(self) -> None:
        """Takes marks away, then shows what a filter hid."""
        if self.marked or self.cut:
            self.marked, self.cut = set(), set()
            self.refresh()
        else:
            super().action_show_all()
