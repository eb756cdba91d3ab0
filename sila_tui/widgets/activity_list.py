"""The log of what happened, the newest last; it follows unless a person looks further up."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual.widget import Widget

from sila_tui.session import MISSED
from sila_tui.theme import palette
from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.widgets.row_list import RowList
from sila_tui.words import WORST_FIRST, counted

if TYPE_CHECKING:
    from rich.style import Style
    from rich.text import Text

    from sila_tui.activity_view import ActivityView
    from sila_tui.facts import Activity
    from sila_tui.session import Session
    from sila_tui.theme import Palette

WIDE = 90
"""From this width on a row has room for the kind and the space in columns."""


class ActivityList(RowList):
    """One line for each event."""

    BINDING_GROUP_TITLE = "Activity"
    empty_text = "Nothing has happened since the daemon was started."

    def __init__(self, session: Session, view: ActivityView) -> None:
        super().__init__("activity")
        self._session = session
        self._view = view

    @property
    def event_at_cursor(self) -> Activity | None:
        """The event under the cursor."""
        at = self.row_at_cursor
        return None if at is None else self._view.events[at]

    @property
    def is_at_end(self) -> bool:
        """Whether the cursor stands on the newest event that is shown."""
        last = self.shown_rows.line_count(self.row_count()) - 1
        return last < 0 or self.shown_rows.line_of(self.cursor) >= last

    def pull(self) -> None:
        """Takes what came: at the end it follows, elsewhere the cursor stays with its event."""
        was_at_end, before = self.is_at_end, self.event_at_cursor
        if not self._view.pull(at_end=was_at_end):
            return
        if was_at_end or before is None:
            self.rows_changed()
            self.action_move_to(-1)
            return
        top = int(self.scroll_offset.y) - self.shown_rows.line_of(self.cursor)
        found = (at for at, event in enumerate(self._view.events) if event is before)
        with self.prevent(self.Highlighted):
            self.rows_changed()
            self.cursor = next(found, 0)
        # Old events fall away at the top: what is looked at stays where it is.
        self.scroll_to(y=max(0, top + self.shown_rows.line_of(self.cursor)), animate=False)

    def row_count(self) -> int:
        """Those that pass the filter."""
        return len(self._view.events)

    def words_of(self, index: int) -> str:
        """Everything that the line says."""
        event = self._view.events[index]
        return f"{event.kind} {event.who} {event.sentence} {self._place(event)}"

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one event: when, what kind, what happened, where."""
        event = self._view.events[index]
        when = line((self._session.say.exact_time(event.at), look.dim), "  ")
        if event.kind == MISSED:
            return line(when, (event.sentence, look.warn))
        sign, style = self._sign(event, look)
        kind = fitted(line((event.kind, look.dim)), 10) if width >= WIDE else line("")
        who = line((event.who, look.strong), " ") if event.who else line("")
        said = look.text if event.kind != "state" or style is look.dim else style
        left = line(when, (sign, style), " ", kind, who, (event.sentence, said))
        return sides(left, fitted(line((self._place(event), look.dim)), width // 5), width)

    def _place(self, event: Activity) -> str:
        return self._session.title_of(event.space_id) if event.space_id else ""

    def _sign(self, event: Activity, look: Palette) -> tuple[str, Style]:
        if event.state in WORST_FIRST:
            return self.symbols.of_state(event.state), look.of_state(event.state)
        return self.symbols.dot, look.dim


class ActivityChips(Widget):
    """Says what of the log is shown, and what came below."""

    DEFAULT_CSS = "ActivityChips { height: 1; margin: 1 0; padding: 0 2; }"

    def __init__(self, session: Session, view: ActivityView) -> None:
        super().__init__()
        self._session = session
        self._view = view

    def render(self) -> Text:
        """Draws the line."""
        look, view = palette(self.app.theme), self._view
        space = self._session.title_of(view.space_id) if view.space_id else "all spaces"
        text = line(
            (view.kind or "all kinds", look.accent if view.kind else look.text),
            (f"  {self._session.symbols.dot}  ", look.dim),
            (space, look.accent if view.space_id else look.text),
            (f"  {self._session.symbols.dot}  {counted(len(view.events), 'event')}", look.dim),
        )
        right = line("")
        if view.new_count:
            right = line((f"{view.new_count:,} new below, press ", look.warn), ("G", look.accent))
        return sides(text, right, self.size.width)
