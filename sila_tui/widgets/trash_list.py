"""What was deleted: its name, what it holds, and where it was."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from rich.text import Text

    from sila_tui.files import TrashEntry
    from sila_tui.theme import Palette


class TrashList(RowList):
    """One line for each thing that was deleted by itself."""

    BINDING_GROUP_TITLE = "Trash"
    empty_text = "The trash is empty."

    def __init__(self) -> None:
        super().__init__("trash-list")
        self._entries: list[TrashEntry] = []

    @property
    def entry(self) -> TrashEntry | None:
        """What the cursor stands on."""
        at = self.row_at_cursor
        return None if at is None else self._entries[at]

    def show(self, entries: list[TrashEntry]) -> None:
        """Shows other entries."""
        self._entries = entries
        self.rows_changed()

    def row_count(self) -> int:
        """One line for each."""
        return len(self._entries)

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one entry."""
        entry = self._entries[index]
        below = f"  {entry.child_count:,}" if entry.child_count else ""
        was = f"was in {entry.place}" if entry.place else "its place is gone too"
        left = line((entry.title, look.text), (below, look.dim))
        right = line((f"{entry.tree_title}   {was}", look.dim))
        return sides(left, fitted(right, min(right.cell_len, width // 2)), width)
