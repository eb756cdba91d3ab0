"""What all screens share: the top line, the banner, the line of keys, pulling the news."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual import events, on
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen

from sila_daemon.core.errors import UsageError
from sila_tui.commanded import Commanded
from sila_tui.session import Connection
from sila_tui.widgets.chat_reader import ChatReader
from sila_tui.widgets.filter_line import FilterLine
from sila_tui.widgets.key_line import KeyLine
from sila_tui.widgets.row_list import RowList
from sila_tui.widgets.top_bar import Banner, TopBar
from sila_tui.words import counted

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

    from sila_tui.app import SilaApp


class FramedScreen(Commanded, Screen[None]):
    """A screen below the app's first one: its body between the top line and the keys."""

    PARTS: ClassVar[tuple[type[Widget], ...]] = (TopBar, Banner, FilterLine, KeyLine)
    """The widgets that `pull` and `news` speak to."""
    BINDING_GROUP_TITLE = "Everywhere"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Back", show=False),
        Binding("question_mark", "app.help", "Keys", show=False),
        Binding("slash", "filter", "Filter or find here", show=False),
        Binding("A", "app.activity", "Activity", show=False),
        Binding("S", "app.sync_status", "Sync status", show=False),
        Binding("tab", "app.focus_next", "Next pane", show=False),
        Binding("shift+tab", "app.focus_previous", "Pane before", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
        self._seen = -1
        self._drawn: tuple[object, ...] = ()
        """What the frame said when it was drawn last."""

    @property
    def sila(self) -> SilaApp:
        """The app, with what it carries."""
        return cast("SilaApp", self.app)

    def crumbs(self) -> list[str]:
        """Where one is, outermost first."""
        return ["sila"]

    def body(self) -> ComposeResult:
        """The widgets between the top line and the keys."""
        yield Container()

    def compose(self) -> ComposeResult:
        """Builds the frame around the body."""
        yield TopBar(self.sila.session, self.crumbs(), self.sila.host)
        yield Banner(self.sila.session)
        yield from self.body()
        yield FilterLine()
        yield KeyLine()

    def on_mount(self) -> None:
        """Shows what is known already."""
        self.pull()

    def on_screen_resume(self) -> None:
        """Shows what changed while another screen was in front."""
        self.pull()
        if self.is_whole and self.sila.link.waits.slow:
            self.query_one(KeyLine).waits_changed()

    @property
    def is_whole(self) -> bool:
        """Whether all parts are there: timers also tick while a screen is built or taken down."""
        if not self.is_mounted:
            return False
        there = self.walk_children(with_self=False)
        return all(any(isinstance(each, part) for each in there) for part in self.PARTS)

    def pull(self) -> None:
        """Takes the news from the session into the widgets; called when there are some."""
        session = self.sila.session
        crumbs = self.crumbs()
        said = (session.overall, tuple(crumbs), session.connection)
        is_still = said == self._drawn and session.connection is Connection.OPEN
        # Most seconds nothing is said otherwise, and then nothing is to be done.
        is_known = is_still and self._seen == session.revision
        if (is_known and not self._is_filtering) or not self.is_whole:
            return
        self._drawn = said
        if not is_still:
            bar = self.query_one(TopBar)
            bar.go_to(crumbs)
            bar.refresh()
            self.query_one(Banner).pull()
        self.query_one(FilterLine).pull()
        problems = len(session.problems)
        self.query_one(KeyLine).say(counted(problems, "problem") if problems else "")
        if self._seen != session.revision:
            self._seen = session.revision
            self.news()

    @property
    def _is_filtering(self) -> bool:
        """Whether the line of a filter may have something else to count."""
        return any(isinstance(each, FilterLine) and each.display for each in self.children)

    def news(self) -> None:
        """Redraws what shows the session's facts."""

    @on(events.DescendantFocus)
    @on(events.DescendantBlur)
    def focus_moved(self) -> None:
        """Takes the filter's line away when it is no longer about what is seen."""
        self.call_after_refresh(self._pull_filter)

    def _pull_filter(self) -> None:
        if self.is_whole:
            self.query_one(FilterLine).pull()

    @property
    def rows_at_hand(self) -> RowList | ChatReader | None:
        """The list or chat that has the keys, else the first list in sight."""
        if isinstance(self.focused, ChatReader):
            return self.focused
        found = [rows for rows in self.query(RowList) if rows.can_filter and rows.region]
        focused = [rows for rows in found if rows.has_focus]
        return next(iter(focused or found), None)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers to filter where there is a list."""
        return self.rows_at_hand is not None if action == "filter" else True

    def action_filter(self) -> None:
        """Takes words that the rows of the list at hand must have."""
        rows = self.rows_at_hand
        if rows is not None:
            self.query_one(FilterLine).begin(rows)

    @property
    def commanded(self) -> Commanded:
        """What does the commands of this screen."""
        return self

    def filter_rows(self, words: str) -> None:
        """Filters the list at hand by words. Raises UsageError where there is none."""
        rows = self.rows_at_hand
        if rows is None:
            raise UsageError("there is no list to filter here")
        self.query_one(FilterLine).keep(rows, words)

    def action_leave(self) -> None:
        """Goes back to where one came from; a key that is held down goes one step, not two."""
        if self.is_current:
            self.app.pop_screen()
