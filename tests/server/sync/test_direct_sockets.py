"""Events that are taken from websockets in one step, among others that are not."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TypeVar

import pytest

from sila_daemon.server.limits.constants import RECEIVED_BYTES_MAX
from sila_daemon.server.sync.packets import LENIENT_BYTES_MAX
from tests.server.raw_socket import RawSocket, frame
from tests.server.world_fixture import SPACE, Server, eventually, moves, running_server, sending

EVENTS = 40
T = TypeVar("T")


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running_server(tmp_path / "data") as running:
        yield running


async def joined(server: Server) -> RawSocket:
    """Joins the space."""
    raw = await RawSocket.open(server.url)
    await raw.send(f'40/spaces/{SPACE},{{"token":"{server.token}","protocol":2}}')
    assert b'"ready"' in await raw.read_until(b'"ready"')
    return raw


def event(number: int, odd: str = "") -> bytes:
    """Makes the text of an event that brings one op; `odd` makes it hard to read."""
    payload = sending(moves(number, number)).decode()
    return f'42/spaces/{SPACE},{number}["ops:send",{payload}{odd}]'.encode()


ODD = ',"\\ud800' + "x" * LENIENT_BYTES_MAX + '"'
"""A second argument that only a slow decoder understands, and that waits for a worker."""


async def answered(raw: RawSocket, count: int) -> list[int]:
    """Reads as many answers; returns their numbers as they came."""
    taken = b""
    while len(numbers := re.findall(rb"43/spaces/\w+,(\d+)\[\{\"ok\":true", taken)) < count:
        part = await raw.read_until(b"[{")
        assert part, "the connection ended"
        taken += part
    return [int(number) for number in numbers]


async def test_events_keep_their_order_whichever_way_they_take(server: Server) -> None:
    raw = await joined(server)
    texts = [event(number, ODD if number % 5 == 2 else "") for number in range(1, EVENTS + 1)]
    await raw.send_frames(*map(frame, texts))
    assert await answered(raw, EVENTS) == list(range(1, EVENTS + 1))
    raw.close()


class SlowWorkers:
    """Workers that begin when they are told to."""

    def __init__(self) -> None:
        self.asked = asyncio.Event()
        self.go = asyncio.Event()

    async def run(self, function: Callable[[], T]) -> T:
        """Waits, then works."""
        self.asked.set()
        await self.go.wait()
        return function()


async def test_no_event_overtakes_one_that_is_still_being_read(server: Server) -> None:
    raw = await joined(server)
    workers = server.app.gateway._workers = SlowWorkers()
    await raw.send_frames(frame(event(1, ODD)))
    await workers.asked.wait()
    await raw.send_frames(frame(event(2)), frame(b"?", 0x89))
    before = await raw.read_until(b"\x8a")
    assert b"\x8a" in before and b"43/" not in before
    workers.go.set()
    assert await answered(raw, 2) == [1, 2]
    raw.close()


async def test_a_message_in_parts_keeps_its_place(server: Server) -> None:
    raw = await joined(server)
    text = event(2)
    await raw.send_frames(
        frame(event(1)),
        frame(text[:9], 0x01),
        frame(b"?", 0x89),
        frame(text[9:], 0x80),
        frame(event(3)),
    )
    assert await answered(raw, 3) == [1, 2, 3]
    raw.close()


async def test_most_events_take_the_short_way(server: Server) -> None:
    taken: list[bool] = []
    gateway = server.app.gateway

    def watched(eio_sid: str, text: bytes) -> bool:
        taken.append(gateway._take(eio_sid, text))
        return taken[-1]

    gateway.eio.on_text = watched
    raw = await joined(server)
    taken.clear()
    await raw.send_frames(*(frame(event(number)) for number in range(1, EVENTS + 1)))
    assert await answered(raw, EVENTS) == list(range(1, EVENTS + 1))
    assert taken == [True] * EVENTS
    raw.close()


async def test_a_text_that_is_none_ends_the_connection_after_what_came_before(
    server: Server,
) -> None:
    raw = await joined(server)
    await raw.send_frames(frame(event(1)), frame(b"42\xff"), frame(event(2)))
    rest = await raw.read_until(b"never")
    assert b"\x88" in rest and (1007).to_bytes(2) in rest
    other = await joined(server)
    await other.send(f'42/spaces/{SPACE},["ops:have",{{"trees":"*"}}]')
    have = await other.read_until(b'"done":true')
    assert b'"ranges":[[1,1]]' in have
    other.close()
    raw.close()


async def test_while_too_much_waits_nothing_more_is_read(server: Server) -> None:
    raw = await joined(server)
    (session,) = server.app.gateway._sessions.values()
    (websocket,) = server.app.gateway.eio.websockets.values()
    budget = session._site.budget
    budget.take(RECEIVED_BYTES_MAX + 1)
    await raw.send_frames(frame(event(1)), frame(event(2)))
    await eventually(lambda: session._hub.head.seq == 1)
    assert websocket._direct is not None and websocket._direct.read_paused
    assert session._hub.head.seq == 1
    budget.give_back(RECEIVED_BYTES_MAX + 1)
    assert await answered(raw, 2) == [1, 2]
    raw.close()
