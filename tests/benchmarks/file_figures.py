"""Many small files from one device's folder over a server to another's, near and far away."""

from __future__ import annotations

import asyncio
import hashlib
import sys
import time
from contextlib import AsyncExitStack
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory

from sila_daemon.core.op_codec import encode_line
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.folder.layout import SpaceLayout, static_path
from sila_daemon.ports import event_loop
from tests.benchmarks import syncthing
from tests.benchmarks.daemon_programs import Stage, stage, until, until_current
from tests.benchmarks.process_figures import cpu_seconds
from tests.benchmarks.report import Figure
from tests.benchmarks.slow_wire import slow_wire
from tests.soak.programs import EMAIL, PASSWORD, Device

FILES, FILE_BYTES = 1_000, 100_000
FAR_S = 0.1
SYNCTHING_S = 2.5
"""What was measured before, for a machine without it."""


def file_figures(rounds: int) -> list[Figure]:
    """Returns how long files take; each round has new ones, near and far in turns."""
    # Nothing is removed in between: ext4 looks through all that was removed within the last
    # minutes for each file that is made.
    with TemporaryDirectory(prefix="sila-bench-") as place:
        return event_loop.run(_measured(rounds, Path(place)))


async def _measured(rounds: int, place: Path) -> list[Figure]:
    near: list[tuple[float, str]] = []
    far: list[tuple[float, str]] = []
    peers: list[float] = []
    for number in range(rounds):
        contents = _contents(number)
        near.append(await _pass(contents, 0.0, _new(place / f"near-{number}")))
        far.append(await _pass(contents, FAR_S, _new(place / f"far-{number}")))
        if syncthing.is_installed():
            peers.append(await _pass_by_syncthing(contents, _new(place / f"peers-{number}")))
        print(f"  files, round {number + 1}: {near[-1]}, {far[-1]}", file=sys.stderr)
    peer = median(peers or [SYNCTHING_S])
    told = "Syncthing" if peers else "Syncthing, which is not here, another time"
    seconds = sorted(near)[len(near) // 2]
    seconds_far = sorted(far)[len(far) // 2]
    return [
        Figure("1,000 files of 100 kB, of Syncthing's time", seconds[0] / peer, "times", 1.5,
               detail=f"{seconds[0]:.2f} s, {told} {peer:.2f} s; {seconds[1]}"),
        Figure("the same with 100 ms each round trip", seconds_far[0], "s", 4,
               detail=seconds_far[1]),
    ]  # fmt: skip


def _contents(number: int) -> list[bytes]:
    rng = Random(f"files {number}")
    return [rng.randbytes(FILE_BYTES) for _ in range(FILES)]


def _new(place: Path) -> Path:
    place.mkdir()
    return place


async def _pass(contents: list[bytes], round_trip_s: float, place: Path) -> tuple[float, str]:
    """Has a folder be given files; returns when another one has them, and what it cost."""
    async with stage(place) as made, AsyncExitStack() as around:
        port = made.server.port
        if round_trip_s:
            port = await around.enter_async_context(slow_wire(port, round_trip_s))
        url = f"http://127.0.0.1:{port}"
        one, two = await _device(made, "one", url), await _device(made, "two", url)
        folder, copy = str(one.folder), str(two.folder)
        added = await one.run("space", "create", folder, "--name", "Files", "--server", url)
        space = str(added["id"])
        await one.run("space", "sync", space)
        await two.run("space", "clone", url, space, copy)
        await until_current(two, space)
        await one.call("space.pause", space=space)
        await asyncio.to_thread(_give, one.folder, space, contents)
        pids = one.pid, made.server.pid, two.pid
        before = [cpu_seconds(pid) for pid in pids]
        begun = time.perf_counter()
        await one.call("space.resume", space=space)

        async def has_all() -> bool:
            (found,) = (await two.call("daemon.status", space=space))["spaces"]
            return int(found["files"]) == FILES and found["state"] == "current"

        await until(has_all)
        seconds = time.perf_counter() - begun
        costs = [cpu_seconds(pid) - cpu for pid, cpu in zip(pids, before, strict=True)]
    return seconds, "computing: " + ", ".join(f"{cost:.1f} s" for cost in costs)


async def _device(made: Stage, name: str, url: str) -> Device:
    device = Device(name, made.place / name, settings="")
    await device.start()
    made.devices.append(device)
    await device.run("login", url, "--email", EMAIL, "--password-stdin", given=PASSWORD)
    return device


def _give(folder: Path, space: str, contents: list[bytes]) -> None:
    """Writes files and what refers to them, as the app does."""
    layout, peer = SpaceLayout(folder), "b" * 32
    moves: list[Op] = []
    properties: list[Op] = []
    for number, data in enumerate(contents):
        name = hashlib.sha256(data).hexdigest()
        path = static_path(layout.files_dir, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        vertex, counter = f"file-{number}", 1000 + 4 * number
        moves.append(MoveOp(counter, peer, vertex, space))
        told = {"hash": f'"{name}"', "mimeType": '"a/b"', "size": str(len(data))}
        properties += [
            PropertyOp(counter + 1 + place, peer, vertex, key, value.encode())
            for place, (key, value) in enumerate(told.items())
        ]
    today = datetime.now(UTC).date()
    for path, ops in (
        (layout.moves_file(space, today, peer), moves),
        (layout.properties_file(space, today, peer), properties),
    ):
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(b"".join(encode_line(op) for op in ops))


async def _pass_by_syncthing(contents: list[bytes], place: Path) -> float:
    """Has Syncthing do the same without a server, and without a delay."""
    pair = syncthing.SyncthingPair(place)
    await pair.start()
    source, target = (pair.folder(name) / "files" for name in syncthing.NAMES)
    try:
        ready = source.with_name(".not-yet")
        ready.mkdir()
        for number, data in enumerate(contents):
            (ready / str(number)).write_bytes(data)
        begun = time.perf_counter()
        ready.rename(source)

        async def has_all() -> bool:
            names = list(target.iterdir()) if target.exists() else []
            return len([one for one in names if one.name.isdigit()]) == FILES

        await until(has_all)
        return time.perf_counter() - begun
    finally:
        await pair.end()
