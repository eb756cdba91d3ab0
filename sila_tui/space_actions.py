"""What commands do with whole spaces, by their names."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import NotFoundError, UsageError
from sila_tui.command_words import seconds_of
from sila_tui.jobs import run_job
from sila_tui.screens.server_dialogs import ServerDialogs
from sila_tui.widgets.dialogs import ConfirmDialog
from sila_tui.words import span

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sila_tui.app import SilaApp
    from sila_tui.facts import SpaceFacts


class SpaceActions:
    """Each takes the words of a command, and raises SilaError where they make no sense."""

    def __init__(self, app: SilaApp, at_hand: Callable[[], SpaceFacts | None]) -> None:
        self._app = app
        self._at_hand = at_hand

    def space(self, given: Mapping[str, str]) -> SpaceFacts:
        """The space that is named, else the one at hand. Raises SilaError."""
        wish = given.get("SPACE")
        if wish is None:
            at_hand = self._at_hand()
            if at_hand is None:
                raise UsageError("which space?", hint="name one, or go to it first")
            return at_hand
        found = self._app.session.spaces_called(wish)
        if len(found) > 1:
            ids = " or ".join(space.id[:8] for space in found[:3])
            raise UsageError(f"{wish} may mean {len(found)} spaces", hint=f"take {ids}")
        if not found:
            raise NotFoundError(f"no space is called {wish!r:.60}", hint="tab lists the spaces")
        return found[0]

    def pause(self, given: Mapping[str, str]) -> None:
        """Pauses one, for a time if one is given."""
        said = given.get("TIME", "")
        if not said and seconds_of(given.get("SPACE", "")) is not None:
            # A time alone is meant for the space at hand.
            given, said = {}, given["SPACE"]
        seconds = seconds_of(said) if said else None
        if said and not seconds:
            raise UsageError(f"{said!r:.40} is no time", hint="for example 30m, 2h or 1d")
        space = self.space(given)
        until = f"for {span(seconds)}" if seconds else "until it is resumed"
        self._ask("space.pause", f"{space.title} is paused {until}",
                  space=space.id, seconds=seconds)  # fmt: skip

    def resume(self, given: Mapping[str, str]) -> None:
        """Lets a paused one go on."""
        space = self.space(given)
        self._ask("space.resume", f"{space.title} goes on", space=space.id)

    def create(self, given: Mapping[str, str]) -> None:
        """Makes one."""
        if "ADDRESS" not in given:
            hint = "for example: create Work ~/Sila/Work"
            raise UsageError("create needs a name and a place", hint=hint)
        self._ask("space.create", f"{given['NAME']} is there",
                  name=given["NAME"], address=_absolute(given["ADDRESS"]))  # fmt: skip

    def add(self, given: Mapping[str, str]) -> None:
        """Looks after a folder."""
        if "FOLDER" not in given:
            raise UsageError("add needs a folder", hint="for example: add ~/Sila/Work")
        self._ask("space.add", "The folder is looked after", path=_absolute(given["FOLDER"]))

    def mirror(self, given: Mapping[str, str]) -> None:
        """Mirrors one to one more server."""
        space = self.space(given)
        run_job(self._app.screen, lambda: ServerDialogs(self._app).mirror(space), group="dialog")

    def remove(self, given: Mapping[str, str]) -> None:
        """Asks, and looks after one no longer."""
        space = self.space(given)
        left = f"the folder {space.path} stays" if space.path else "it has no folder here"

        def answered(is_meant: bool | None) -> None:
            if is_meant:
                self._ask("space.remove", f"{space.title} is no longer looked after",
                          space=space.id)  # fmt: skip

        question = f"Look after {space.title} no longer? What it holds is not deleted: {left}."
        self._app.push_screen(ConfirmDialog(question, "look after it no longer"), answered)

    def folder(self, given: Mapping[str, str]) -> None:
        """Shows the folder of one outside."""
        space = self.space(given)
        if not space.path:
            raise NotFoundError(f"{space.title} has no folder on this machine")

        async def job() -> None:
            await self._app.desktop.show_folder(Path(space.path))

        run_job(self._app.screen, job, group="open")

    def _ask(self, method: str, said: str, **params: Any) -> None:
        self._app.home_screen.ask_daemon(method, said, **params)


def _absolute(place: str) -> str:
    return place if "://" in place else str(Path(place).expanduser().absolute())
