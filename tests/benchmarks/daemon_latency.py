"""How long a change takes from one device to another, the server between."""

from __future__ import annotations

import asyncio
import os
import sys
import time
from collections.abc import Callable
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sila_daemon.core.op_codec import encode_line
from sila_daemon.core.ops import PropertyOp
from sila_daemon.folder.layout import SpaceLayout
from tests.benchmarks import syncthing
from tests.benchmarks.daemon_programs import stage, until_current
from tests.benchmarks.report import Figure

if TYPE_CHECKING:
    from tests.benchmarks.daemon_programs import Stage
    from tests.soak.programs import Device

OPS = 120
EDITS = 200
REST_S = (0.8, 1.6)
"""Between two ops: a person works at this pace, and the folder's pause is over each time."""
POLL_S = 0.004
LOST_S = 30.0
SYNCTHING_S = 1.01
"""What was measured before, for a machine without it."""


async def latency_figures() -> list[Figure]:
    """Returns how long ops and edits take; some minutes, most of them waiting."""
    async with stage() as made:
        one, two = await made.device("one"), await made.device("two")
        space = await _shared(made, one, two)
        ops, peers = await _beside_syncthing(one, two, space)
        edits = await _edits(one, two, space)
    how = f"{len(ops)} ops, p50 of Syncthing {median(peers):.2f} s"
    if not syncthing.is_installed():
        how = f"{len(ops)} ops, Syncthing is not here: {SYNCTHING_S} s at another time"
    return [
        Figure("an op from folder to folder, p50", median(ops), "s", 0.7, detail=how),
        Figure("an op from folder to folder, p99", _p99(ops), "s", 1.3, detail=_span(ops)),
        Figure("an op, of a line by Syncthing", median(ops) / median(peers), "times", 1,
               detail=f"{median(ops):.2f} s / {median(peers):.2f} s"),
        Figure("an edit from socket to socket, p50", median(edits) * 1000, "ms", 100,
               detail=f"{len(edits)} edits, p99 {_p99(edits) * 1000:.0f} ms"),
    ]  # fmt: skip


def _p99(waits: list[float]) -> float:
    return sorted(waits)[int(len(waits) * 0.99)]


def _span(waits: list[float]) -> str:
    return f"{min(waits):.2f} to {max(waits):.2f} s"


async def _shared(made: Stage, one: Device, two: Device) -> str:
    space = str(
        (
            await one.run(
                "space", "create", str(one.folder), "--name", "Bench", "--server", made.url
            )
        )["id"]
    )
    await one.run("space", "sync", space)
    await two.run("space", "clone", made.url, space, str(two.folder))
    await two.run("space", "sync", space)
    for device in (one, two):
        await until_current(device, space)
    return space


async def _beside_syncthing(
    one: Device, two: Device, space: str
) -> tuple[list[float], list[float]]:
    """Has a line of another program pass through both, in turns."""
    if not syncthing.is_installed():
        return await _ops(one.folder, two.folder, space, lambda: None), [SYNCTHING_S]
    with TemporaryDirectory(prefix="sila-bench-") as folder:
        pair = syncthing.SyncthingPair(Path(folder))
        await pair.start()
        lines: list[float] = []
        source, target = (pair.folder(name) / "lines" for name in syncthing.NAMES)

        async def pass_line() -> None:
            size = _append(source, b"a line as long as one of an op, or about so\n")
            begun = time.perf_counter()
            await _until(lambda: _size(target) >= size)
            lines.append(time.perf_counter() - begun)

        try:
            ops = await _ops(one.folder, two.folder, space, pass_line)
        finally:
            await pair.end()
    return ops, lines


async def _ops(source: Path, target: Path, space: str, other: Callable[..., object]) -> list[float]:
    """Appends ops to one folder as an app does; returns when each stood in the other one."""
    rng, peer, waits = Random("ops"), "a" * 32, []
    now = datetime.now(UTC).date()
    file = SpaceLayout(source).properties_file(space, now, peer)
    file.parent.mkdir(parents=True, exist_ok=True)
    day = SpaceLayout(target).properties_file(space, now, peer).parent
    for number in range(OPS):
        await asyncio.sleep(rng.uniform(*REST_S))
        marker = f"bench {number:06d}".encode()
        line = encode_line(PropertyOp(100_000 + number, peer, space, "bench", b'"%b"' % marker))
        begun = time.perf_counter()
        _append(file, line)
        await _until(lambda: _holds(day, marker))  # noqa: B023
        waits.append(time.perf_counter() - begun)
        passed = other()
        if asyncio.iscoroutine(passed):
            await passed
        if number % 40 == 39:
            print(f"  {number + 1} of {OPS} ops went through", file=sys.stderr)
    return waits


def _append(file: Path, line: bytes) -> int:
    with file.open("ab") as opened:
        opened.write(line)
        return opened.tell()


def _size(file: Path) -> int:
    """The bytes of a file; -1 while there is none, as between two contents put in its place."""
    try:
        return file.stat().st_size
    except FileNotFoundError:
        return -1


def _holds(day: Path, marker: bytes) -> bool:
    """Whether some op file of a day ends with what is looked for."""
    try:
        names = os.listdir(day)
    except FileNotFoundError:
        return False
    for name in names:
        with (day / name).open("rb") as file:
            size = file.seek(0, os.SEEK_END)
            file.seek(max(0, size - 1000))
            if marker in file.read():
                return True
    return False


async def _until(is_so: Callable[[], bool]) -> None:
    async with asyncio.timeout(LOST_S):
        while not is_so():  # noqa: ASYNC110
            await asyncio.sleep(POLL_S)


async def _edits(one: Device, two: Device, space: str) -> list[float]:
    """Edits over one socket; returns when the other one told of it."""
    waits: list[float] = []
    heard: asyncio.Queue[float] = asyncio.Queue()

    async def listen() -> None:
        async for event in two.events():
            if event["kind"] == "ops" and event["source"]:
                heard.put_nowait(time.perf_counter())

    listening = asyncio.create_task(listen())
    await asyncio.sleep(1.0)
    rng = Random("edits")
    for number in range(EDITS):
        await asyncio.sleep(rng.uniform(0.05, 0.4))
        edit = {"do": "set", "vertex": space, "key": "edited", "value": number}
        begun = time.perf_counter()
        await one.call("edit.apply", space=space, tree="space", edits=[edit])
        async with asyncio.timeout(LOST_S):
            waits.append(await heard.get() - begun)
    listening.cancel()
    return waits
