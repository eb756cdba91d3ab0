"""What a client of the server waits for, and what the server needs for it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Iterable
from statistics import median
from typing import TYPE_CHECKING, Any

import msgspec

from sila_daemon.core.wire import WireOp
from tests.benchmarks.served_space import TREE, Stopwatch, batches

if TYPE_CHECKING:
    from tests.benchmarks.served_space import Served

CREDIT = 16
MADE_AHEAD_MAX = 2_000_000
WAIT_S_MAX = 60
"""A server that answers nothing for so long has failed."""
_EDIT = (
    b'{"treeId":"%b","ops":[{"id":{"counter":%%d,"peerId":"p"},"targetId":"v","key":"k",'
    b'"value":%%d,"transient":false}]}' % TREE.encode()
)
_split = msgspec.json.Decoder(list[msgspec.Raw]).decode


class _Ops(msgspec.Struct):
    treeId: str
    ops: list[WireOp]


_decode_ops = msgspec.json.Decoder(_Ops).decode


async def push(server: Served, space_id: str, count: int) -> dict[str, Any]:
    """Sends ops in batches as our client does; each is acknowledged once it is durable.

    Up to `MADE_AHEAD_MAX` ops are made before the time is taken.
    """
    made = batches(count)
    payloads: Iterable[tuple[bytes, int]] = list(made) if count <= MADE_AHEAD_MAX else made
    held_by: list[int] = []
    credit, ended = asyncio.Semaphore(CREDIT), asyncio.Event()
    answered = 0
    marks: list[tuple[int, float]] = []
    server_cpu = server.cpu_seconds

    def heard(text: bytes) -> None:
        nonlocal answered
        assert text.startswith(b"43") and b'"ok":true' in text, text[:300]
        assert b'"duplicates":0,"rejected":[]' in text, text[:300]
        answered += held_by[int(text[2 + len(client.namespace) :].split(b"[", 1)[0])]
        credit.release()
        if len(marks) * 10_000 < answered:
            marks.append((answered, server_cpu()))
        ended.set()

    client = await server.join(space_id, heard)
    watch = Stopwatch(server)
    for number, (payload, held) in enumerate(payloads):
        async with asyncio.timeout(WAIT_S_MAX):
            await credit.acquire()
        held_by.append(held)
        await client.send("ops:send", payload, number)
    total = sum(held_by)
    while answered < total:
        ended.clear()
        await ended.wait()
    seconds, cpu = watch.seconds, watch.cpu_seconds
    client.close()
    return {"ops": total, "seconds": seconds, "cpu": cpu, "marks": marks}


WINDOW_OPS = 100_000
"""The computing of fewer ops is too little to be measured by the system's ticks."""


def flatness(marks: list[tuple[int, float]]) -> float:
    """Compares the computing for an op at the end with that at the beginning."""
    return cost_us(marks, marks[-1][0]) / cost_us(marks, 10_000)


def cost_us(marks: list[tuple[int, float]], count: int) -> float:
    """Returns the computing for an op when a space has about `count`, in microseconds."""
    begin = max(10_000, min(count, marks[-1][0] - WINDOW_OPS))
    some = [mark for mark in marks if begin <= mark[0] <= begin + WINDOW_OPS]
    return (some[-1][1] - some[0][1]) / (some[-1][0] - some[0][0]) * 1e6


async def pull(server: Served, space_id: str, epoch: bytes) -> dict[str, Any]:
    """Takes everything after the first cursor, as a new client does, and decodes it."""
    counted = 0
    ended = asyncio.Event()

    def heard(text: bytes) -> None:
        nonlocal counted
        name, payload = _split(text[2 + len(client.namespace) :])
        if bytes(name) == b'"ops:sync"':
            counted += len(_decode_ops(payload).ops)
        elif bytes(name) == b'"ops:sync:done"':
            ended.set()

    client = await server.join(space_id, heard)
    watch = Stopwatch(server)
    await client.send("ops:state", since(epoch, 0, b""))
    await ended.wait()
    found = {"ops": counted, "seconds": watch.seconds, "cpu": watch.cpu_seconds}
    client.close()
    return found


def since(epoch: bytes, seq: int, tag: bytes) -> bytes:
    """Renders `ops:state` from a cursor on."""
    return b'{"since":{"epoch":"%b","seq":%d,"tag":"%b"}}' % (epoch, seq, tag)


async def cursor_of(server: Served, space_id: str) -> tuple[bytes, int, bytes]:
    """Returns the head of a space as `ops:have` tells it."""
    answers: asyncio.Queue[bytes] = asyncio.Queue()
    client = await server.join(space_id, answers.put_nowait)
    await client.send("ops:have", b'{"trees":[]}')
    while b'"done":true' not in (text := await answers.get()):
        pass
    client.close()
    found = msgspec.json.decode(text[2 + len(client.namespace) :])[1]["cursor"]
    return found["epoch"].encode(), found["seq"], found["tag"].encode()


async def cold_cursor_ms(server: Served, space_id: str, cursor: tuple[bytes, int, bytes]) -> float:
    """Starts the server anew and measures from asking to join to the end of the answer."""
    server.stop()
    server.start()
    ended = asyncio.Event()

    def heard(text: bytes) -> None:
        assert b'"reset"' not in text, text
        if b'["ops:sync:done"' in text:
            ended.set()

    other = await server.join(server.other_space, lambda _: None)  # The process is warm.
    begun = time.perf_counter()
    client = await server.join(space_id, heard)
    await client.send("ops:state", since(*cursor))
    await ended.wait()
    milliseconds = (time.perf_counter() - begun) * 1000
    client.close()
    other.close()
    return milliseconds


async def fan_out(
    server: Served, spaces: list[str], clients_each: int, per_second: float, seconds: float
) -> dict[str, float]:
    """Spreads small edits over many clients; returns how long each took to reach another one."""
    sent_at: dict[int, float] = {}
    waits: list[float] = []

    def hear(text: bytes) -> None:
        now = time.perf_counter()
        found = text.find(b'"counter":')
        while found >= 0:  # Whoever lags behind hears several at once.
            waits.append(now - sent_at[int(text[found + 10 : text.index(b",", found)])])
            found = text.find(b'"counter":', found + 10)

    clients = []
    for space_id in spaces:
        clients += [await server.join(space_id, hear) for _ in range(clients_each)]
    total = int(per_second * seconds)
    watch = Stopwatch(server)
    begun = time.perf_counter()
    for number in range(1, total + 1):
        delay = begun + number / per_second - time.perf_counter()
        if delay > 0:
            await asyncio.sleep(delay)
        sent_at[number] = time.perf_counter()
        await clients[number * 7919 % len(clients)].send("ops:send", _EDIT % (number, number))
    async with asyncio.timeout(60):
        while len(waits) < total * (clients_each - 1):  # noqa: ASYNC110
            await asyncio.sleep(0.05)
    cpu, seconds = watch.cpu_seconds, watch.seconds
    for client in clients:
        client.close()
    waits.sort()
    return {
        "p50": median(waits) * 1000,
        "p99": waits[int(len(waits) * 0.99)] * 1000,
        "seconds": seconds,
        "cpu_us": cpu / len(waits) * 1e6,
        "receipts": len(waits),
    }


async def idle_socket_kb(server: Served, space_id: str, count: int) -> float:
    """Measures what a joined and idle connection takes."""
    warm = [await server.join(space_id, lambda _: None) for _ in range(50)]
    before = server.memory_kb()
    clients = [await server.join(space_id, lambda _: None) for _ in range(count)]
    await asyncio.sleep(0.5)
    kilobytes = (server.memory_kb() - before) / count
    for client in warm + clients:
        client.close()
    return kilobytes


async def stall_ms(server: Served, space_id: str, count: int, bytes_max: int) -> float:
    """Sends ops as fast as they are taken; returns the longest stall of the server's loop."""
    payloads = list(batches(count, bytes_max))
    _, before, _ = await cursor_of(server, space_id)
    done = asyncio.Event()
    waiting = len(payloads)

    def heard(text: bytes) -> None:
        nonlocal waiting
        if text.startswith(b"43"):
            assert b'"ok":true' in text, text[:200]
            waiting -= 1
            if not waiting:
                done.set()

    client = await server.join(space_id, heard, 1)
    await server.stall_ms()
    for number, (payload, _) in enumerate(payloads):
        await client.send("ops:send", payload, number)
    await done.wait()
    client.close()
    assert (await cursor_of(server, space_id))[1] == before + sum(held for _, held in payloads)
    return await server.stall_ms()
