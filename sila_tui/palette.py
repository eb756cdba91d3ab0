"""What the palette finds: every command by its words, every space and part by its name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from sila_tui.commands import COMMANDS
from sila_tui.screens.space import SpaceScreen

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sila_tui.app import SilaApp


class SilaCommands(Provider):
    """Made from the table of commands, so that none is forgotten."""

    def _found(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        app = cast("SilaApp", self.app)
        for space in app.session.spaces:
            said = app.session.say.of_space(space)
            yield f"Open {space.title}", said, partial(app.push_screen, SpaceScreen(space))
        if isinstance(self.screen, SpaceScreen):
            for item in self.screen.outline.items(with_trees=False):
                if item.view in ("chat", "files", "secrets", "trash"):
                    yield f"Go to {item.title}", "in this space", partial(self.screen.show, item)
        for command in COMMANDS:
            if not app.commands.is_usable(command):
                continue
            key = app.commands.key_of(command)
            said = f":{command.usage}   key {key}" if key else f":{command.usage}"
            is_line = any(argument.is_needed for argument in command.arguments) or (
                command.arguments and not command.actions
            )
            run = (
                partial(app.commands.open_line, f"{command.name} ")
                if is_line
                else partial(app.commands.run_told, command.name)
            )
            yield command.does, said, run

    async def discover(self) -> Hits:
        """Offers everything before a word is typed."""
        for name, said, run in self._found():
            yield DiscoveryHit(name, run, help=_plain(said))

    async def search(self, query: str) -> Hits:
        """Offers what has the words."""
        matcher = self.matcher(query)
        for name, said, run in self._found():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), run, help=_plain(said))


def _plain(text: str) -> str:
    """Text whose brackets stand for themselves, not for markup."""
    return text.replace("[", r"\[")
