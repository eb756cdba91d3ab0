"""The smaller ports: clock, chance, file events, sign-in."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.mirror.watcher import OnHint, Polling
    from tests.simulation.disk import MachineDisk

START_UNIX_S = 1_780_000_000.0


class SimClock:
    """A machine's clock: its wall time can be stepped, its monotonic time cannot."""

    def __init__(self, now: Callable[[], float] | None = None) -> None:
        """`now` tells virtual seconds; without it they are the running loop's."""
        self.offset_s = 0.0
        self._now = now

    def time(self) -> float:
        """Returns Unix seconds as this machine believes them to be."""
        return START_UNIX_S + self.offset_s + self.monotonic()

    def monotonic(self) -> float:
        """Returns virtual seconds."""
        return asyncio.get_running_loop().time() if self._now is None else self._now()

    async def sleep(self, seconds: float) -> None:
        """Waits virtually."""
        await asyncio.sleep(seconds)


class SimRandomness:
    """Chance for one start of one program: never the same bytes as for another."""

    def __init__(self, random: Random) -> None:
        self._random = random

    def token(self, size_bytes: int) -> bytes:
        """Returns bytes of the seed's."""
        return self._random.randbytes(size_bytes)

    def uniform(self) -> float:
        """Returns a number of the seed's."""
        return self._random.random()


class SimWatcher:
    """Tells of changes on one machine's disk late, several at once, and of some never."""

    def __init__(self, disk: MachineDisk, random: Random, loss: float) -> None:
        self._disk = disk
        self._random = random
        self._loss = loss
        self._hinted: list[Callable[[Path], None]] = []

    def polling(self, root: Path) -> Polling | None:
        """Polls nothing: what events do not tell, scans find."""
        return None

    def subscribe(self, root: Path, on_hint: OnHint) -> Callable[[], None]:
        """Calls `on_hint` for changes below `root`."""
        loop = asyncio.get_running_loop()
        below = f"{root}/"
        is_on = True
        gathered: set[Path] = set()

        def tell() -> None:
            paths = frozenset(gathered)
            gathered.clear()
            if is_on:
                on_hint(paths)

        def changed(path: Path) -> None:
            if str(path).startswith(below) and self._random.random() >= self._loss:
                if not gathered:
                    loop.call_later(0.01 + 0.2 * self._random.random(), tell)
                gathered.add(path)

        def end() -> None:
            nonlocal is_on
            is_on = False
            if changed in self._hinted:
                self._hinted.remove(changed)
                self._disk.on_change.remove(changed)

        self._hinted.append(changed)
        self._disk.on_change.append(changed)
        return end

    def end_all(self) -> None:
        """Ends every subscription: its program is dead."""
        for changed in self._hinted:
            self._disk.on_change.remove(changed)
        self._hinted.clear()
