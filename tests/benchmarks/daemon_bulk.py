"""A space of a million ops: mirrored, cloned, and shown again after a start."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
import time
from contextlib import suppress
from pathlib import Path
from statistics import median
from typing import TYPE_CHECKING

from tests.benchmarks import measures
from tests.benchmarks.daemon_programs import stage, until
from tests.benchmarks.process_figures import cpu_seconds, peak_memory_mb
from tests.benchmarks.report import Figure

if TYPE_CHECKING:
    from tests.benchmarks.daemon_programs import Stage
    from tests.soak.programs import Device

CHATS, MESSAGES_EACH = 1_000, 200
VERTICES = 208_000
"""Of one tree with a million ops."""
STARTS = 5


async def bulk_figures() -> list[Figure]:
    """Returns what a million ops cost, in one tree and in a thousand."""
    figures: list[Figure] = []
    for what, source in (
        ("in a thousand chats", measures.chats_of(CHATS, MESSAGES_EACH)),
        ("in one tree", measures.space_of(VERTICES)),
    ):
        print(f"  a million ops {what}", file=sys.stderr)
        figures += await _figures_of(source, what)
    return figures


async def _figures_of(source: Path, what: str) -> list[Figure]:
    async with stage() as made:
        one, two = await made.device("one"), await made.device("two")
        folder = one.folder.parent / "million"
        shutil.copytree(source, folder)
        watch = _Watch(made, one)
        space = await one.run("space", "add", str(folder), "--server", made.url)
        ops = await _until_equal(one, space["id"])
        mirror = watch.figures(f"first mirror {what}", "folder to server", ops)
        watch = _Watch(made, two)
        await two.run("space", "clone", made.url, space["id"], str(two.folder))
        assert await _until_equal(two, space["id"], ops) == ops
        clone = watch.figures(f"clone {what}", "server to folder", ops)
        starts = [await _first_page_s(one, space["id"]) for _ in range(STARTS)]
    return [
        *mirror,
        *clone,
        Figure(f"first page {what}", median(starts), "s", 1,
               detail=f"after a start; {min(starts):.2f} to {max(starts):.2f} s, {STARTS} starts"),
    ]  # fmt: skip


class _Watch:
    """What moving a space costs a daemon and the server."""

    def __init__(self, made: Stage, device: Device) -> None:
        self._pids = device.pid, made.server.pid
        self._begun = time.perf_counter()
        self._cpu = [cpu_seconds(pid) for pid in self._pids]

    def figures(self, what: str, way: str, ops: int) -> list[Figure]:
        """Returns the speed since the beginning, and the daemon's memory."""
        seconds = time.perf_counter() - self._begun
        costs = [cpu_seconds(pid) - cpu for pid, cpu in zip(self._pids, self._cpu, strict=True)]
        daemon, server = (cost / ops * 1e6 for cost in costs)
        detail = f"{ops} ops in {seconds:.1f} s; computing an op: {daemon:.0f} us, {server:.0f} us"
        return [
            Figure(f"{what}, {way}", ops / seconds, "/s", 25_000, True, f"{detail} of the server"),
            Figure("memory of the daemon", peak_memory_mb(self._pids[0]), "MB", 300),
        ]


async def _until_equal(device: Device, space: str, ops: int = 1) -> int:
    """Returns how many ops a space has once all of them are where they belong."""
    found = {"ops": 0}

    async def is_equal() -> bool:
        (status,) = (await device.call("daemon.status", space=space))["spaces"]
        found["ops"] = int(status["ops"])
        is_written = status["folder"]["pendingOps"] == 0
        return bool(status["state"] == "current" and is_written and found["ops"] >= ops)

    await until(is_equal)
    return found["ops"]


async def _first_page_s(device: Device, space: str) -> float:
    """Starts a daemon anew and returns how long it took until it showed something of a space."""
    await device.hang_up()
    await device.end(signal.SIGTERM)
    begun = time.perf_counter()
    await device.start()
    trees = (await device.call("tree.list", space=space))["trees"]
    page = await device.call("vertex.children", space=space, tree=trees[0]["id"], limit=100)
    assert page["children"]
    seconds = time.perf_counter() - begun
    with suppress(TimeoutError):
        async with asyncio.timeout(60):
            await _until_equal(device, space)
    return seconds
