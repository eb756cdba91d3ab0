"""What a server sends faster than it is handled, over a real websocket."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import pytest
import socketio
from aiohttp import web

from sila_daemon.mirror import socketio_connector
from sila_daemon.mirror.connector import Event
from sila_daemon.mirror.socketio_connector import SocketIoConnector
from tests.mirror.bench import SPACE, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sila_daemon.mirror.connector import Connection

FRAMES = 160
FRAME_BYTES = 256 << 10
TURNS = 30
"""Of the event loop between two messages that are handled: time to read several more."""


@pytest.fixture
async def url() -> AsyncIterator[str]:
    """A server that sends many large events to whoever joins."""
    server = socketio.AsyncServer(async_mode="aiohttp", namespaces="*", ping_timeout=60)
    sending: list[asyncio.Task[None]] = []

    async def send(sid: str, namespace: str) -> None:
        for number in range(FRAMES):
            event = {"number": number, "text": "x" * FRAME_BYTES}
            await server.emit("ops:sync", event, to=sid, namespace=namespace)

    async def joined(namespace: str, sid: str, environ: object, auth: object) -> None:
        sending.append(asyncio.ensure_future(send(sid, namespace)))

    server.on("connect", joined, namespace="*")
    app = web.Application()
    server.attach(app)
    runner = web.AppRunner(app)
    await runner.setup()
    site = web.TCPSite(runner, "127.0.0.1", 0)
    await site.start()
    port = runner.addresses[0][1]
    try:
        yield f"http://127.0.0.1:{port}"
    finally:
        for task in sending:
            task.cancel()
        await asyncio.gather(*sending, return_exceptions=True)
        await runner.cleanup()


@pytest.fixture
async def connection(url: str) -> AsyncIterator[Connection]:
    connector = SocketIoConnector()
    connection = await connector.connect(url, SPACE, {"token": "t"})
    try:
        yield connection
    finally:
        await connection.close()
        await connector.close()


async def test_no_more_is_read_than_is_handled(connection: Any) -> None:
    await until(lambda: connection._inbox_bytes > socketio_connector.INBOX_BYTES_ROOMY)
    most = 0
    for number in range(FRAMES):
        for _ in range(TURNS):
            await asyncio.sleep(0)
        most = max(most, connection._inbox_bytes)
        arrived = await connection.receive()
        assert isinstance(arrived, Event)
        assert arrived.payload.startswith(b'{"number":%d,' % number)
    assert most < socketio_connector.INBOX_BYTES_ROOMY + 4 * FRAME_BYTES
    assert most < FRAMES * FRAME_BYTES // 4, "there was much more to read"


async def test_where_nothing_is_handled_it_is_read_all_the_same(
    connection: Any, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A ping among it would not be answered else."""
    monkeypatch.setattr(socketio_connector, "PAUSE_S_MAX", 0.01)
    await until(lambda: connection._inbox_bytes > FRAMES * FRAME_BYTES)
    arrived = [await connection.receive() for _ in range(FRAMES)]
    assert all(isinstance(event, Event) for event in arrived)
    assert connection._inbox_bytes == 0
