"""The real network client against servers that behave badly."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from aiohttp import web

from sila_daemon.core.errors import NotFoundError, RemoteUnavailableError
from sila_daemon.mirror.socketio_connector import Pace, SocketIoConnector

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable

    Talk = Callable[[asyncio.StreamReader, asyncio.StreamWriter], Awaitable[None]]


@asynccontextmanager
async def sending(*parts: bytes) -> AsyncIterator[str]:
    """A server that sends these parts of a longer body as they are, and yields its address."""

    async def answer(request: web.Request) -> web.StreamResponse:
        response = web.StreamResponse(headers={"Content-Length": str(1 << 20)})
        await response.prepare(request)
        for part in parts:
            await response.write(part)
        assert request.transport is not None
        request.transport.close()  # Or the library waits for what is promised and never comes.
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


@asynccontextmanager
async def talking(talk: Talk) -> AsyncIterator[str]:
    """A server that does with each connection what it is told, and yields its address."""
    at_work: list[asyncio.Task[None]] = []

    def begin(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        at_work.append(asyncio.ensure_future(_talk(talk, reader, writer)))

    server = await asyncio.start_server(begin, "127.0.0.1", 0)
    try:
        yield f"http://127.0.0.1:{server.sockets[0].getsockname()[1]}"
    finally:
        server.close()
        for task in at_work:
            task.cancel()
        await asyncio.gather(*at_work, return_exceptions=True)


async def _talk(talk: Talk, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        await talk(reader, writer)
        await asyncio.Event().wait()
    finally:
        writer.close()


async def sent(talk: Talk, body: AsyncIterator[bytes] | None, seconds: float = 0.2) -> str:
    """Returns why a request ended without an answer."""
    connector = SocketIoConnector(Pace(answer_s=seconds))
    try:
        async with talking(talk) as url:
            with pytest.raises(RemoteUnavailableError) as raised:
                async with connector.request("PUT", url, "/file", token="t", body=body):
                    raise AssertionError("there was no answer")
    finally:
        await connector.close()
    return raised.value.message


async def test_headers_that_trickle_are_given_up() -> None:
    async def talk(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        writer.write(b"HTTP/1.1 200 OK\r\nX-Slow: ")
        while True:
            writer.write(b"x")
            await asyncio.sleep(0.01)

    reason = await sent(talk, None)
    assert "the server neither took anything nor answered for 0 s" in reason


async def test_a_server_that_does_not_read_what_it_is_sent_is_given_up() -> None:
    asked = 0

    async def much() -> AsyncIterator[bytes]:
        nonlocal asked
        while True:
            asked += 1
            yield bytes(4 << 20)

    async def talk(reader: asyncio.StreamReader, _: asyncio.StreamWriter) -> None:
        await reader.readline()

    reason = await sent(talk, much())
    assert "the server neither took anything nor answered" in reason
    assert asked, "it was sent something"


async def test_what_the_own_disk_takes_is_not_the_server_s() -> None:
    seconds = 0.2

    async def slowly() -> AsyncIterator[bytes]:
        yield b"some"
        await asyncio.sleep(3 * seconds)
        yield b"more"

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.readuntil(b"0\r\n\r\n")
        writer.write(b"HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok")

    connector = SocketIoConnector(Pace(answer_s=seconds))
    async with (
        talking(talk) as url,
        connector.request("PUT", url, "/file", token="t", body=slowly()) as response,
    ):
        assert await response.read(100) == b"ok"
    await connector.close()


async def test_what_the_own_disk_says_is_not_told_as_the_network_s() -> None:
    async def breaking() -> AsyncIterator[bytes]:
        yield b"some"
        raise NotFoundError("the file is not here", code="blob_missing")

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        await reader.read()

    connector = SocketIoConnector()
    async with talking(talk) as url:
        with pytest.raises(NotFoundError) as caught:
            async with connector.request("PUT", url, "/file", token="t", body=breaking()):
                pass
    await connector.close()
    assert caught.value.code == "blob_missing"


@pytest.mark.parametrize("greeting", ["", "0", "0{}", "0[]", "0null", "hello", "9", b"\x00"])
async def test_a_websocket_of_something_else_is_a_server_that_is_not_reached(
    greeting: str | bytes,
) -> None:
    async def greet(request: web.Request) -> web.WebSocketResponse:
        socket = web.WebSocketResponse()
        await socket.prepare(request)
        await (socket.send_str if isinstance(greeting, str) else socket.send_bytes)(greeting)  # type: ignore[arg-type]
        await socket.close()
        return socket

    app = web.Application()
    app.router.add_get("/socket.io/", greet)
    runner = web.AppRunner(app, shutdown_timeout=0)
    await runner.setup()
    connector = SocketIoConnector()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        url = f"http://127.0.0.1:{runner.addresses[0][1]}"
        with pytest.raises(RemoteUnavailableError) as raised:
            await connector.connect(url, "a" * 32, {})
        assert raised.value.message.startswith(f"{url} cannot be reached: ")
    finally:
        await connector.close()
        await runner.cleanup()
