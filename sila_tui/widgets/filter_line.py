"""The line in which `/` takes the words that rows of a list must have, or messages of a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, TypeAlias

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.widgets import Input, Static

from sila_tui.widgets.row_list import RowList
from sila_tui.words import counted

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sila_tui.widgets.chat_reader import ChatReader

    Filtered: TypeAlias = RowList | ChatReader


FILTERING = "filter by words   enter keeps it   esc ends it"
FINDING = "find messages by words   enter, then n and N go on   esc ends it"


class FilterLine(Container):
    """Is there while a list is filtered; enter keeps the filter, escape ends it."""

    DEFAULT_CSS = """
    FilterLine { layout: horizontal; height: 1; display: none; background: $panel; padding: 0 1; }
    FilterLine #filter-sign { width: 2; color: $accent; }
    FilterLine #filter-count { width: auto; color: $dim; }
    FilterLine Input {
        width: 1fr; height: 1; border: none; padding: 0; background: $panel;
    }
    FilterLine Input:focus { border: none; background: $panel; }
    """
    BINDING_GROUP_TITLE = "Filter"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape", "end", "End the filter"),
        Binding("enter", "keep", "Keep it", priority=True),
        Binding("down,ctrl+n", "move(1)", "Down", show=False),
        Binding("up", "move(-1)", "Up", show=False),
    ]

    def __init__(self) -> None:
        super().__init__(id="filter-line")
        self._rows: Filtered | None = None

    def compose(self) -> ComposeResult:
        """Builds the sign, the words and how many rows have them."""
        yield Static("/", id="filter-sign")
        box = Input(placeholder=FILTERING, id="filter")
        box.cursor_blink = False
        yield box
        yield Static("", id="filter-count")

    def begin(self, rows: Filtered) -> None:
        """Filters a list as a person types."""
        if self._rows is not None and self._rows is not rows:
            self._rows.filter_by("")
        self._rows = rows
        self.display = True
        box = self.query_one(Input)
        is_list = isinstance(rows, RowList)
        box.placeholder = FILTERING if is_list else FINDING
        box.value = rows.shown_rows.wish
        box.focus()
        self.pull()

    def bring_back(self, rows: Filtered, words: str) -> None:
        """Filters a list as it was before, without going there."""
        if self._rows is not None and self._rows is not rows:
            self._rows.filter_by("")
        self._rows = rows
        rows.filter_by(words)
        with self.prevent(Input.Changed):
            self.query_one(Input).value = words
        self.call_after_refresh(self.pull)

    def keep(self, rows: Filtered, words: str) -> None:
        """Filters a list by words that are typed already, and goes there."""
        self.begin(rows)
        self._back_to_rows(words)
        self.query_one(Input).value = words

    def pull(self) -> None:
        """Tells how many rows are left; goes away when the list is whole or out of sight."""
        rows, is_writing = self._rows, self.query_one(Input).has_focus
        if rows is None:
            return
        is_seen = bool(rows.is_attached and rows.region)
        self.display = is_seen and (is_writing or rows.shown_rows.is_filtered)
        said = (
            counted(rows.shown_rows.found, "found", "found") if rows.shown_rows.is_filtered else ""
        )
        self.query_one("#filter-count", Static).update(said)

    def on_input_changed(self, event: Input.Changed) -> None:
        """Filters with every letter."""
        event.stop()
        if self._rows is not None:
            self._rows.filter_by(event.value)
            self.pull()

    def action_end(self) -> None:
        """Shows all rows again."""
        self._back_to_rows(wish="")

    def action_keep(self) -> None:
        """Goes to the rows that are left."""
        self._back_to_rows(self.query_one(Input).value)

    def action_move(self, step: int) -> None:
        """Moves through the rows while typing goes on."""
        if self._rows is not None:
            self._rows.action_move(step)

    def _back_to_rows(self, wish: str) -> None:
        if self._rows is not None:
            self._rows.filter_by(wish)
            self._rows.focus()
