"""The parts of a space: chats in their folders, files, secrets, trees."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType

from sila_tui.outline import Outline
from sila_tui.widgets.lines import line, sides
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from rich.text import Text

    from sila_tui.outline import Item
    from sila_tui.theme import Palette
    from sila_tui.unread import Unread


class Sidebar(RowList):
    """Names what a space consists of; folders are labels, the rest can be opened."""

    BINDING_GROUP_TITLE = "Chats"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("n", "screen.chat('new')", "New chat"),
        Binding("r", "screen.chat('rename')", "Rename", show=False),
        Binding("d,delete", "screen.chat('delete')", "Delete", show=False),
        Binding("u", "screen.chat('undo')", "Undo", show=False),
    ]

    def __init__(self, unread: Unread) -> None:
        super().__init__("sidebar")
        self._unread = unread
        self._items: list[Item] = []
        self._outline = Outline()
        self._has_trees = False

    @property
    def item(self) -> Item | None:
        """What the cursor stands on."""
        at = self.row_at_cursor
        return None if at is None else self._items[at]

    @property
    def has_trees(self) -> bool:
        """Whether the trees are listed."""
        return self._has_trees

    def unfold_trees(self, is_open: bool, /) -> None:
        """Lists the trees, or hides them."""
        self._has_trees = is_open
        self.show(self._outline)

    def show(self, outline: Outline) -> None:
        """Shows another state of the space; the cursor stays with what it stood on."""
        before = self.item
        self._outline = outline
        self._items = outline.items(with_trees=self._has_trees)
        if before is not None:
            for index, item in enumerate(self._items):
                if (item.view, item.tree) == (before.view, before.tree):
                    self.cursor = index
                    break
        self.rows_changed()

    def action_choose(self) -> None:
        """Opens what the cursor stands on; the trees are listed or hidden in place."""
        if self.item is not None and self.item.view == "trees":
            self.unfold_trees(not self._has_trees)
        else:
            super().action_choose()

    def point_at(self, view: str, tree: str) -> None:
        """Puts the cursor on what the pane shows."""
        if view == "tree" and not self._has_trees:
            self._has_trees = True
            self.show(self._outline)
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

    def words_of(self, index: int) -> str:
        """The title; headings stay only for what is below them."""
        item = self._items[index]
        return item.title if item.view else ""

    def depth_of(self, index: int) -> int:
        """As deep as it stands in the space."""
        return self._items[index].depth

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws a heading, a folder, or something to open with its count."""
        item = self._items[index]
        margin = "  " * item.depth
        if not item.view and not item.is_folder:
            return line((item.title, look.strong))
        if item.is_folder:
            sign = f"{self.symbols.opened} " if item.count else ""
            return line(margin, (sign + item.title, look.dim))
        count = line((f"{item.count:,}" if item.count else "", look.dim))
        new = self._unread.count(item.tree, item.count) if item.view == "chat" else 0
        if new:
            count = line((f"{new:,} new", look.accent))
        style = look.strong if not item.depth or new else look.text
        fold = ""
        if item.is_open is not None:
            fold = f" {self.symbols.opened if item.is_open else self.symbols.closed}"
        left = line(margin, (item.title, style), (fold, look.dim))
        return sides(left, count, width, gap=1)
