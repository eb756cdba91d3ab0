"""Two daemons and a server through random edits, restarts, kills and cut connections."""

from __future__ import annotations

import asyncio
import json
import signal
import time
from collections import Counter
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from random import Random
from statistics import median
from typing import TYPE_CHECKING, Any

from tests.soak.people import Person
from tests.soak.programs import EMAIL, PASSWORD, Device, Server
from tests.soak.wire import Wire

if TYPE_CHECKING:
    from pathlib import Path

SETTLE_S_MAX = 120.0
CALM = 3
"""So many looks in a row must find everything current."""
SAMPLES = 120
GROWTH_MAX = 1.10
"""Memory of the last sixth of the time, of that of the sixth before; and beside it: """
GROWTH_MB_MAX = 8.0
GROWTH_KB_PER_OP_MAX = 2.0
WEIGHED_S_MIN = 300.0
"""In a shorter run a process is still filling its caches."""


class SoakError(Exception):
    """A promise that was broken."""


@dataclass
class Memory:
    """What one process needed over time."""

    samples: list[tuple[float, float, int]] = field(default_factory=list)
    """When, how many megabytes, and how many ops the space had."""

    def growth(self, since: float) -> tuple[float, float, int]:
        """Returns the medians of the two halves since then, and the ops that came between."""
        late = [sample for sample in self.samples if sample[0] >= since]
        half = len(late) // 2
        if not half:
            return 0.0, 0.0, 0
        first, second = late[:half], late[half:]
        ops = round(median(row[2] for row in second) - median(row[2] for row in first))
        return median(row[1] for row in first), median(row[1] for row in second), ops


class Soak:
    """One run: its programs, people and troubles."""

    def __init__(self, place: Path, seconds: float, seed: int) -> None:
        self._place = place
        self._seconds = seconds
        self._random = Random(seed)
        self._wire = Wire()
        self._server = Server(place / "server")
        self.devices = [Device(name, place / name) for name in ("one", "two")]
        self.people: list[Person] = []
        self._memory = {name: Memory() for name in ("two", "server")}
        self._begun = 0.0
        self.troubles: Counter[str] = Counter()

    async def run(self) -> list[str]:
        """Runs to the end; returns what happened, in lines. Raises SoakError."""
        space = await self._prepare()
        try:
            self._begun = time.monotonic()
            editing = [asyncio.create_task(one.edit_until_cancelled()) for one in self.people]
            watching = asyncio.create_task(self._watch(space))
            try:
                await self._trouble()
            finally:
                for task in (*editing, watching):
                    task.cancel()
                await asyncio.gather(*editing, watching, return_exceptions=True)
            self._wire.mend()
            ops = await self._settle(space)
            await self.compare()
            return self._report(ops)
        finally:
            for device in self.devices:
                await device.hang_up()
                await device.end(signal.SIGTERM)
            await self._server.end(signal.SIGTERM)
            await self._wire.close()

    async def _prepare(self) -> str:
        """Starts everything, and has both devices share a space."""
        await self._wire.open()
        await self._server.prepare()
        await self._server.start()
        self._wire.goal = self._server.port
        url = f"http://127.0.0.1:{self._wire.port}"
        one, two = self.devices
        for device in self.devices:
            await device.start()
            await device.run("login", url, "--email", EMAIL, "--password-stdin", given=PASSWORD)
        made = await one.run("space", "create", str(one.folder), "--name", "Soak", "--server", url,
                             "--secrets", "mirror")  # fmt: skip
        space = str(made["id"])
        await one.run("space", "sync", space)
        await two.run("space", "clone", url, space, str(two.folder), "--secrets", "mirror")
        for device in self.devices:
            await self._once_current(device, space)
            seed = self._random.random()
            self.people.append(Person(device, space, Random(seed), self._place))
        return space

    async def _trouble(self) -> None:
        """Has things go wrong until the time is over; in the last third nobody is killed."""
        gentle: list[Callable[[], Awaitable[None]]] = [self._cut, self._restart]
        rough = [*gentle, self._kill, self._kill_server, self._restart_server]
        while (passed := time.monotonic() - self._begun) < self._seconds:
            pause_s = self._random.uniform(0.5, max(2.0, min(20.0, self._seconds / 20)))
            await asyncio.sleep(min(pause_s, self._seconds - passed))
            trouble = self._random.choice(rough if passed < self._seconds * 2 / 3 else gentle)
            self.troubles[trouble.__name__.strip("_").replace("_", " ")] += 1
            for program in (*self.devices, self._server):
                if program.exit_code is not None:
                    raise SoakError(f"{program.name} ended by itself, with {program.exit_code}")
            await trouble()

    async def _cut(self) -> None:
        self._wire.cut()
        await asyncio.sleep(self._random.uniform(0.1, 4.0))
        self._wire.mend()

    async def _restart(self) -> None:
        await self._begin_again(signal.SIGTERM)

    async def _kill(self) -> None:
        await self._begin_again(signal.SIGKILL)

    async def _begin_again(self, how: signal.Signals) -> None:
        device = self.devices[0]
        await device.end(how)
        await asyncio.sleep(self._random.uniform(0.0, 1.0))
        await device.start()

    async def _restart_server(self) -> None:
        await self._begin_server_again(signal.SIGTERM)

    async def _kill_server(self) -> None:
        await self._begin_server_again(signal.SIGKILL)

    async def _begin_server_again(self, how: signal.Signals) -> None:
        await self._server.end(how)
        await asyncio.sleep(self._random.uniform(0.0, 1.0))
        await self._server.start()
        self._memory[self._server.name].samples.clear()

    async def _watch(self, space: str) -> None:
        """Weighs what lives on."""
        two = self.devices[1]
        while True:
            ops = int((await _space_status(two, space))["ops"])
            for program in (two, self._server):
                try:
                    weight = await program.rss_mb()
                except (ValueError, RuntimeError):
                    continue  # It is just being started again.
                sample = (time.monotonic() - self._begun, weight, ops)
                self._memory[program.name].samples.append(sample)
            await asyncio.sleep(self._seconds / SAMPLES)

    async def _once_current(self, device: Device, space: str) -> dict[str, Any]:
        until = time.monotonic() + SETTLE_S_MAX
        while (found := await _space_status(device, space))["state"] != "current":
            if time.monotonic() > until:
                raise SoakError(
                    f"{device.name} is not current: {found['state']}, {found['reason']}"
                )
            await asyncio.sleep(0.1)
        return found

    async def _settle(self, space: str) -> int:
        """Waits until both have the same, and know it; returns how many ops that is."""
        until, calm, counts = time.monotonic() + SETTLE_S_MAX, 0, [0, 0]
        while calm < CALM:
            found = [await self._once_current(device, space) for device in self.devices]
            counts = [one["ops"] for one in found]
            calm = calm + 1 if counts[0] == counts[1] else 0
            if time.monotonic() > until:
                raise SoakError(f"the devices never had the same: {counts} ops")
            await asyncio.sleep(0.5)
        return int(counts[0])

    async def compare(self) -> None:
        """Both folders say the same, and everything that was acknowledged."""
        dumps = [await device.dump() for device in self.devices]
        if dumps[0] != dumps[1]:
            raise SoakError("the folders do not say the same")
        said = json.loads(dumps[0])
        names = {
            vertex["id"]: vertex["properties"].get("name")
            for tree in said["trees"].values()
            for vertex in tree["vertices"]
        }
        for person in self.people:
            lost = [at for at, value in person.values.items() if names.get(at) != value]
            lost += [at for at, value in person.secrets.items() if said["secrets"].get(at) != value]
            if lost:
                raise SoakError(f"acknowledged and not there: {lost[:5]} of {len(lost)}")
        if said["problems"]:
            raise SoakError(f"the folder has problems: {said['problems'][:3]}")

    def _report(self, ops: int) -> list[str]:
        """Returns what happened, in lines. Raises SoakError when memory grew."""
        edits = sum(person.edits for person in self.people)
        failures = sum(person.failures for person in self.people)
        lines = [
            f"{edits} edits acknowledged, {failures} not taken while a daemon was away; {ops} ops",
            ", ".join(f"{count} times {what}" for what, count in sorted(self.troubles.items())),
        ]
        for name, memory in self._memory.items():
            before, after, new = memory.growth(self._seconds * 2 / 3)
            lines.append(f"{name}: {before:.1f} MB, then {after:.1f} MB with {new} more ops")
            limit = before * GROWTH_MAX + GROWTH_MB_MAX + new * GROWTH_KB_PER_OP_MAX / 1024
            if self._seconds >= WEIGHED_S_MIN and after > limit:
                raise SoakError("\n".join([*lines, f"{name} grew"]))
        return [*lines, "both folders say the same, and everything that was acknowledged"]


async def _space_status(device: Device, space: str) -> dict[str, Any]:
    answer = await device.call("daemon.status", space=space)
    found: dict[str, Any] = answer["spaces"][0]
    return found
