"""The app: carries the session and the link, and redraws at most ten times a second."""

from __future__ import annotations

import asyncio
import os
import sys
import tempfile
from contextlib import suppress
from pathlib import Path
from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.worker import Worker, WorkerError

from sila_daemon.core.errors import StorageError
from sila_tui.clipboard import Clipboard
from sila_tui.command_runner import CommandRunner
from sila_tui.desktop import Desktop
from sila_tui.hangup import TerminalWatch
from sila_tui.jobs import run_job
from sila_tui.link import Connect, Link
from sila_tui.memory_keeper import MemoryKeeper
from sila_tui.own_keys import KeyedApp
from sila_tui.palette import SilaCommands
from sila_tui.screens.activity import ActivityScreen
from sila_tui.screens.calls import CallsScreen
from sila_tui.screens.frame import FramedScreen
from sila_tui.screens.help import HelpScreen
from sila_tui.screens.home import HomeScreen
from sila_tui.screens.search import SearchScreen
from sila_tui.screens.space import SpaceScreen
from sila_tui.screens.sync import SyncScreen
from sila_tui.session import Connection
from sila_tui.starting import start_daemon
from sila_tui.theme import DARK, LIGHT, TERMINAL, THEMES

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from textual.command import Provider
    from textual.timer import Timer

    from sila_tui.session import Session

REDRAW_S_MIN = 0.1
"""Changes are gathered for this long: ten redraws a second are as many as the eye follows."""
AGES_S = 1.0
"""How often words such as `12 s ago` are told anew."""

START_COMMAND = (sys.executable, "-m", "sila_daemon.cli", "start")


class SilaApp(KeyedApp):
    """Shows what the daemon holds. Everything it knows comes through `link` into `session`."""

    TITLE = "sila"
    COMMANDS: ClassVar[set[type[Provider] | Callable[[], type[Provider]]]] = {SilaCommands}
    CSS = """
    Toast { background: $panel; padding: 0 1; }
    ModalScreen { background: $background 70%; }
    CommandScreen { background: $background 0%; }
    ModalScreen:ansi { background: transparent; }
    ModalScreen:ansi > Vertical { background: ansi_default; border: round ansi_bright_black; }
    CommandScreen:ansi > Vertical {
        border: none; border-top: solid ansi_bright_black;
    }
    CommandPalette:ansi { background: transparent; }
    FormDialog .label:ansi, .hint:ansi { text-style: dim; }
    CommandPalette { background: $background 70%; }
    CommandPalette SearchIcon { display: none; }
    CommandPalette > Vertical { width: 70; max-width: 94%; background: $panel; }
    """
    BINDING_GROUP_TITLE = "Everywhere"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("ctrl+p", "command_palette", "All commands", show=False),
        Binding("colon", "command_line", "Command line", show=False),
        Binding("ctrl+r", "retry", "Try again"),
        Binding("ctrl+s", "start_daemon", "Start the daemon"),
        Binding("ctrl+f", "search", "Search everything", show=False),
        Binding("ctrl+t", "other_theme", "Other colours", show=False),
        Binding("L", "calls", "Daemon calls", show=False),
        Binding("escape", "let_go", "Wait no longer", show=False, priority=True),
    ]

    def __init__(
        self,
        session: Session,
        connect: Connect,
        *,
        socket: str = "",
        host: str = "",
        home: str = "",
        first_space: str = "",
        is_light: bool = False,
        cache: Path | None = None,
        keys: Mapping[str, str] | None = None,
        clip: Clipboard | None = None,
    ) -> None:
        # Where nothing may have a colour, greys are colours too: what is left is the terminal's.
        is_colourless = "NO_COLOR" in os.environ
        super().__init__(keys or {}, ansi_color=True if is_colourless else None)
        self.session = session
        self.symbols = session.symbols
        self.link = Link(connect, session)
        self.is_slow_since = self.link.waits.is_slow_since
        self.socket = socket
        self.host = host
        self.commands = CommandRunner(self)
        self.home_screen = HomeScreen()
        self.home = home
        """The folder that paths are shown relative to, as `~`."""
        self.desktop = Desktop(cache or Path(tempfile.gettempdir(), f"sila-tui-{os.getuid()}"))
        self.clip = clip or Clipboard()
        self._first_space = first_space
        self._redraw: Timer | None = None
        self._linking: Worker[None] | None = None
        self._drawn_connection = session.connection
        self.start_command: tuple[str, ...] = START_COMMAND
        for theme in THEMES:
            self.register_theme(theme)
        kept = session.memory.text("look", "theme")
        kept = kept if kept in {theme.name for theme in THEMES} else DARK.name
        wished = LIGHT.name if is_light else kept
        self.theme = TERMINAL.name if is_colourless else wished

    def on_mount(self) -> None:
        """Opens the first screen and begins to listen to the daemon."""
        self.push_screen(self.home_screen)
        self.session.on_change = self._session_changed
        self.session.memory.on_change = MemoryKeeper(self, self.session.memory).changed
        self.set_interval(AGES_S, self._pull)
        self._linking = self.run_worker(self.link.run(), name="link", group="link")
        if not self.is_headless and sys.stdin is not None:
            loop = asyncio.get_running_loop()
            TerminalWatch(sys.stdin.fileno(), loop, self.exit).start()

    async def on_unmount(self) -> None:
        """Stops listening to the session, and waits until the connection is closed."""
        self.session.on_change = self.session.memory.on_change = _ignore
        if self._linking is not None:
            self._linking.cancel()
            with suppress(WorkerError):
                await self._linking.wait()
        with suppress(StorageError):
            await asyncio.to_thread(self.session.memory.save)

    @property
    def is_at_rest(self) -> bool:
        """Whether everything that changed has been drawn."""
        return self._redraw is None

    def _session_changed(self) -> None:
        if self._redraw is None:
            self._redraw = self.set_timer(REDRAW_S_MIN, self._pull_changes)

    def _pull_changes(self) -> None:
        self._redraw = None
        self._pull()
        if self._first_space and self.session.spaces:
            wish, self._first_space = self._first_space, ""
            space = self.session.find_space(wish)
            if space is not None:
                self.push_screen(SpaceScreen(space))
                return
            said = "No space is called that, or more than one is."
            self.notify(said, title=wish, severity="warning", markup=False)

    def _pull(self) -> None:
        if self._drawn_connection is not self.session.connection:
            self._drawn_connection = self.session.connection
            self.screen.refresh_bindings()
        shown = [screen for screen in self.screen_stack if isinstance(screen, FramedScreen)]
        if shown:
            shown[-1].pull()

    def sync_space(self, space_id: str) -> None:
        """Scans and exchanges one space now, and says when that is done."""
        title = self.session.title_of(space_id)

        async def job() -> None:
            await self.link.call("space.sync", space=space_id)
            self.link.refresh()
            self.notify(f"{title} is up to date", markup=False)

        self.notify(f"{title} is being synced", timeout=2, markup=False)
        run_job(self.screen, job, group=f"sync {space_id}")

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers what helps without a daemon only then."""
        if action == "let_go":
            return bool(self.link.waits.slow)
        if action == "command_line":
            return isinstance(self.screen, FramedScreen)
        if action in ("retry", "start_daemon"):
            return self.session.connection in (Connection.ABSENT, Connection.LOST)
        if action in ("sync_status", "search"):
            return bool(self.session.spaces)
        return True

    def action_help(self) -> None:
        """Lists the keys of the screen in front."""
        bindings = list(self.screen.active_bindings.values())
        self.push_screen(HelpScreen(bindings, self.key_meanings))

    def action_sync_status(self) -> None:
        """Shows what each layer holds."""
        self.push_screen(SyncScreen())

    def action_activity(self) -> None:
        """Shows what happened, and happens."""
        self.push_screen(ActivityScreen())

    def action_calls(self) -> None:
        """Shows what the daemon was asked."""
        if not isinstance(self.screen, CallsScreen):
            self.push_screen(CallsScreen())

    def action_let_go(self) -> None:
        """Waits no longer for what is slow."""
        self.link.waits.let_go()

    def action_search(self) -> None:
        """Finds words in all spaces."""
        if not isinstance(self.screen, SearchScreen):
            self.push_screen(SearchScreen())

    def action_retry(self) -> None:
        """Tries to reach the daemon now."""
        self.link.retry()

    def action_other_theme(self) -> None:
        """Changes to the next of the looks; the last one is remembered."""
        names = [theme.name for theme in THEMES]
        at = names.index(self.theme) if self.theme in names else -1
        self.take_theme(names[(at + 1) % len(names)])

    def take_theme(self, name: str) -> None:
        """Shows other colours, and remembers them."""
        if self.no_color:
            self.notify("NO_COLOR is set: there are no colours to choose from", timeout=4)
            return
        self.theme = name
        self.session.memory.put("look", "theme", name)

    def action_command_line(self) -> None:
        """Takes a command with its arguments."""
        self.commands.open_line()

    def action_start_daemon(self) -> None:
        """Starts the daemon, as `sila-daemon start` does, and connects."""
        job = start_daemon(self, self.start_command)
        self.run_worker(job, group="start", exclusive=True)


def _ignore() -> None:
    """Takes the place of a callback that is no longer wanted."""
