"""The first screen: every space, whether it is safe, and what happened lately."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Horizontal

from sila_tui.jobs import run_job
from sila_tui.screens.frame import FramedScreen
from sila_tui.screens.server_dialogs import ServerDialogs
from sila_tui.screens.space import SpaceScreen
from sila_tui.session import Connection
from sila_tui.view_memory import LAST_SPACE, LOOK
from sila_tui.widgets.dialogs import Field, FormDialog
from sila_tui.widgets.row_list import RowList
from sila_tui.widgets.space_details import SpaceDetails
from sila_tui.widgets.space_list import SpaceList
from sila_tui.widgets.welcome import Welcome

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sila_tui.facts import SpaceFacts

AGES_S = 5.0
"""How often words such as `12 s ago` in the list and the details are told anew."""


class HomeScreen(FramedScreen):
    """Lists the spaces and starts everything that can be done with one."""

    DEFAULT_CSS = """
    HomeScreen > Horizontal { height: 1fr; padding-top: 1; }
    HomeScreen SpaceList { width: 1fr; height: 1fr; }
    HomeScreen SpaceDetails { width: 1fr; height: 1fr; padding: 0 2; }
    HomeScreen.-narrow > Horizontal { layout: vertical; padding-top: 0; }
    HomeScreen.-narrow SpaceList { width: 1fr; height: 2fr; }
    HomeScreen.-narrow SpaceDetails { width: 1fr; height: 3fr; padding: 1 1; }
    """
    PARTS = (*FramedScreen.PARTS, Horizontal, SpaceList, SpaceDetails, Welcome)
    BINDING_GROUP_TITLE = "Home"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("q", "app.quit", "Leave", show=False),
        Binding("escape", "nothing", show=False),
        Binding("s", "sync", "Sync now"),
        Binding("p", "pause", "Pause or resume"),
        Binding("S", "app.sync_status", "Sync status"),
        Binding("n", "new", "New"),
        Binding("a", "add", "Add"),
        Binding("c", "clone", "Clone"),
        Binding("m", "mirror", "Mirror to a server", show=False),
        Binding("i", "sign_in", "Sign in", show=False),
    ]

    _drawn_body = (-1, 0.0)
    """What the session had come to when the list was drawn last, and when that was."""
    _offered = (False, Connection.OPENING)
    """What decided which keys mean something when they were told last."""

    def body(self) -> ComposeResult:
        """Builds the list beside the details, and the page that takes their place."""
        with Horizontal():
            yield SpaceList(self.sila.session, self.sila.home)
            yield SpaceDetails(self.sila.session, self.sila.home)
        yield Welcome(self.sila.session, self.sila.socket)

    def on_mount(self) -> None:
        """Begins in the list."""
        super().on_mount()
        self.query_one(SpaceList).focus()

    @property
    def _list(self) -> SpaceList:
        return self.query_one(SpaceList)

    @property
    def space_at_hand(self) -> SpaceFacts | None:
        """The one under the cursor."""
        return self._list.space

    def pull(self) -> None:
        """Draws the list and the details; ages in them change by time alone."""
        super().pull()
        if self.is_whole:
            welcome = self.query_one(Welcome)
            welcome.pull()
            self.query_one(Horizontal).display = not welcome.is_needed
            if welcome.is_needed and not welcome.has_focus:
                welcome.focus()
            session = self.sila.session
            drawn_of, at = self._drawn_body
            # Drawing all of it each second is most of what an app costs that nobody touches.
            if drawn_of != session.revision or not 0 <= session.now() - at < AGES_S:
                self._drawn_body = session.revision, session.now()
                self._list.draw_changes()
                self.query_one(SpaceDetails).refresh()

    def news(self) -> None:
        """Takes spaces that came or went into the list."""
        welcome = self.query_one(Welcome)
        was_needed = welcome.display
        self._list.rows_changed()
        self._show_details()
        offered = bool(self.sila.session.spaces), self.sila.session.connection
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()
        self._list.begin_at(self.sila.session.memory.text(LOOK, LAST_SPACE))
        if was_needed and not welcome.is_needed:
            self.call_after_refresh(self._list.focus)

    @on(RowList.Highlighted, "#spaces")
    def moved(self) -> None:
        """Shows the details of the space under the cursor."""
        self._show_details()

    def _show_details(self) -> None:
        space = self._list.space
        self.query_one(SpaceDetails).show(space.id if space else "")

    @on(RowList.Chosen, "#spaces")
    def chosen(self) -> None:
        """Goes into the space."""
        space = self._list.space
        if space is not None:
            self.app.push_screen(SpaceScreen(space))

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers what can be done: nothing without a daemon, little without a space."""
        session = self.sila.session
        if action in ("sync", "pause", "mirror"):
            return bool(session.spaces)
        if action in ("new", "add", "clone", "sign_in"):
            return session.connection is Connection.OPEN
        return super().check_action(action, parameters)

    def action_nothing(self) -> None:
        """Escape has nowhere to go from here; q leaves."""

    def action_sync(self) -> None:
        """Scans and exchanges the space under the cursor now."""
        if self._list.space is not None:
            self.sila.sync_space(self._list.space.id)

    def action_pause(self) -> None:
        """Pauses the space under the cursor, or lets it go on."""
        space = self._list.space
        if space is None:
            return
        is_paused = space.state == "paused"
        method = "space.resume" if is_paused else "space.pause"
        said = f"{space.title} goes on" if is_paused else f"{space.title} is paused until p"
        self.ask_daemon(method, said, space=space.id)

    def ask_daemon(self, method: str, said: str, **params: object) -> None:
        """Calls the daemon, says that it is done, and looks at the result."""

        async def job() -> None:
            await self.sila.link.call(method, **params)
            self.sila.link.refresh()
            self.app.notify(said, markup=False)

        run_job(self, job, group=method)

    def _ask(self, title: str, fields: list[Field], method: str, said: str, hint: str = "") -> None:
        def answered(values: dict[str, str] | None) -> None:
            if values is None:
                return
            given = {key: value for key, value in values.items() if value}
            self.ask_daemon(method, said, **given)

        self.app.push_screen(FormDialog(title, fields, hint), answered)

    def action_new(self) -> None:
        """Makes a space."""
        fields = [
            Field("name", "Name", example="Work"),
            Field(
                "address",
                "Folder, local:// or a server's address",
                example="~/Sila/Work",
                is_path=True,
                is_folder=True,
            ),
        ]
        hint = "local:// keeps it in this machine's database only."
        self._ask("New space", fields, "space.create", "The space is there", hint)

    def action_add(self) -> None:
        """Looks after a folder that is a space already."""
        fields = [
            Field(
                "path", "Folder of the space", example="~/Sila/Work", is_path=True, is_folder=True
            )
        ]
        self._ask("Add a folder", fields, "space.add", "The folder is looked after")

    def action_clone(self) -> None:
        """Brings a space from a server."""
        run_job(self, ServerDialogs(self.sila).clone, group="dialog")

    def action_mirror(self) -> None:
        """Mirrors the space under the cursor to one more server."""
        space = self._list.space
        if space is not None:
            run_job(self, lambda: ServerDialogs(self.sila).mirror(space), group="dialog")

    def action_sign_in(self) -> None:
        """Signs in to a server."""

        async def job() -> None:
            await ServerDialogs(self.sila).sign_in()

        run_job(self, job, group="dialog")
