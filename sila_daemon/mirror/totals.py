"""How much there is in a space, and what it is called, for status."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_daemon.core.ops import PropertyOp
from sila_daemon.core.vertex import NAME_KEYS
from sila_daemon.mirror.mirror_status import Totals
from sila_daemon.mirror.wakes import News
from sila_daemon.store.space_name import space_name

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sila_daemon.mirror.layers import Layers
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.store.op_table import TreeOp


class TotalsKeeper:
    """Counts again whenever something was committed."""

    def __init__(self, space_id: str) -> None:
        self.totals = Totals()
        self._space_id = space_id
        self._is_name_stale = True

    def arrived(self, ops: Iterable[TreeOp]) -> None:
        """Takes note of ops that may change the space's name."""
        self._is_name_stale = self._is_name_stale or any(
            tree_id == self._space_id == op.target
            and isinstance(op, PropertyOp)
            and op.key == NAME_KEYS[0]
            for tree_id, op in ops
        )

    async def follow(self, layers: Layers, wakes: Wakes, on_change: Callable[[], None]) -> None:
        """Keeps the totals up to date and calls `on_change`, until cancelled."""
        rung: set[News] = set()
        woken = asyncio.Event()

        def note(news: News) -> None:
            rung.add(news)
            woken.set()

        unlisten = wakes.listen(note)
        note(News.OPS)  # Something may have come since the first count, when nobody listened.
        note(News.BLOBS)
        try:
            while True:
                await woken.wait()
                woken.clear()
                heard = set(rung)
                rung.clear()  # Before the count: what is rung while it goes on is counted after.
                if News.OPS in heard:
                    await self._count_ops(layers)
                if News.BLOBS in heard:
                    await self._count_files(layers)
                    for remote in layers.remotes:
                        await remote.files.count_debt()
                on_change()
        finally:
            unlisten()

    async def count(self, layers: Layers) -> None:
        """Counts everything. Raises StorageError."""
        await self._count_ops(layers)
        await self._count_files(layers)

    async def _count_files(self, layers: Layers) -> None:
        self.totals.blobs = await layers.blobs.counts()
        self.totals.away = await layers.away.counts()
        self.totals.conflicted_files = await layers.overtaken.conflicts.count()

    async def _count_ops(self, layers: Layers) -> None:
        sizes = await layers.store.sizes()
        self.totals.ops, self.totals.trees = sizes.ops, sizes.trees
        self.totals.held_ops = sizes.waiting_ops
        if self._is_name_stale:
            self._is_name_stale = False
            self.totals.name = await space_name(layers.store.database, self._space_id)
