"""A list of lines with a cursor, drawn line by line: it costs what is visible, not what it holds.

Textual's own Tree needs 386 ms to add a leaf to 50 thousand nodes and its DataTable 57 ms to change
a cell among 10 thousand rows (measured with 8.2.8); this one asks for the text of the visible rows.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from rich.text import Text
from textual import events, on
from textual.binding import Binding, BindingType
from textual.geometry import Region, Size
from textual.message import Message
from textual.reactive import reactive
from textual.strip import Strip

from sila_tui.widgets.line_view import Source
from sila_tui.widgets.lines import fitted, line
from sila_tui.widgets.rows import Rows

if TYPE_CHECKING:
    from collections.abc import Callable

    from rich.style import Style


class RowList(Rows, can_focus=True, inherit_bindings=False):
    """Rows with a cursor."""

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
        Binding("escape", "show_all", "End the filter", show=False),
    ]
    cursor: reactive[int] = reactive(0, repaint=False)
    is_marked_elsewhere = True
    """Whether the cursor's row is told apart while another pane has the keys."""

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

    @property
    def row_at_cursor(self) -> int | None:
        """The row that keys mean; None when there is none, or a filter hides all."""
        is_shown = 0 <= self.cursor < self.row_count() and self.shown_rows.has(self.cursor)
        return self.cursor if is_shown else None

    def rows_changed(self) -> None:
        """Draws again after the rows changed, with the cursor on a row that is shown."""
        self.shown_rows.look_through(self.row_count(), self.words_of, self.depth_of)
        self.virtual_size = Size(max(1, self.size.width), self._height_told)
        self.cursor = self._nearest(min(self.cursor, self.row_count() - 1), 1)
        self.draw_changes()

    @property
    def _height_told(self) -> int:
        """The height that matters to the layout, which is made anew for every other one.

        Where all rows have room it is that there is nothing to scroll.
        """
        lines = self.shown_rows.line_count(self.row_count())
        is_told = lines > self.size.height or self.styles.auto_dimensions
        return max(1, lines) if is_told else 1

    def filter_by(self, wish: str) -> None:
        """Shows only rows that have the words; all when there are none."""
        self.shown_rows.wish = wish
        self.rows_changed()
        # What a person looks for is not the heading above it.
        self.cursor = self.shown_rows.nearest_found(self.cursor)
        self._show_cursor()

    def source_of(self, y: int) -> Source:
        """A row with the cursor's sign, or what is said in place of rows."""
        width, at = self.size.width, int(self.scroll_offset.y) + y
        lines = self.shown_rows.line_count(self.row_count())
        if at >= lines:
            said = "nothing has these words" if self.shown_rows.is_filtered else self.empty_text
            text = line((f"  {said if not lines and y == 1 else ''}", self.look.dim))
            return Source(fitted(text, width))
        index = self.shown_rows.row_at(at)
        is_cursor = index == self.cursor and self.can_choose(index)
        has_keys = is_cursor and self.has_focus
        # The last cell is the scrollbar's where there is one.
        room = width - 2
        sign = (self.symbols.cursor if has_keys else " ", self.look.accent)
        text = line(sign, fitted(self.row(index, room, self.look), room))
        return Source(fitted(text, width), is_cursor, has_keys)

    def strip_of(self, source: Source, ground: Style) -> Strip:
        """Draws a row, that of the cursor on another ground."""
        assert isinstance(source.content, Text)
        text, width = source.content, self.size.width
        if source.has_keys:
            ground += self.look.chosen
            # A reversed colour is a coloured ground, which says nothing: signs and words do.
            text = Text(text.plain) if self.look.chosen.reverse else text
        elif source.is_cursor and self.is_marked_elsewhere:
            ground += self.look.chosen_elsewhere
        return Strip(text.render(self.app.console), width).crop(0, width).apply_style(ground)

    def has_cursor(self, y: int) -> bool:
        """Only the cursor's row has it."""
        return self.shown_rows.line_of(self.cursor) == int(self.scroll_offset.y) + y

    def on_resize(self) -> None:
        """Lays the rows out for the new size."""
        self.rows_changed()

    @on(events.Focus)
    @on(events.Blur)
    def focus_changed(self) -> None:
        """Shows the cursor as the one that keys move, or as one that waits."""
        self.draw_cursor()

    def watch_cursor(self, before: int, after: int) -> None:
        """Keeps the cursor in sight and tells who wants to know."""
        self.draw_cursor()
        if 0 <= after < self.row_count():
            self._show_cursor()
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
        goal = self.shown_rows.line_of(self.cursor) + direction * max(1, self.size.height - 2)
        last = self.shown_rows.line_count(self.row_count()) - 1
        if last >= 0:
            row = self.shown_rows.row_at(max(0, min(goal, last)))
            self.cursor = self._nearest(row, direction)

    def action_show_all(self) -> None:
        """Shows what a filter hid."""
        self.filter_by("")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Ends a filter only while there is one: escape means something else then."""
        return self.shown_rows.is_filtered if action == "show_all" else True

    def action_choose(self) -> None:
        """Opens the row under the cursor."""
        if self.row_at_cursor is not None and self.can_choose(self.cursor):
            self.post_message(self.Chosen(self, self.cursor))

    def on_click(self, event: events.Click) -> None:
        """Moves the cursor to the row that was clicked; a second click opens it."""
        at = int(self.scroll_offset.y) + event.y
        if at >= self.shown_rows.line_count(self.row_count()):
            return
        index = self.shown_rows.row_at(at)
        if self.can_choose(index):
            self.cursor = index
            if event.chain == 2:
                self.action_choose()

    def _show_cursor(self) -> None:
        at = self.shown_rows.line_of(self.cursor)
        self.scroll_to_region(Region(0, at, 1, 1), animate=False, force=True)

    def _fits(self, index: int) -> bool:
        return self.shown_rows.has(index) and self.can_choose(index)

    def _nearest(self, index: int, step: int) -> int:
        last = self.row_count() - 1
        if last < 0:
            return 0
        return _first(index, 1 if step >= 0 else -1, last, self._fits)


def _first(index: int, step: int, last: int, fits: Callable[[int], bool]) -> int:
    """The first row from `index` onwards that fits, else the nearest one the other way."""
    index = max(0, min(index, last))
    ahead = range(index, last + 1) if step > 0 else range(index, -1, -1)
    behind = range(index, -1, -1) if step > 0 else range(index, last + 1)
    found = next((at for at in ahead if fits(at)), None)
    if found is None:
        found = next((at for at in behind if fits(at)), index)
    return found
