"""The parts of a space: chats in their folders, files, secrets, trees."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_tui.widgets.lines import line, sides
from sila_tui.widgets.row_list import RowList
from sila_tui.words import UNICODE

if TYPE_CHECKING:
    from rich.text import Text

    from sila_tui.outline import Item, Outline
    from sila_tui.theme import Palette


class Sidebar(RowList):
    """Names what a space consists of; folders are labels, the rest can be opened."""

    BINDING_GROUP_TITLE = "Space"

    def __init__(self) -> None:
        super().__init__(id="sidebar")
        self._items: list[Item] = []

    @property
    def item(self) -> Item | None:
        """What the cursor stands on."""
        return self._items[self.cursor] if self.cursor < len(self._items) else None

    def show(self, outline: Outline) -> None:
        """Shows another state of the space; the cursor stays with what it stood on."""
        before = self.item
        self._items = outline.items
        if before is not None:
            for index, item in enumerate(self._items):
                if (item.view, item.tree) == (before.view, before.tree):
                    self.cursor = index
                    break
        self.rows_changed()

    def point_at(self, view: str, tree: str) -> None:
        """Puts the cursor on what the pane shows."""
        for index, item in enumerate(self._items):
            if (item.view, item.tree) == (view, tree):
                self.cursor = index
                return

    def row_count(self) -> int:
        """Headings and gaps included."""
        return len(self._items)

    def can_choose(self, index: int) -> bool:
        """Only what a pane can show."""
        return bool(self._items[index].view)

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws a heading, a folder, or something to open with its count."""
        item = self._items[index]
        margin = "  " * item.depth
        if not item.view and not item.is_folder:
            return line((item.title, look.strong))
        if item.is_folder:
            sign = f"{UNICODE.opened} " if item.count else ""
            return line(margin, (sign + item.title, look.dim))
        count = line((f"{item.count:,}" if item.count else "", look.dim))
        style = look.strong if not item.depth else look.text
        return sides(line(margin, (item.title, style)), count, width, gap=1)
