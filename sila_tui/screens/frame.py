"""What all screens share: the top line, the banner, the line of keys, pulling the news."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, cast

from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import Screen

from sila_tui.widgets.key_line import KeyLine
from sila_tui.widgets.top_bar import Banner, TopBar
from sila_tui.words import counted

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.widget import Widget

    from sila_tui.app import SilaApp


class FramedScreen(Screen[None]):
    """A screen below the app's first one: its body between the top line and the keys."""

    PARTS: ClassVar[tuple[type[Widget], ...]] = (TopBar, Banner, KeyLine)
    """The widgets that `pull` and `news` speak to."""
    BINDING_GROUP_TITLE = "Everywhere"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("escape,q", "leave", "Back", show=False),
        Binding("question_mark", "app.help", "Keys", show=False),
        Binding("tab", "app.focus_next", "Next pane", show=False),
        Binding("shift+tab", "app.focus_previous", "Pane before", show=False),
    ]

    def __init__(self) -> None:
        super().__init__()
        self.HORIZONTAL_BREAKPOINTS = [(0, "-narrow"), (100, "-wide")]
        self._seen = -1

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
        yield KeyLine()

    def on_mount(self) -> None:
        """Shows what is known already."""
        self.pull()

    def on_screen_resume(self) -> None:
        """Shows what changed while another screen was in front."""
        self.pull()

    @property
    def is_whole(self) -> bool:
        """Whether all parts are there: timers also tick while a screen is built or taken down."""
        return self.is_mounted and all(self.query(part) for part in self.PARTS)

    def pull(self) -> None:
        """Takes the news from the session into the widgets; called when there are some."""
        if not self.is_whole:
            return
        session = self.sila.session
        bar = self.query_one(TopBar)
        bar.go_to(self.crumbs())
        bar.refresh()
        self.query_one(Banner).pull()
        problems = len(session.problems)
        self.query_one(KeyLine).say(counted(problems, "problem") if problems else "")
        if self._seen != session.revision:
            self._seen = session.revision
            self.news()

    def news(self) -> None:
        """Redraws what shows the session's facts."""

    def action_leave(self) -> None:
        """Goes back to where one came from."""
        self.app.pop_screen()
