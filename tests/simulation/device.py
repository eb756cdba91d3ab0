"""A person's machine: the real mirror on a simulated disk, beside other programs."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

from sila_daemon.database.database import InlineDatabases
from sila_daemon.folder.space_folder import create_space_folder
from sila_daemon.mirror.record import (
    Device,
    MirrorPorts,
    MirrorSettings,
    ServerRecord,
    SpaceRecord,
)
from sila_daemon.mirror.space_mirror import SpaceMirror
from sila_daemon.ports.disk import make_dirs
from sila_daemon.ports.workers import InlineWorkers
from tests.simulation.disk import DiskView, MachineDisk
from tests.simulation.ports import SimClock, SimRandomness, SimTokens, SimWatcher
from tests.simulation.process import Process, spawn_outside
from tests.simulation.vfs import SimVfs

if TYPE_CHECKING:
    from tests.simulation.checkers import FolderGuard
    from tests.simulation.network import Network
    from tests.simulation.trace import Trace

SPACE = "25f87e271fb347078ec4fbaad528d1b8"
FOLDER = Path("/home/space")
HOME = Path("/home/.sila")
SETTINGS = MirrorSettings(scan_interval_s=8.0, append_interval_s=0.5, retry_delay_s_max=4.0)


class SimDevice:
    """One device; `start` after each end of its daemon."""

    def __init__(
        self,
        name: str,
        seed: str,
        trace: Trace,
        network: Network,
        guard: FolderGuard,
        *,
        has_folder: bool = True,
    ) -> None:
        """Without a folder the space is kept in the store only."""
        self.name = name
        self.clock = SimClock()
        self.disk = MachineDisk(name, self.clock.monotonic)
        self.mirror: SpaceMirror | None = None
        self.tokens: dict[str, str] = {}
        """By the servers that the space is mirrored to."""
        self.has_folder = has_folder
        self.hint_loss = 0.0
        self.guard = guard
        self._seed = seed
        self._trace = trace
        self._network = network
        self._vfs: list[SimVfs] = []
        self._starts = 0
        self._view: DiskView
        self._process: Process | None = None
        self._watcher: SimWatcher | None = None
        self._running: asyncio.Task[None] | None = None
        self._dying: list[asyncio.Task[None]] = []

    def prepare(self) -> None:
        """Makes the space's folder, as `space add` does, all of it durable."""
        if not self.has_folder:
            return
        view = self.disk.view()
        make_dirs(view, FOLDER.parent)
        create_space_folder(FOLDER, view, SimRandomness(Random(self.name)), SPACE)

    @property
    def is_running(self) -> bool:
        """Whether the daemon runs."""
        return self._process is not None

    def start(self) -> None:
        """Starts the daemon."""
        self._starts += 1
        self._trace.note(self.name, "starts")
        process = self._process = Process(f"{self.name}.{self._starts}")
        random = Random(f"{self._seed}/{self.name}/{self._starts}")
        view = self._view = self.disk.view(self.guard.check)
        vfs = SimVfs(view, random, self.clock.time)
        self._vfs.append(vfs)
        self._watcher = SimWatcher(self.disk, random, self.hint_loss)
        ports = MirrorPorts(
            clock=self.clock,
            disk=view,
            randomness=SimRandomness(random),
            workers=InlineWorkers(),
            databases=InlineDatabases(vfs.vfs_name),
            connector=self._network.connector(self.name),
            tokens=SimTokens(self.tokens),
            watcher=self._watcher,
        )
        servers = tuple(ServerRecord(url, "mirror") for url in self.tokens)
        record = SpaceRecord(SPACE, FOLDER if self.has_folder else None, servers)
        device = Device(self.name, self.name, "simulated")
        self.mirror = SpaceMirror(record, ports, HOME, device, SETTINGS)
        self._running = process.spawn(self.mirror.run())

    async def ensure_running(self) -> None:
        """Starts the daemon, if it does not run."""
        if not self.is_running:
            self.start()

    def spawn(self, work: Coroutine[Any, Any, None]) -> None:
        """Runs something in the daemon's process: it dies with it."""
        assert self._process is not None
        self._process.spawn(work)

    async def stop(self) -> None:
        """Ends the daemon as SIGTERM does."""
        process, self._process = self._process, None
        if process is None:
            return
        self._trace.note(self.name, "stops")
        assert self._running is not None
        self._running.cancel()
        await asyncio.wait([self._running])
        self.mirror = None
        self._cut_all()
        await process.kill()

    def crash(self, random: Random | None) -> None:
        """Ends the daemon at once; with `random` the machine loses power."""
        process, self._process = self._process, None
        if process is None:
            return
        self._trace.fault(self.name, "kill" if random is None else "power cut")
        self.mirror = None
        assert self._watcher is not None
        self._watcher.end_all()
        if random is None:
            self._view.part()
        else:
            self.disk.power_cut(random)
        self._cut_all(server_learns=random is None)
        self._dying.append(spawn_outside(process.kill()))

    async def buried(self) -> None:
        """Returns when nothing of dead processes runs any more."""
        await asyncio.gather(*self._dying)

    def _cut_all(self, *, server_learns: bool = True) -> None:
        for wire in self._network.open_wires(self.name):
            wire.cut(server_learns=server_learns)
