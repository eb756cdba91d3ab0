"""What a daemon costs while nobody does anything."""

from __future__ import annotations

import asyncio
import hashlib
import sys
from pathlib import Path
from random import Random
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from sila_daemon.folder.layout import SpaceLayout, static_path
from tests.benchmarks import syncthing
from tests.benchmarks.daemon_programs import stage, until_current
from tests.benchmarks.process_figures import cpu_seconds, memory_mb
from tests.benchmarks.report import Figure

if TYPE_CHECKING:
    from tests.benchmarks.daemon_programs import Stage
    from tests.soak.programs import Device

SPACES = 20
FILES_EACH = 500
FILE_BYTES = 1000
REST_S = 20.0
"""After everything is done, for what is put off to be done as well."""
WATCHED_S = 180.0
"""Three scans of each folder."""


async def idle_figures() -> list[Figure]:
    """Returns what a daemon needs that is connected to a server; takes some minutes."""
    async with stage() as made:
        device = await made.device("one")
        spaces = [await _space(made, device, number) for number in range(SPACES)]
        for space in spaces:
            await until_current(device, space)
        await device.hang_up()
        print("  the spaces are mirrored", file=sys.stderr)
        share, memory = await _watched(device.pid)
    details = ["", ""]
    if syncthing.is_installed():
        share_of_theirs, memory_of_theirs = await _syncthing()
        details = [f"Syncthing {share_of_theirs:.2f} %", f"Syncthing {memory_of_theirs:.0f} MB"]
    what = f"{SPACES} spaces, {SPACES * FILES_EACH} files, {WATCHED_S:.0f} s"
    return [
        Figure("idle, of one core", share, "%", 0.3, detail=f"{what}; {details[0]}".rstrip("; ")),
        Figure("idle, memory", memory, "MB", 90, detail=details[1]),
    ]


async def _watched(pid: int) -> tuple[float, float]:
    """Returns the share of a core in percent, and the memory."""
    await asyncio.sleep(REST_S)
    before = cpu_seconds(pid)
    looks = []
    for _ in range(10):
        await asyncio.sleep(WATCHED_S / 10)
        looks.append(memory_mb(pid))
    return (cpu_seconds(pid) - before) / WATCHED_S * 100, median(looks)


async def _space(made: Stage, device: Device, number: int) -> str:
    folder = device.folder.parent / f"space-{number}"
    space = await device.run("space", "create", str(folder), "--name", f"Space {number}")
    layout = SpaceLayout(folder)
    rng = Random(number)
    for _ in range(FILES_EACH):
        content = rng.randbytes(FILE_BYTES)
        _write(static_path(layout.files_dir, hashlib.sha256(content).hexdigest()), content)
    await device.run("space", "server", "add", space["id"], made.url, "--secrets", "keep")
    return str(space["id"])


def _write(path: Path, content: bytes) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(content)


async def _syncthing() -> tuple[float, float]:
    """Returns what one of two Syncthings needs with as many folders and files."""
    with TemporaryDirectory(prefix="sila-bench-") as place:
        pair = syncthing.SyncthingPair(Path(place), SPACES)
        for number in range(SPACES):
            rng = Random(number)
            for file in range(FILES_EACH):
                _write(pair.folder("one", number) / f"{file:03d}", rng.randbytes(FILE_BYTES))
        await pair.start()
        try:
            there = pair.folder("two", 0).parent
            async with asyncio.timeout(300):
                while sum(1 for _ in there.glob("folder-*/???")) < SPACES * FILES_EACH:  # noqa: ASYNC110
                    await asyncio.sleep(1.0)
            return await _watched(pair.pids[0])
        finally:
            await pair.end()
