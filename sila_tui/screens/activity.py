"""The live log of what the daemon does, with filters; goes to where something happened."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType

from sila_tui.activity_view import ActivityView
from sila_tui.goal import Goal
from sila_tui.screens.frame import FramedScreen
from sila_tui.screens.space import SpaceScreen
from sila_tui.screens.sync import SyncScreen
from sila_tui.widgets.activity_list import ActivityChips, ActivityList
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from textual.app import ComposeResult


class ActivityScreen(FramedScreen):
    """Follows what happens until a person looks further up."""

    DEFAULT_CSS = "ActivityScreen ActivityList { height: 1fr; }"
    PARTS = (*FramedScreen.PARTS, ActivityList, ActivityChips)
    BINDING_GROUP_TITLE = "Activity"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("f", "next_kind", "Next kind"),
        Binding("o", "only_space", "Only this space"),
        Binding("escape", "out", "Back", show=False),
        Binding("h,left", "leave", "Back", show=False),
    ]

    def __init__(self, space_id: str = "") -> None:
        super().__init__()
        self._space_id = space_id

    def crumbs(self) -> list[str]:
        """Below home."""
        return ["sila", "Activity"]

    def body(self) -> ComposeResult:
        """Builds the line of filters above the log."""
        session = self.sila.session
        self._view = ActivityView(session)
        self._view.space_id = self._space_id
        yield ActivityChips(session, self._view)
        yield ActivityList(session, self._view)

    def on_mount(self) -> None:
        """Begins at the newest event."""
        super().on_mount()
        self.query_one(ActivityList).focus()

    def news(self) -> None:
        """Takes what happened."""
        self.query_one(ActivityList).pull()
        self.query_one(ActivityChips).refresh()

    @on(RowList.Highlighted, "#activity")
    def moved(self) -> None:
        """Counts nothing as new that has been looked at."""
        rows = self.query_one(ActivityList)
        if rows.is_at_end and self._view.new_count:
            self._view.new_count = 0
            self.query_one(ActivityChips).refresh()

    @on(RowList.Chosen, "#activity")
    def chosen(self) -> None:
        """Goes to where it happened: the part of the space, or the state of its layers."""
        event = self.query_one(ActivityList).event_at_cursor
        space = self.sila.session.space(event.space_id) if event is not None else None
        if event is None or space is None:
            self.app.notify("That is of no space that is still looked after", timeout=3)
        elif event.state:
            self.app.push_screen(SyncScreen())
        else:
            self.app.push_screen(SpaceScreen(space, Goal(next(iter(event.trees), ""))))

    def action_next_kind(self) -> None:
        """Shows one kind of event after the other, then all again."""
        self._view.next_kind()
        self.news()

    def action_only_space(self) -> None:
        """Shows only the space of the event under the cursor, or all again."""
        event = self.query_one(ActivityList).event_at_cursor
        wish = self._view.space_id or (event.space_id if event is not None else "")
        if wish:
            self._view.only_space(wish)
            self.news()

    def action_out(self) -> None:
        """Shows all again, then goes back."""
        if self._view.is_filtered:
            self._view.show_all()
            self.news()
        else:
            self.action_leave()
