"""A list of lines with a cursor, drawn line by line: it costs what is visible, not what it holds.

Textual's own Tree needs 386 ms to add a leaf to 50 thousand nodes and its DataTable 57 ms to change
a cell among 10 thousand rows (measured with 8.2.8); this one asks for the text of the visible rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from rich.text import Text
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.scroll_view import ScrollView
from textual.strip import Strip

from sila_tui.theme import Palette, palette
from sila_tui.widgets.lines import fitted, line
from sila_tui.words import UNICODE, Symbols

if TYPE_CHECKING:
    from collections.abc import Callable

    from textual import events


class RowList(ScrollView, can_focus=True, inherit_bindings=False):
    """Rows with a cursor. Subclasses say how many there are and draw one."""

    DEFAULT_CSS = """
    RowList { scrollbar-size-vertical: 1; scrollbar-size-horizontal: 0; overflow-x: hidden; }
    """
    BINDING_GROUP_TITLE = "Lists"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("j,down", "move(1)", "Down", show=False),
        Binding("k,up", "move(-1)", "Up", show=False),
        Binding("g,home", "move_to(0)", "First", show=False),
        Binding("G,end", "move_to(-1)", "Last", show=False),
        Binding("ctrl+d,pagedown", "page(1)", "Page down", show=False),
        Binding("ctrl+u,pageup", "page(-1)", "Page up", show=False),
        Binding("enter,l,right", "choose", "Open"),
    ]
    cursor: reactive[int] = reactive(0)
    is_marked_elsewhere = True
    """Whether the cursor's row is told apart while another pane has the keys."""
    empty_text = ""
    """Said in place of rows when there are none."""

    class Highlighted(Message):
        """The cursor stands on another row."""

        def __init__(self, rows: RowList, index: int) -> None:
            super().__init__()
            self.rows = rows
            self.index = index

        @property
        def control(self) -> RowList:
            """The list, for selectors."""
            return self.rows

    class Chosen(Highlighted):
        """A person opens the row."""

    def row_count(self) -> int:
        """How many rows there are."""
        return 0

    def row(self, index: int, width: int, look: Palette) -> Text:
        """The text of one row for a line of `width` cells."""
        return Text()

    def can_choose(self, index: int) -> bool:
        """Whether the cursor may stand on the row; headings and gaps are passed over."""
        return True

    def rows_changed(self) -> None:
        """Draws again after the rows changed, with the cursor on a row that exists."""
        self.virtual_size = Size(max(1, self.size.width), max(1, self.row_count()))
        self.cursor = self._nearest(min(self.cursor, self.row_count() - 1), 1)
        self.refresh()

    @property
    def symbols(self) -> Symbols:
        """The signs that this terminal has."""
        return cast("Symbols", getattr(self.app, "symbols", UNICODE))

    @property
    def look(self) -> Palette:
        """The styles of the current theme."""
        return palette(self.app.theme)

    def render_line(self, y: int) -> Strip:
        """Draws the line `y` of what is visible."""
        width, index = self.size.width, int(self.scroll_offset.y) + y
        style = self.rich_style
        if index >= self.row_count():
            said = self.empty_text if not self.row_count() and y == 1 else ""
            text = fitted(line((f"  {said}", self.look.dim)), width)
        else:
            is_cursor = index == self.cursor and self.can_choose(index)
            sign = self.symbols.cursor if is_cursor and self.has_focus else " "
            text = fitted(
                line((sign, self.look.accent), self.row(index, width - 2, self.look)), width
            )
            if is_cursor and self.has_focus:
                style += self.look.chosen
            elif is_cursor and self.is_marked_elsewhere:
                style += self.look.chosen_elsewhere
        return Strip(text.render(self.app.console), width).crop(0, width).apply_style(style)

    def on_resize(self) -> None:
        """Lays the rows out for the new size."""
        self.rows_changed()

    def on_focus(self) -> None:
        """Shows the cursor as the one that keys move."""
        self.refresh()

    def on_blur(self) -> None:
        """Shows the cursor as one that waits."""
        self.refresh()

    def watch_cursor(self, before: int, after: int) -> None:
        """Keeps the cursor in sight and tells who wants to know."""
        self.refresh()
        if 0 <= after < self.row_count():
            self.scroll_to_region(Region(0, after, 1, 1), animate=False, force=True)
            if before != after:
                self.post_message(self.Highlighted(self, after))

    def action_move(self, step: int) -> None:
        """Moves the cursor by rows that can be chosen."""
        self.cursor = self._nearest(self.cursor + step, step)

    def action_move_to(self, index: int) -> None:
        """Moves the cursor to a row; -1 is the last one."""
        last = self.row_count() - 1
        self.cursor = self._nearest(last if index < 0 else index, -1 if index < 0 else 1)

    def action_page(self, direction: int) -> None:
        """Moves the cursor by what is visible."""
        goal = self.cursor + direction * max(1, self.size.height - 2)
        self.cursor = self._nearest(max(0, min(goal, self.row_count() - 1)), direction)

    def action_choose(self) -> None:
        """Opens the row under the cursor."""
        if 0 <= self.cursor < self.row_count() and self.can_choose(self.cursor):
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Moves the cursor to the row that was clicked; a second click opens it."""
        index = int(self.scroll_offset.y) + event.y
        if index < self.row_count() and self.can_choose(index):
            self.cursor = index
            if event.chain == 2:
                self.action_choose()

    def _nearest(self, index: int, step: int) -> int:
        last = self.row_count() - 1
        if last < 0:
            return 0
        return self._first(index, 1 if step >= 0 else -1, last, self.can_choose)

    def _first(self, index: int, step: int, last: int, fits: Callable[[int], bool]) -> int:
        """The first row from `index` onwards that fits, else the nearest one the other way."""
        index = max(0, min(index, last))
        ahead = range(index, last + 1) if step > 0 else range(index, -1, -1)
        behind = range(index, -1, -1) if step > 0 else range(index, last + 1)
        found = next((at for at in ahead if fits(at)), None)
        if found is None:
            found = next((at for at in behind if fits(at)), index)
        return found
