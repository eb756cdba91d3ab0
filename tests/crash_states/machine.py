"""A machine of one case: its disk, the ports of the programs on it, and what they acknowledged.

The disk tells a recorder before every call that changes something, and lets calls fail by plan;
other than in the seeded world, the calls that only look may fail as well.
"""

from __future__ import annotations

import itertools
import os
from collections.abc import Callable
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, NoReturn

from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.workers import InlineWorkers
from sila_daemon.server.ports import Ports
from tests.simulation.disk import DiskView, Handle, MachineDisk
from tests.simulation.inodes import Directory, File
from tests.simulation.ports import SimClock, SimRandomness
from tests.simulation.vfs import SimVfs

if TYPE_CHECKING:
    from sila_daemon.ports.disk import DirEntry, FileStat

NUMBERS_PER_START = 1_000_000
"""Inodes and moments of one start of a machine are not those of another."""


@dataclass(slots=True)
class Failures:
    """Which calls fail, counted from when it was set."""

    error: int = 0
    first: int = 0
    """The first call that fails; 0: none does."""
    last: int = 0
    forgets: bool = False
    """Only syncs fail, and a file forgets what waited for one."""
    calls: int = 0
    failed: str = ""
    """The first call that did, as its name and file."""

    def is_due(self, what: str, path: Path) -> bool:
        """Counts a call; tells whether it fails."""
        if self.forgets and what != "sync":
            return False
        self.calls += 1
        if not self.first <= self.calls <= self.last:
            return False
        self.failed = self.failed or f"{what} {path.name}"
        return True


def ignore(what: str) -> None:
    """Takes no note of a call."""


class Machine:
    """One start of a machine on a disk as it was found."""

    def __init__(
        self, root: Directory, start: int = 0, acknowledged: frozenset[str] = frozenset()
    ) -> None:
        self.start = start
        self.clock = SimClock()
        self.disk = MachineDisk("machine", self.clock.time)
        self.disk.root = root
        self.disk.faults.calls = start * NUMBERS_PER_START
        self.disk.numbers = itertools.count(start * NUMBERS_PER_START + 2)
        self.failures = Failures()
        self.before_change: Callable[[str], None] = ignore
        self.view = MachineView(self)
        self.acknowledged = acknowledged
        self._random = Random(f"start {start}")
        self.randomness = SimRandomness(self._random)
        self.workers = InlineWorkers()

    @cached_property
    def databases(self) -> InlineDatabases:
        """Returns SQLite on this disk."""
        self._vfs = SimVfs(self.view, self._random, self.clock.time)
        return InlineDatabases(self._vfs.vfs_name)

    def acknowledge(self, what: str) -> None:
        """Notes that somebody was told that something is safe."""
        self.acknowledged |= {what}

    def server_ports(self) -> Ports:
        """Returns the ports as the server takes them."""
        return Ports(self.clock, self.randomness, self.view, self.databases, self.workers)

    def discard(self, path: Path) -> None:
        """Removes a directory with all that is in it, as far as the disk lets it."""
        parent, entry = self.view.find(path.parent), self.view.find(path)
        if isinstance(parent, Directory) and entry is not None:
            try:
                self.view.step("discard", path)
            except OSError:
                return
            parent.change((path.name, None))


class MachineView(DiskView):
    """The disk as the machine's programs see it."""

    def __init__(self, machine: Machine) -> None:
        super().__init__(machine.disk, machine.disk.root, None)
        self._machine = machine

    def step(self, what: str, path: Path, *, is_guarded: bool = True) -> None:
        """Has the recorder look, and a call fail."""
        self._machine.before_change(what)
        super().step(what, path, is_guarded=is_guarded)
        self.look(what, path)

    @property
    def forgets(self) -> bool:
        """Whether a file forgets what waited for a sync that failed."""
        return self._machine.failures.forgets

    def look(self, what: str, path: Path) -> None:
        """Has a call fail. Raises OSError by plan."""
        if self._machine.failures.is_due(what, path):
            self._fail(path)

    def stat(self, path: Path) -> FileStat | None:
        """Returns the facts of a path."""
        self.look("stat", path)
        return super().stat(path)

    def list_dir(self, path: Path) -> list[DirEntry]:
        """Lists a directory."""
        self.look("list_dir", path)
        return super().list_dir(path)

    def open_read(self, path: Path) -> Handle:
        """Opens a file to read."""
        self.look("open_read", path)
        return _ReadHandle(self, path, super().open_read(path).file)

    def _fail(self, path: Path) -> NoReturn:
        error = self._machine.failures.error
        raise OSError(error, os.strerror(error), str(path))


class _ReadHandle(Handle):
    def __init__(self, view: MachineView, path: Path, file: File) -> None:
        super().__init__(view, path, file)
        self._look: Callable[[], None] = lambda: view.look("read", path)

    def read_at(self, offset: int, size: int) -> bytes:
        self._look()
        return super().read_at(offset, size)
