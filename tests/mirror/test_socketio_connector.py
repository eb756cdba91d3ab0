"""The real network client against servers that behave badly."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from sila_daemon.core.errors import RemoteUnavailableError
from sila_daemon.mirror.socketio_connector import Pace, SocketIoConnector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator


@asynccontextmanager
async def sending(*parts: bytes) -> AsyncIterator[str]:
    """A server that sends these parts of a longer body as they are, and yields its address."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(1 << 20)})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        return response

    app = web.Application()
    app.router.add_get("/file", answer)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    try:
        site = web.TCPSite(runner, "127.0.0.1", 0)
        await site.start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


async def brought(slowest: Pace, *parts: bytes) -> tuple[int, str]:
    """Returns how many bytes came of a body, and why it ended."""
    connector = SocketIoConnector(slowest)
    came = 0
    try:
        async with sending(*parts) as url:
            with pytest.raises(RemoteUnavailableError) as raised:
                async with connector.request("GET", url, "/file", token="t") as response:
                    async for chunk in response.chunks():
                        came += len(chunk)
    finally:
        await connector.close()
    return came, raised.value.message


async def test_who_sends_next_to_nothing_is_given_up() -> None:
    came, reason = await brought(Pace(size=1000, seconds=0.0), b"x" * 10)
    assert came == 0
    assert "the server sent 10 bytes in 0 s, and was given up" in reason


async def test_who_sends_slowly_and_enough_is_not() -> None:
    came, reason = await brought(Pace(size=1000, seconds=0.0), b"x" * 4000)
    assert came == 4000
    assert "given up" not in reason, "it ended too early, that is all"
