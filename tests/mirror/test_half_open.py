"""Connections that carry nothing more without anybody being told, on the real network."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.mirror.record import ServerRecord
from tests.mirror.bench import SPACE, Bench, current, until
from tests.mirror.test_chain import bench, prepared, server, servers
from tests.soak.wire import Wire

if TYPE_CHECKING:
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.mirror.test_chain import ServerProcess

__all__ = ("bench", "prepared", "server")

FOUND_S_MAX = 30.0
SPARE_S = 15.0
"""A machine may be busy."""

pytestmark = pytest.mark.slow


async def put(mirror: SpaceMirror, key: str, text: str) -> None:
    def change(tree: RepTree) -> None:
        assert tree.root is not None
        tree.root.set(key, text)

    await mirror.edit(SPACE, change)


async def test_a_silent_connection_is_found_and_nothing_goes_twice(
    bench: Bench, server: ServerProcess
) -> None:
    wire = Wire()
    wire.goal = int(server.url.rpartition(":")[2])
    await wire.open()
    through = (ServerRecord(f"http://127.0.0.1:{wire.port}", "mirror"),)
    try:
        async with (
            bench.mirror("a", servers=through) as a,
            bench.mirror("b", servers=servers(server)) as b,
        ):
            await b.create_space("Ours")
            await current(a, b)
            await put(b, "name", "before")
            await until(lambda: a.status()["name"] == "before")
            await current(a, b)

            assert wire.fall_silent() > 0
            await put(b, "name", "told while nothing was asked")
            await put(a, "note", "sent into nowhere")
            assert a.status()["state"] != "current", "nobody has acknowledged it"
            await until(
                lambda: a.status()["name"] == "told while nothing was asked",
                timeout_s=FOUND_S_MAX + SPARE_S,
            )
            await until(lambda: a.status()["ops"] == b.status()["ops"])
            await current(a, b)
    finally:
        await wire.close()
