"""How much there is in a space: counted again for whatever came, whenever it came."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import Any

from sila_daemon.mirror.totals import TotalsKeeper
from sila_daemon.mirror.wakes import News, Wakes
from sila_daemon.store.blobs import BlobCounts
from sila_daemon.store.space_store import Sizes


class Layers:
    """A store whose sizes are as a test says."""

    def __init__(self) -> None:
        self.size = Sizes(0, 0, 0)
        self.store = self.blobs = self.overtaken = self.conflicts = self.away = self
        self.database = self
        self.remotes: list[Any] = []

    async def sizes(self) -> Sizes:
        return self.size

    async def counts(self) -> BlobCounts:
        return BlobCounts(self.size.ops, 0, 0)

    async def count(self) -> int:
        return 0

    async def write(self, _: object) -> None:
        """Knows nothing of a name."""


async def test_what_comes_before_anybody_listens_is_counted() -> None:
    layers, wakes, keeper = Layers(), Wakes(), TotalsKeeper("s" * 32)
    known: Any = layers
    await keeper.count(known)
    layers.size = Sizes(19, 2, 1)
    wakes.ring(News.OPS)
    told = asyncio.Event()
    following = asyncio.create_task(keeper.follow(known, wakes, told.set))
    await told.wait()
    blobs = keeper.totals.blobs
    assert (keeper.totals.ops, keeper.totals.trees, keeper.totals.held_ops) == (19, 2, 1)
    assert blobs is not None and blobs.here == 19

    told.clear()
    layers.size = Sizes(20, 2, 1)
    wakes.ring(News.OPS)
    await told.wait()
    assert keeper.totals.ops == 20
    following.cancel()
    with suppress(asyncio.CancelledError):
        await following
