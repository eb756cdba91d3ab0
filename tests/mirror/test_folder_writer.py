"""Who is cancelled while op files are written: the thread is waited for, however often."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import pytest

from sila_daemon.core.ops import MoveOp
from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.mirror.folder_writer import FolderWriter
from sila_daemon.store.schema import FOLDER
from sila_daemon.store.space_store import Delivery, SpaceStore
from tests.folder.spaces import ops_on_disk
from tests.mirror.bench import Bench

if TYPE_CHECKING:
    from pathlib import Path

    from tests.mirror.fake_server import FakeServer

T = TypeVar("T")
TREE = f"{7:032x}"


class HeldWorkers:
    """Begins nothing before it is let go."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.is_free = asyncio.Event()

    async def run(self, function: Callable[[], T]) -> T:
        self.asked.set()
        await self.is_free.wait()
        return function()


async def cancel(running: asyncio.Task[None]) -> None:
    """Has a cancellation reach all that it reaches."""
    running.cancel()
    for _ in range(10):
        await asyncio.sleep(0)


async def test_who_is_cancelled_twice_ends_when_what_is_written_is(
    tmp_path: Path, server: FakeServer
) -> None:
    bench, workers = Bench(tmp_path, server), HeldWorkers()
    root, ports = bench.folder("f"), replace(bench.ports(), workers=workers)
    store = await SpaceStore.open(ports.databases, tmp_path / "space.sqlite", ports.clock)
    await store.set_layers([FOLDER])
    op = MoveOp(1, "aa" * 16, TREE, None)
    await store.commit([Delivery([(TREE, op)], None)])
    writer = FolderWriter(SpaceLayout(root), ports, store, frozenset)

    async def layer() -> None:
        try:
            await writer.write_owed({})
        finally:
            await writer.finish()

    running = asyncio.ensure_future(layer())
    await workers.asked.wait()
    await cancel(running)
    await cancel(running)
    assert not running.done()
    workers.is_free.set()
    with pytest.raises(asyncio.CancelledError):
        await running
    assert ops_on_disk(root, TREE) == {op}
    assert await store.owed(FOLDER, 0, 10) == []
    await store.close()
    bench.close()
