"""Does what a line of words asks for: with its arguments, or as the key for it would."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError, UsageError
from sila_tui.command_history import History
from sila_tui.command_words import Wish, read_line
from sila_tui.screens.command_line import CommandScreen
from sila_tui.screens.frame import FramedScreen
from sila_tui.screens.outbox import OutboxScreen
from sila_tui.screens.search import SearchScreen
from sila_tui.screens.space import SpaceScreen
from sila_tui.space_actions import SpaceActions
from sila_tui.theme import THEMES
from sila_tui.widgets.key_line import key_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping

    from textual.binding import ActiveBinding

    from sila_tui.app import SilaApp
    from sila_tui.commands import Command
    from sila_tui.facts import SpaceFacts


class CommandRunner:
    """Runs commands on the framed screen in front."""

    def __init__(self, app: SilaApp) -> None:
        self._app = app
        self._spaces = SpaceActions(app, lambda: self.screen.commanded.space_at_hand)
        self.runs: dict[str, Callable[[Mapping[str, str]], None]] = {
            "open": self._open,
            "home": lambda _: self._home(),
            "search": self._search,
            "waits": self._waits,
            "sync": lambda given: self._app.sync_space(self._spaces.space(given).id),
            "pause": self._spaces.pause,
            "resume": self._spaces.resume,
            "create": self._spaces.create,
            "add": self._spaces.add,
            "mirror": self._spaces.mirror,
            "remove": self._spaces.remove,
            "folder": self._spaces.folder,
            "theme": self._theme,
            "quit": lambda _: self._app.exit(),
        }
        """What needs no key; the others are done by the screen in front, or as by a key."""

    @property
    def screen(self) -> FramedScreen:
        """The screen that commands are about: the last one that is no window over another."""
        framed = [each for each in self._app.screen_stack if isinstance(each, FramedScreen)]
        return framed[-1]

    def run(self, line: str) -> None:
        """Does what a line says. Raises SilaError with what to write instead."""
        wish = read_line(line)
        name, has_words = wish.command.name, bool(wish.given)
        if name == "filter" and has_words:
            self.screen.filter_rows(wish.given["WORDS"])
        elif name in self.screen.commanded.takes() and (has_words or not wish.command.actions):
            self.screen.commanded.take(name, wish.given)
        elif name in self.runs and (has_words or not wish.command.actions or not self._key(wish)):
            self.runs[name](wish.given)
        elif has_words:
            raise UsageError(f"{name} takes no words here", hint=f"write only: {name}")
        else:
            self._as_key(wish)

    def open_line(self, text: str = "", wrong: str = "") -> None:
        """Opens the line with a text, and with what is wrong about it."""

        def answered(line: str | None) -> None:
            if line is not None:
                self._app.call_later(self.run_told, line)

        history = History(self._app.session.memory)
        self._app.push_screen(CommandScreen(self, history, text, wrong), answered)

    def run_told(self, line: str) -> None:
        """Does a line; opens it again with what is wrong where it makes no sense."""
        try:
            self.run(line)
        except SilaError as error:
            said = f"{error.message}: {error.hint}" if error.hint else error.message
            self.open_line(line, said)
        else:
            History(self._app.session.memory).note(line)

    def is_usable(self, command: Command) -> bool:
        """Whether a command does something where one is."""
        if command.name in self.runs:
            has_space = not any(one.kind == "space" for one in command.arguments)
            return has_space or bool(self._app.session.spaces)
        is_taken = command.name in self.screen.commanded.takes()
        return is_taken or self.binding_of(command) is not None

    def key_of(self, command: Command) -> str:
        """The key that does the same here; empty when there is none."""
        active = self.binding_of(command)
        return "" if active is None else key_name(active.binding.key)

    def choices(self, kind: str) -> Iterable[tuple[str, str]]:
        """What an argument of a kind may be, and what is known of each."""
        session = self._app.session
        match kind:
            case "space":
                return [(_called(space), session.say.of_space(space)) for space in session.spaces]
            case "theme":
                return [(theme.name.removeprefix("sila-"), "") for theme in THEMES]
            case "time":
                return [(said, "") for said in ("30m", "2h", "8h", "1d")]
            case _:
                return self.screen.commanded.choices(kind)

    def binding_of(self, command: Command) -> ActiveBinding | None:
        """The key's binding that does the same and is in force."""
        for screen in (self.screen, self._app.home_screen):
            for active in screen.active_bindings.values():
                if active.binding.action in command.actions and active.enabled:
                    return active
        return None

    def _key(self, wish: Wish) -> ActiveBinding | None:
        return None if wish.given else self.binding_of(wish.command)

    def _as_key(self, wish: Wish) -> None:
        active = self.binding_of(wish.command)
        if active is None:
            raise UsageError(
                f"{wish.command.name} does nothing here",
                hint="go to what it is about; commands lists what can be done",
            )
        run = self._app.run_action(active.binding.action, active.node)
        self._app.run_worker(run, group="command")

    def _open(self, given: Mapping[str, str]) -> None:
        space = self._spaces.space(given)
        self._app.push_screen(SpaceScreen(space, part=given.get("PART", "")))

    def _search(self, given: Mapping[str, str]) -> None:
        self._app.push_screen(SearchScreen(given.get("WORDS", "")))

    def _waits(self, given: Mapping[str, str]) -> None:
        self._app.push_screen(OutboxScreen(self._spaces.space(given)))

    def _home(self) -> None:
        while len(self._app.screen_stack) > 1 and self._app.screen is not self._app.home_screen:
            self._app.pop_screen()

    def _theme(self, given: Mapping[str, str]) -> None:
        names = [theme.name.removeprefix("sila-") for theme in THEMES]
        wish = given.get("NAME", "").removeprefix("sila-")
        if wish not in names:
            hint = f"one of {', '.join(names)}"
            raise UsageError(f"there are no colours called {wish!r:.40}", hint=hint)
        self._app.take_theme(f"sila-{wish}")


def _called(space: SpaceFacts) -> str:
    """What a space is named by in a line: its name, or its id where it has none."""
    return space.name or space.id[:8]
