"""Clients that nobody knows yet, or that do not read: what they may cost."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from pathlib import Path

import aiohttp
import pytest

from sila_daemon.server.http import guarded_app
from sila_daemon.server.ops.op_store import Batch
from sila_daemon.server.sync import outbox as outbox_module
from tests.server.raw_socket import RawSocket
from tests.server.world_fixture import SPACE, TREE, Server, eventually, prop, running_server


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running_server(tmp_path / "data") as running:
        yield running


@pytest.mark.parametrize("packet", ["5", "40/x,", "40/spaces/nowhere,{}"])
async def test_a_stranger_who_does_not_read_fills_no_queue(server: Server, packet: str) -> None:
    url = f"{server.url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        async with session.post(f"{url}&sid={sid}", data="\x1e".join([packet] * 5000)) as answer:
            assert answer.status == 200
        assert server.app.gateway.eio.sockets[sid].queue.qsize() <= 2001


async def test_who_asks_to_join_behind_the_end_is_not_remembered(server: Server) -> None:
    url = f"{server.url}/socket.io/?EIO=4&transport=polling"
    async with aiohttp.ClientSession() as session:
        async with session.get(url) as answer:
            sid = json.loads((await answer.text())[1:])["sid"]
        async with session.post(f"{url}&sid={sid}", data="1\x1e40/x,\x1e40/y,"):
            pass
    assert server.app.gateway.manager.rooms == {}
    assert server.app.gateway.manager.pending_connect == {}


async def test_a_namespace_is_not_echoed_at_any_length(server: Server) -> None:
    raw = await RawSocket.open(server.url)
    await raw.send("40/" + "x" * 1_000_000 + ",")
    answer = await raw.read_until(b"Invalid namespace")
    assert b"Invalid namespace" in answer
    assert len(answer) < 1000
    raw.close()


async def test_who_presents_megabytes_presents_nothing(server: Server) -> None:
    raw = await RawSocket.open(server.url)
    auth = f'{{"token":"{server.token}","x":[{"[]," * 100_000}0]}}'
    await raw.send(f"40/spaces/{SPACE},{auth}")
    assert b"unauthorized" in await raw.read_until(b"unauthorized")
    raw.close()


async def test_who_stops_reading_is_cut_off(
    server: Server, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(outbox_module, "DRAIN_SECONDS_MAX", 0.5)
    monkeypatch.setattr(guarded_app, "DRAIN_SECONDS_MAX", 0.5)
    raw = await RawSocket.open(server.url)
    await raw.send(f'40/spaces/{SPACE},{{"token":"{server.token}","protocol":2}}')
    assert b'"ready"' in await raw.read_until(b'"ready"')
    (session,) = server.world.connections.living
    big = b'"' + b"x" * 4_000_000 + b'"'
    async with server.world.spaces.use(SPACE) as space:
        for counter in range(1, 6):
            await space.store.commit([Batch(TREE, [prop(counter, big)], "somebody")])
    session.wake()
    await eventually(lambda: not server.world.connections.living)
    await eventually(lambda: "run_asgi" not in _running(), "the transport is held")
    raw.close()


def _running() -> str:
    return " ".join(str(task.get_coro()) for task in asyncio.all_tasks())
