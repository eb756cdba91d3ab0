"""What the command palette finds: every key's action by its words, every space by its name."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING, Any, cast

from textual.command import DiscoveryHit, Hit, Hits, Provider

from sila_tui.screens.space import SpaceScreen
from sila_tui.widgets.key_line import key_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterator

    from sila_tui.app import SilaApp

MOTIONS = ("move", "page", "step", "go(", "scroll", "app.focus", "screen.copy", "command_palette")
"""Actions that only make sense as keys."""


class SilaCommands(Provider):
    """Made from the bindings in force, so that no action is forgotten."""

    def _found(self) -> Iterator[tuple[str, str, Callable[[], Any]]]:
        app = cast("SilaApp", self.app)
        for space in app.session.spaces:
            said = app.session.say.of_space(space)
            yield f"Open {space.title}", said, partial(app.push_screen, SpaceScreen(space))
        if isinstance(self.screen, SpaceScreen):
            for item in self.screen.outline.items(with_trees=False):
                if item.view in ("chat", "files", "secrets", "trash"):
                    yield f"Go to {item.title}", "in this space", partial(self.screen.show, item)
        seen: set[str] = set()
        for active in self.screen.active_bindings.values():
            binding = active.binding
            is_worth = binding.description and not binding.action.startswith(MOTIONS)
            if is_worth and binding.action not in seen and not binding.system:
                seen.add(binding.action)
                run = partial(app.run_action, binding.action, active.node)
                yield binding.description, f"key {key_name(binding.key)}", run
        yield "Other colours", "dark, light or high contrast", app.action_other_theme

    async def discover(self) -> Hits:
        """Offers everything before a word is typed."""
        for name, said, run in self._found():
            yield DiscoveryHit(name, run, help=said)

    async def search(self, query: str) -> Hits:
        """Offers what has the words."""
        matcher = self.matcher(query)
        for name, said, run in self._found():
            score = matcher.match(name)
            if score > 0:
                yield Hit(score, matcher.highlight(name), run, help=said)
