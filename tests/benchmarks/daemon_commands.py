"""How long commands take, from the shell's point of view."""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path
from statistics import median
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING

from tests.benchmarks.daemon_programs import stage
from tests.benchmarks.report import Figure

if TYPE_CHECKING:
    from tests.soak.programs import Device

RUNS = 15
LIMIT_MS = 80
COMMANDS = (
    ("status",),
    ("space", "list"),
    ("tree", "Bench"),
    ("chat", "list", "Bench"),
    ("file", "list", "Bench"),
    ("vertex", "get", "Bench", "space"),
    ("outbox",),
    ("status", "--json"),
)


async def command_figures() -> list[Figure]:
    """Returns the slowest command of those that people give most."""
    script = str(Path(sys.executable).with_name("sila-daemon"))
    async with stage() as made:
        device = await made.device("one")
        with TemporaryDirectory(prefix="sila-bench-") as place:
            folder = str(Path(place) / "sample")
            await device.run("space", "sample", folder)
            await device.run("space", "add", folder)
            await device.run("space", "create", str(device.folder), "--name", "Bench")
            waits: dict[str, list[float]] = {" ".join(words): [] for words in COMMANDS}
            bare: list[float] = []
            for _ in range(RUNS):
                bare.append(await _ms(device, sys.executable, "-c", "pass"))
                for words in COMMANDS:
                    waits[" ".join(words)].append(await _ms(device, script, *words))
    slowest = max(waits, key=lambda words: median(waits[words]))
    fastest = min(median(times) for times in waits.values())
    return [
        Figure("the slowest command", median(waits[slowest]), "ms", LIMIT_MS,
               detail=f"{slowest}; the fastest of {len(waits)} {fastest:.0f} ms,"
               f" Python alone {median(bare):.0f} ms"),
    ]  # fmt: skip


async def _ms(device: Device, *command: str) -> float:
    begun = time.perf_counter()
    process = await asyncio.create_subprocess_exec(
        *command, env=device.environment, stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
    )  # fmt: skip
    code = await process.wait()
    # A space that is not current makes `status` say so by its code.
    assert code in (0, 1), f"{command} ended with {code}"
    return (time.perf_counter() - begun) * 1000
