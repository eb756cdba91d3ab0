"""The server's speed and memory, with its clients on the same cores."""

from __future__ import annotations

import sys
from statistics import median
from typing import TYPE_CHECKING

from sila_daemon.ports import event_loop
from tests.benchmarks import server_measures as measures
from tests.benchmarks.report import Figure
from tests.benchmarks.served_space import served

if TYPE_CHECKING:
    from tests.benchmarks.served_space import Served

OPS = 1_000_000
OPS_OF_A_GREAT_SPACE = 10_000_000
ROUNDS_COLD = 5
SPACES = 20
CLIENTS_EACH = 25
EDITS_PER_SECOND = (500, 250)
"""The promised load, and half of it."""
EDIT_SECONDS = 10
SOCKETS = 1000
OPS_OF_STALLS = 65_000
ORIGINAL_FRAME_BYTES = 14_000_000
"""The original's client sends what it has in one frame; 16 MiB are taken."""
OUR_BATCH_BYTES = 250_000


def server_figures(rounds: int, ops: int = OPS) -> list[Figure]:
    """Returns all figures of the server; takes some minutes."""
    return event_loop.run(_measured(rounds, ops))


def flatness_figures(_: int, ops: int = OPS_OF_A_GREAT_SPACE) -> list[Figure]:
    """Returns what ten million ops in one space cost; takes a quarter of an hour."""
    return event_loop.run(_great_space(ops))


async def _great_space(ops: int) -> list[Figure]:
    with served() as server:
        full = server.new_space()
        server.other_space = server.new_space()
        server.start()
        pushed = await measures.push(server, full, ops)
        count = pushed["ops"]
        at = [10_000, count // 10, count]
        costs = [measures.cost_us(pushed["marks"], end) for end in at]
        detail = ", ".join(f"{cost:.1f} us at {end}" for cost, end in zip(costs, at, strict=True))
        cursor = await measures.cursor_of(server, full)
        cold = [await measures.cold_cursor_ms(server, full, cursor) for _ in range(ROUNDS_COLD)]
        flat = measures.flatness(pushed["marks"])
        return [
            Figure("an op at the end, of one at the beginning", flat, "times", 1.5, detail=detail),
            Figure("cold space answers a cursor", median(cold), "ms", 50,
                   detail=f"{count} ops; {min(cold):.0f} to {max(cold):.0f}, {len(cold)} starts"),
        ]  # fmt: skip


async def _measured(rounds: int, ops: int) -> list[Figure]:
    with served() as server:
        full = server.new_space()
        server.other_space = server.new_space()
        stalled = [server.new_space() for _ in range(2)]
        many = [[server.new_space() for _ in range(SPACES)] for _ in EDITS_PER_SECOND]
        server.start()
        figures = [
            await _fan_out(server, spaces, per_second)
            for spaces, per_second in zip(many, EDITS_PER_SECOND, strict=True)
        ]
        _say("edits have been passed on")
        figures += await _idle(server)
        _say("idle sockets have been weighed")
        figures += await _stalls(server, stalled)
        _say("stalls have been measured")
        return await _ops(server, full, rounds, ops) + figures


def _say(what: str) -> None:
    print(f"  {what}", file=sys.stderr)


async def _ops(server: Served, space_id: str, rounds: int, ops: int) -> list[Figure]:
    pushed = await measures.push(server, space_id, ops)
    _say("ops have been pushed")
    cursor = await measures.cursor_of(server, space_id)
    pulled = [await measures.pull(server, space_id, cursor[0]) for _ in range(rounds)]
    assert {run["ops"] for run in pulled} == {cursor[1]}
    seconds = median(run["seconds"] for run in pulled)
    _say("ops have been pulled")
    cold = [await measures.cold_cursor_ms(server, space_id, cursor) for _ in range(ROUNDS_COLD)]
    count = pushed["ops"]
    flat = measures.flatness(pushed["marks"])
    return [
        Figure("ops pushed, durable", count / pushed["seconds"], "/s", 40_000, True,
               f"{count} ops, {pushed['cpu'] / count * 1e6:.1f} us of the server each"),
        Figure("an op at the end, of one at the beginning", flat, "times", 1.5,
               detail=f"computing, of {count} ops"),
        Figure("ops pulled and decoded", count / seconds, "/s", 120_000, True,
               f"{count} ops, median of {rounds}"),
        Figure("cold space answers a cursor", median(cold), "ms", 50,
               detail=f"{count} ops; {min(cold):.0f} to {max(cold):.0f}, {len(cold)} starts"),
    ]  # fmt: skip


async def _fan_out(server: Served, spaces: list[str], per_second: int) -> Figure:
    found = await measures.fan_out(server, spaces, CLIENTS_EACH, per_second, EDIT_SECONDS)
    return Figure(
        f"an edit reaches the others, p99 at {per_second}/s", found["p99"], "ms", 100,
        detail=f"{SPACES} spaces x {CLIENTS_EACH} clients; p50 {found['p50']:.1f} ms,"
        f" {found['cpu_us'] * (CLIENTS_EACH - 1) / 1000:.1f} ms of the server an edit",
    )  # fmt: skip


async def _idle(server: Served) -> list[Figure]:
    weight = await measures.idle_socket_kb(server, server.other_space, SOCKETS)
    return [Figure("an idle socket", weight, "kB", 60, detail=f"{SOCKETS} of them")]


async def _stalls(server: Served, spaces: list[str]) -> list[Figure]:
    figures = []
    frames = [
        ("stall by the original's frames", ORIGINAL_FRAME_BYTES, 100),
        ("stall by our batches", OUR_BATCH_BYTES, 50),
    ]
    for space_id, (what, size, limit) in zip(spaces, frames, strict=True):
        longest = await measures.stall_ms(server, space_id, OPS_OF_STALLS, size)
        detail = f"{OPS_OF_STALLS} ops in frames of {size // 1000} kB"
        figures.append(Figure(what, longest, "ms", limit, detail=detail))
    return figures
