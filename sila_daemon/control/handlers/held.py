"""`held.*`: changes that would delete or overwrite much, and what somebody decides about them."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.control import held_results, messages
from sila_daemon.core.errors import NotFoundError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import OpenSpace, SpaceKeeper
    from sila_daemon.control.space_parts import HeldChanges, Hold


class HeldHandlers:
    """Lists what is held, and takes yes and no for an answer."""

    def __init__(self, spaces: SpaceKeeper) -> None:
        self._spaces = spaces

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {
            "held.list": self.list,
            "held.accept": self.accept,
            "held.refuse": self.refuse,
            "held.undo": self.undo,
        }

    async def list(self, params: messages.StatusParams) -> held_results.HeldList:
        """Lists what is held in one space or in all; what was refused comes last."""
        every = self._spaces.all() if params.space is None else [self._spaces.find(params.space)]
        found = [_entry(space, hold) for space in every for hold in await space.held.holds()]
        return held_results.HeldList(
            held=sorted(found, key=lambda entry: entry.refused_at is not None)
        )

    async def accept(self, params: messages.HeldParams) -> held_results.HeldDone:
        """Shows and passes on what was held."""
        return await self._decide(params, lambda held: held.accept)

    async def refuse(self, params: messages.HeldParams) -> held_results.HeldDone:
        """Keeps it held, without asking any more."""
        return await self._decide(params, lambda held: held.refuse)

    async def undo(self, params: messages.HeldParams) -> held_results.HeldDone:
        """Has everything stay as it is, for everybody."""
        return await self._decide(params, lambda held: held.undo)

    async def _decide(
        self,
        params: messages.HeldParams,
        decision: Callable[[HeldChanges], Callable[[int], Awaitable[int]]],
    ) -> held_results.HeldDone:
        space = self._spaces.find(params.space)
        numbers = [params.number] if params.number is not None else await _waiting(space.held)
        decide = decision(space.held)
        return held_results.HeldDone(
            holds=len(numbers), ops=sum([await decide(number) for number in numbers])
        )


async def _waiting(held: HeldChanges) -> list[int]:
    """Returns what nobody decided about. Raises NotFoundError when that is nothing."""
    numbers = [hold.number for hold in await held.holds() if hold.refused_ms is None]
    if not numbers:
        raise NotFoundError("no changes are held in this space", code="no_held")
    return numbers


def _entry(space: OpenSpace, hold: Hold) -> held_results.HeldEntry:
    return held_results.HeldEntry(
        space=space.space_id,
        name=space.status()["name"],
        number=hold.number,
        source=hold.source,
        vertices=hold.vertices,
        of_vertices=hold.of_vertices,
        ops=hold.ops,
        deletions=hold.deletions,
        moves=hold.moves,
        properties=hold.ops - hold.deletions - hold.moves,
        trees=hold.trees,
        at=hold.at_ms,
        refused_at=hold.refused_ms,
    )
