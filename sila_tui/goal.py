"""Where a person wants to go inside a space, and the way there."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_tui.outline import Item, Outline
    from sila_tui.panes.pane import Pane


@dataclass(frozen=True)
class Goal:
    """A tree, a vertex of it, a view; what is left open is chosen for the person."""

    tree: str = ""
    vertex: str = ""
    view: str = ""

    def begin(self, outline: Outline) -> Item | None:
        """The part of the space to open first."""
        return outline.first(self.tree, self.view)

    async def reach(
        self, pane: Pane | None, outline: Outline, opened: Callable[[Item], Awaitable[Pane | None]]
    ) -> Pane | None:
        """Goes to the vertex in an open pane; else in its tree, which shows everything.

        Returns the pane that it is in; None when it is nowhere. Raises SilaError.
        """
        if pane is not None and await pane.go_to(self.vertex):
            return pane
        item = outline.as_tree(self.tree)
        pane = None if item is None else await opened(item)
        return pane if pane is not None and await pane.go_to(self.vertex) else None
