"""Does what a line of words asks for: with its arguments, or as the key for it would."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import NotFoundError, UsageError
from sila_tui.command_words import Wish, read_line, seconds_of
from sila_tui.jobs import run_job
from sila_tui.screens.frame import FramedScreen
from sila_tui.screens.outbox import OutboxScreen
from sila_tui.screens.search import SearchScreen
from sila_tui.screens.server_dialogs import ServerDialogs
from sila_tui.screens.space import SpaceScreen
from sila_tui.theme import THEMES
from sila_tui.widgets.dialogs import ConfirmDialog
from sila_tui.widgets.key_line import key_name
from sila_tui.words import span

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
        self.runs: dict[str, Callable[[Mapping[str, str]], None]] = {
            "open": self._open,
            "home": lambda _: self._home(),
            "search": self._search,
            "waits": self._waits,
            "sync": lambda given: self._app.sync_space(self._space(given).id),
            "pause": self._pause,
            "resume": self._resume,
            "create": self._create,
            "add": self._add,
            "mirror": self._mirror,
            "remove": self._remove,
            "folder": self._folder,
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
        elif name in self.screen.takes() and (has_words or not wish.command.actions):
            self.screen.take(name, wish.given)
        elif name in self.runs and (has_words or not wish.command.actions or not self._key(wish)):
            self.runs[name](wish.given)
        elif has_words:
            raise UsageError(f"{name} takes no words here", hint=f"write only: {name}")
        else:
            self._as_key(wish)

    def is_usable(self, command: Command) -> bool:
        """Whether a command does something where one is."""
        if command.name in self.runs:
            has_space = not any(one.kind == "space" for one in command.arguments)
            return has_space or bool(self._app.session.spaces)
        is_taken = command.name in self.screen.takes()
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
                return self.screen.choices(kind)

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

    def _space(self, given: Mapping[str, str]) -> SpaceFacts:
        """The space that is named, else the one at hand. Raises SilaError."""
        wish = given.get("SPACE")
        if wish is None:
            if self.screen.space_at_hand is None:
                raise UsageError("which space?", hint="name one, or go to it first")
            return self.screen.space_at_hand
        found = self._app.session.spaces_called(wish)
        if len(found) > 1:
            ids = " or ".join(space.id[:8] for space in found[:3])
            raise UsageError(f"{wish} may mean {len(found)} spaces", hint=f"take {ids}")
        if not found:
            raise NotFoundError(f"no space is called {wish!r:.60}", hint="tab lists the spaces")
        return found[0]

    def _open(self, given: Mapping[str, str]) -> None:
        space = self._space(given)
        self._app.push_screen(SpaceScreen(space, part=given.get("PART", "")))

    def _search(self, given: Mapping[str, str]) -> None:
        self._app.push_screen(SearchScreen(given.get("WORDS", "")))

    def _waits(self, given: Mapping[str, str]) -> None:
        self._app.push_screen(OutboxScreen(self._space(given)))

    def _home(self) -> None:
        while len(self._app.screen_stack) > 1 and self._app.screen is not self._app.home_screen:
            self._app.pop_screen()

    def _pause(self, given: Mapping[str, str]) -> None:
        said = given.get("TIME", "")
        if not said and seconds_of(given.get("SPACE", "")) is not None:
            # A time alone is meant for the space at hand.
            given, said = {}, given["SPACE"]
        seconds = seconds_of(said) if said else None
        if said and not seconds:
            raise UsageError(f"{said!r:.40} is no time", hint="for example 30m, 2h or 1d")
        space = self._space(given)
        until = f"for {span(seconds)}" if seconds else "until it is resumed"
        self._ask("space.pause", f"{space.title} is paused {until}",
                  space=space.id, seconds=seconds)  # fmt: skip

    def _resume(self, given: Mapping[str, str]) -> None:
        space = self._space(given)
        self._ask("space.resume", f"{space.title} goes on", space=space.id)

    def _create(self, given: Mapping[str, str]) -> None:
        if "ADDRESS" not in given:
            hint = "for example: create Work ~/Sila/Work"
            raise UsageError("create needs a name and a place", hint=hint)
        self._ask("space.create", f"{given['NAME']} is there",
                  name=given["NAME"], address=_absolute(given["ADDRESS"]))  # fmt: skip

    def _add(self, given: Mapping[str, str]) -> None:
        if "FOLDER" not in given:
            raise UsageError("add needs a folder", hint="for example: add ~/Sila/Work")
        self._ask("space.add", "The folder is looked after", path=_absolute(given["FOLDER"]))

    def _mirror(self, given: Mapping[str, str]) -> None:
        space = self._space(given)
        run_job(self.screen, lambda: ServerDialogs(self._app).mirror(space), group="dialog")

    def _remove(self, given: Mapping[str, str]) -> None:
        space = self._space(given)
        left = f"the folder {space.path} stays" if space.path else "it has no folder here"

        def answered(is_meant: bool | None) -> None:
            if is_meant:
                self._ask("space.remove", f"{space.title} is no longer looked after",
                          space=space.id)  # fmt: skip

        question = f"Look after {space.title} no longer? What it holds is not deleted: {left}."
        self._app.push_screen(ConfirmDialog(question, "look after it no longer"), answered)

    def _folder(self, given: Mapping[str, str]) -> None:
        space = self._space(given)
        if not space.path:
            raise NotFoundError(f"{space.title} has no folder on this machine")

        async def job() -> None:
            await self._app.desktop.show_folder(Path(space.path))

        run_job(self.screen, job, group="open")

    def _theme(self, given: Mapping[str, str]) -> None:
        names = [theme.name.removeprefix("sila-") for theme in THEMES]
        wish = given.get("NAME", "").removeprefix("sila-")
        if wish not in names:
            hint = f"one of {', '.join(names)}"
            raise UsageError(f"there are no colours called {wish!r:.40}", hint=hint)
        self._app.take_theme(f"sila-{wish}")

    def _ask(self, method: str, said: str, **params: Any) -> None:
        self._app.home_screen.ask_daemon(method, said, **params)


def _called(space: SpaceFacts) -> str:
    """What a space is named by in a line: its name, or its id where it has none."""
    return space.name or space.id[:8]


def _absolute(place: str) -> str:
    return place if "://" in place else str(Path(place).expanduser().absolute())
