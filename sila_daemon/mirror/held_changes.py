"""What a person decides about changes that the guard holds: yes, no, or undone for everybody."""

from __future__ import annotations

from functools import partial
from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError
from sila_daemon.core.rep_tree import depth_of
from sila_daemon.mirror.wakes import News
from sila_daemon.store.held import Release
from sila_daemon.store.space_store import Delivery

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sila_daemon.core.ops import Op
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.layers import Layers
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.held import Hold

PAGE_OPS = 5000
UNDO_OPS = 1000
"""Undone in one commit, so that others get their turn."""


class HeldChanges:
    """The held changes of one space. Everything waits until the space is open."""

    def __init__(
        self, ready_layers: Callable[[], Awaitable[Layers]], clock: Clock, wakes: Wakes
    ) -> None:
        """`ready_layers` returns the open space's parts, or raises StorageError."""
        self._ready_layers = ready_layers
        self._clock = clock
        self._wakes = wakes

    async def holds(self) -> list[Hold]:
        """Returns the changes that are held, those that were refused too, oldest first."""
        return await (await self._ready_layers()).held.holds()

    async def accept(self, number: int) -> int:
        """Shows and passes on what is held, as if it came now; returns how many ops.

        What was refused can be accepted too. Raises NotFoundError, StorageError.
        """
        layers = await self._ready_layers()
        count = await _release(layers, await _found(layers, number))
        await self._decided(layers)
        return count

    async def refuse(self, number: int) -> int:
        """Keeps what is held from being shown and passed on, until it is accepted.

        Whoever made the changes has them still. Returns how many ops they are. Raises
        NotFoundError, StorageError.
        """
        layers = await self._ready_layers()
        hold = await _found(layers, number)
        if hold.refused_ms is None:
            await layers.held.refuse(number, int(self._clock.time() * 1000))
            await self._decided(layers)
        return hold.ops

    async def undo(self, number: int) -> int:
        """Has everything stay as it is here, for everybody; returns how many ops that took.

        Newer ops say anew what the held ones would change. With these before them the held ones
        change nothing, and are let go. Raises NotFoundError, StorageError.
        """
        layers = await self._ready_layers()
        hold = await _found(layers, number)
        count = 0
        for tree_id, ops in (await _by_tree(layers, hold)).items():
            tree = await layers.trees.get(tree_id)
            # From above to below: what is kept below something stands where that is kept.
            ops.sort(key=lambda op: depth_of(tree, op.target))
            for start in range(0, len(ops), UNDO_OPS):
                keep = partial(_keep, ops[start : start + UNDO_OPS])
                count += await layers.intake.edit([tree_id], keep, is_meant=True)
        # Only now: what ends the process before leaves the hold as it was.
        await _release(layers, hold)
        await self._decided(layers)
        return count

    async def _decided(self, layers: Layers) -> None:
        for remote in layers.remotes:
            await remote.count_debt()
        self._wakes.ring(News.OPS)


async def _release(layers: Layers, hold: Hold) -> int:
    decided = Release(hold.number, hold.last_seq)
    committed = await layers.intake.deliver(Delivery(releases=[decided]))
    return len(committed.released)


def _keep(ops: Sequence[Op], trees: list[RepTree]) -> int:
    return trees[0].keep(ops)


async def _found(layers: Layers, number: int) -> Hold:
    for hold in await layers.held.holds():
        if hold.number == number:
            return hold
    raise NotFoundError(
        f"there are no held changes {number}",
        code="no_held",
        hint="see them with: sila-daemon held",
    )


async def _by_tree(layers: Layers, hold: Hold) -> dict[str, list[Op]]:
    found: dict[str, list[Op]] = {}
    after = 0
    while page := await layers.held.ops(hold.number, after, PAGE_OPS):
        after = page[-1][0]
        for seq, (tree_id, op) in page:
            if seq <= hold.last_seq:
                found.setdefault(tree_id, []).append(op)
    return found
