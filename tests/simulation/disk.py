"""The port Disk on the simulated disk of one machine: errors by plan, crashes by chance.

A program holds a `DiskView`. When it is killed, its view gets a tree of inodes of its own, so that
what the dead still do is seen by nobody; the other programs of the machine work on. After a power
cut the machine's disk is another tree, and all programs are dead.
"""

from __future__ import annotations

import errno
import itertools
import os
from collections.abc import Callable
from pathlib import Path
from random import Random
from types import TracebackType
from typing import Any, NoReturn, Protocol, Self

from sila_daemon.ports.disk import DirEntry, FileStat
from tests.simulation.inodes import Directory, File

TICK_S = 2.0
"""Names that change within so long give a directory the same time, as on FAT."""

Hint = Callable[[Path], None]
Guard = Callable[[str, Path], None]
"""Is told what a program is about to do to a path; raises when it must not."""


class HasFile(Protocol):
    """An open file."""

    file: File


class FaultPlan:
    """Says which of the coming calls fail."""

    def __init__(self) -> None:
        self.calls = 0
        self.error = 0
        self.only = ""
        self.counted = 0
        self.fail_at = 0
        self.fail_until = 0
        self.crash_in = 0
        self.crash_only = ""
        self.on_crash: Callable[[], None] = lambda: None
        self.forgets = False
        """Whether a file forgets what waited for a sync that failed."""

    def crash(self, after: int, on_crash: Callable[[], None], only: str = "") -> None:
        """Has `on_crash` called just before a call, after that many others of files so named."""
        self.crash_in = after + 1
        self.crash_only = only
        self.on_crash = on_crash

    def fail(
        self, error: int, after: int, count: int = 1, only: str = "", *, forgets: bool = False
    ) -> None:
        """Lets `count` calls fail, after that many that do not, on files of one suffix only."""
        self.error = error
        self.forgets = forgets
        self.only = only
        self.counted = 0
        self.fail_at = after + 1
        self.fail_until = self.fail_at + count

    def clear(self) -> None:
        """Lets no more calls fail."""
        self.fail_at = self.fail_until = self.crash_in = 0

    def is_due(self, path: Path, *, may_crash: bool) -> bool:
        """Counts a call that changes something; tells whether it fails."""
        if may_crash:
            self.calls += 1
            if self.crash_in and path.name.endswith(self.crash_only):
                self.crash_in -= 1
                if not self.crash_in:
                    self.on_crash()
        if not self.fail_at or (self.only and not path.name.endswith(self.only)):
            return False
        self.counted += 1
        return self.fail_at <= self.counted < self.fail_until


class MachineDisk:
    """What a machine has when it is switched on."""

    def __init__(self, name: str, now: Callable[[], float], device: int = 1) -> None:
        self.name = name
        self.now = now
        self.device = device
        self.numbers = itertools.count(2)
        self.root = Directory(1)
        self.faults = FaultPlan()
        self.on_change: list[Hint] = []

    def view(
        self, guard: Guard | None = None, *, may_crash: bool = True, may_fail: bool = True
    ) -> DiskView:
        """Returns the disk as a program that starts now sees it.

        `may_crash` is False for a program in whose calls nobody is to die, `may_fail` for one
        that no fault is meant for.
        """
        return DiskView(self, self.root, guard, may_crash=may_crash, may_fail=may_fail)

    def power_cut(self, random: Random) -> None:
        """Loses some of what was not synced."""
        self.root = self.root.after_power_cut(random)

    def stamp_ns(self) -> int:
        """Returns the modification time of a change made now."""
        return int(self.now() * 1e9) + self.faults.calls

    def tick_ns(self) -> int:
        """Returns the time that a directory has when its names change now: a coarse one."""
        try:
            now = self.now()
        except RuntimeError:  # The world is being set up: no time runs yet.
            now = 0.0
        return int(now // TICK_S * TICK_S * 1e9)

    def changed(self, root: Directory, path: Path) -> None:
        """Tells watchers of a change that living programs see."""
        if root is self.root:
            for hint in tuple(self.on_change):
                hint(path)


class DiskView:
    """The disk as the programs of one start of the machine see it."""

    def __init__(
        self,
        disk: MachineDisk,
        root: Directory,
        guard: Guard | None,
        *,
        may_crash: bool = True,
        may_fail: bool = True,
    ) -> None:
        self.disk = disk
        self._may_crash = may_crash
        self._may_fail = may_fail
        self.root = root
        self._guard = guard
        self._opened: set[HasFile] = set()

    def opened(self, handle: HasFile) -> None:
        """Takes note of an open file of this program."""
        self._opened.add(handle)

    def closed(self, handle: HasFile) -> None:
        """Takes note that a file is open no more."""
        self._opened.discard(handle)

    def part(self) -> None:
        """Parts a killed program from the machine; nothing is lost."""
        made: dict[int, File | Directory] = {}
        self.root = self.root.copy(made)
        for handle in self._opened:
            copied = made.get(id(handle.file))
            handle.file = copied if isinstance(copied, File) else handle.file.copy()

    def find(self, path: Path, *, durable: bool = False) -> File | Directory | None:
        """Returns the inode that a path names, or would name after the worst power cut."""
        entry: Any = self.root
        try:
            for part in path.parts[1:]:
                entry = (entry.durable if durable else entry.names)[part]
        except (KeyError, AttributeError, TypeError):  # A file has no names.
            return None
        return entry  # type: ignore[no-any-return]

    def step(self, what: str, path: Path, *, is_guarded: bool = True) -> None:
        """Is taken before every call that changes something. Raises OSError by plan.

        SQLite writes its own files and no others, which no guard need look at.
        """
        # A dead program's calls are nobody's: they happen in a tree that nobody sees.
        disk = self.disk
        if self.root is not disk.root:
            return
        if is_guarded and self._guard is not None:
            self._guard(what, path)
        if self._may_fail:
            faults = disk.faults
            if not (faults.fail_at or faults.crash_in):  # As nearly always.
                faults.calls += self._may_crash
            elif faults.is_due(path, may_crash=self._may_crash):
                self._raise(faults.error, path)

    @property
    def forgets(self) -> bool:
        """Whether a file forgets what waited for a sync that failed."""
        return self.disk.faults.forgets

    def sync_file(self, path: Path, file: File) -> None:
        """Makes the bytes of a file durable. Raises OSError by plan."""
        try:
            self.step("sync", path)
        except OSError:
            if self.forgets:
                file.forget(self)
            raise
        file.sync()

    def look(self, what: str, path: Path) -> None:
        """Is taken before calls that only look: none of them fails here."""

    def stat(self, path: Path) -> FileStat | None:
        """Returns the facts of a path."""
        entry = self.find(path)
        return None if entry is None else self.facts(entry)

    def facts(self, entry: File | Directory) -> FileStat:
        """Returns the facts of an inode."""
        if isinstance(entry, Directory):
            size, changed_ns, is_dataless = 0, entry.changed_ns, False
        else:
            size, changed_ns, is_dataless = len(entry.data), entry.modified_ns, entry.is_dataless
        number, device, modified_ns = entry.number, self.disk.device, entry.modified_ns
        return FileStat(entry.kind, size, number, device, modified_ns, changed_ns, is_dataless)

    def list_dir(self, path: Path) -> list[DirEntry]:
        """Returns the entries of a directory, by name."""
        names = self._directory(path).names
        return [DirEntry(name, names[name].kind) for name in sorted(names)]

    def list_stats(self, path: Path) -> list[tuple[str, FileStat]]:
        """Returns the facts of each entry of a directory, by name."""
        stats = ((entry.name, self.stat(path / entry.name)) for entry in self.list_dir(path))
        return [(name, stat) for name, stat in stats if stat is not None]

    def open_read(self, path: Path) -> Handle:
        """Opens a file to read."""
        return Handle(self, path, self._file(path))

    def open_append(self, path: Path) -> Handle:
        """Opens a file to append to."""
        self.step("open_append", path)
        return Handle(self, path, self._file(path))

    def create(self, path: Path) -> Handle:
        """Creates a new file."""
        self.step("create", path)
        directory = self._directory(path.parent)
        if path.name in directory.names:
            self._raise(errno.EEXIST, path)
        file = File(next(self.disk.numbers), modified_ns=self.disk.stamp_ns())
        self._rename(directory, (path.name, file))
        self.disk.changed(self.root, path)
        return Handle(self, path, file)

    def make_dir(self, path: Path) -> None:
        """Creates a directory, if it is not there."""
        self.step("make_dir", path)
        directory = self._directory(path.parent)
        found = directory.names.get(path.name)
        if found is None:
            self._rename(directory, (path.name, Directory(next(self.disk.numbers))))
            self.disk.changed(self.root, path)
        elif isinstance(found, File):
            self._raise(errno.EEXIST, path)

    def rename(self, source: Path, target: Path) -> None:
        """Moves a file, or a directory to a free name, within its directory atomically."""
        self.step("rename", source)
        self.step("rename", target)
        file = self.find(source)
        if not isinstance(file, Directory):
            file = self._file(source)
        elif isinstance(there := self.find(target), Directory) and there.names:
            self._raise(errno.ENOTEMPTY, target)
        if source.parent == target.parent:
            self._rename(self._directory(source.parent), (source.name, None), (target.name, file))
        else:
            self._rename(self._directory(target.parent), (target.name, file))
            self._rename(self._directory(source.parent), (source.name, None))
        self.disk.changed(self.root, target)

    def unlink(self, path: Path) -> None:
        """Removes a name, if it is there."""
        if self.find(path) is None:
            return
        self.step("unlink", path)
        self._rename(self._directory(path.parent), (path.name, None))
        self.disk.changed(self.root, path)

    def remove_dir(self, path: Path) -> None:
        """Removes an empty directory, if it is there."""
        if self.find(path) is None:
            return
        if self._directory(path).names:
            self._raise(errno.ENOTEMPTY, path)
        self.step("remove_dir", path)
        self._rename(self._directory(path.parent), (path.name, None))
        self.disk.changed(self.root, path)

    def sync_dir(self, path: Path) -> None:
        """Makes the names in a directory durable."""
        self.step("sync_dir", path)
        self._directory(path).sync()

    def _rename(self, directory: Directory, *changes: tuple[str, File | Directory | None]) -> None:
        directory.change(*changes)
        directory.modified_ns = directory.changed_ns = self.disk.tick_ns()

    def _directory(self, path: Path) -> Directory:
        entry = self.find(path)
        if entry is None:
            self._raise(errno.ENOENT, path)
        if not isinstance(entry, Directory):
            self._raise(errno.ENOTDIR, path)
        return entry

    def _file(self, path: Path) -> File:
        entry = self.find(path)
        if entry is None:
            self._raise(errno.ENOENT, path)
        if not isinstance(entry, File):
            self._raise(errno.EINVAL, path)
        return entry

    def _raise(self, error: int, path: Path) -> NoReturn:
        raise OSError(error, os.strerror(error), str(path))


class Handle:
    """An open file, whatever its name means by now."""

    def __init__(self, view: DiskView, path: Path, file: File) -> None:
        self._view = view
        self._path = path
        self.file = file
        view.opened(self)

    def read_at(self, offset: int, size: int) -> bytes:
        """Returns bytes as programs see them."""
        self.file.is_dataless = False
        return self.file.read(offset, size)

    def stat(self) -> FileStat:
        """Returns the facts of the file."""
        return self._view.facts(self.file)

    def size(self) -> int:
        """Returns how long the file is."""
        return len(self.file.data)

    def write(self, data: bytes) -> None:
        """Appends, by plan only a part."""
        try:
            self._view.step("write", self._path)
        except OSError:
            self._put(data[: len(data) // 2])
            raise
        self._put(data)

    def _put(self, data: bytes) -> None:
        self.file.write(len(self.file.data), data)
        self.file.modified_ns = self._view.disk.stamp_ns()
        self._view.disk.changed(self._view.root, self._path)

    def sync(self) -> None:
        """Makes the bytes durable. After a failed sync nothing is known."""
        self._view.sync_file(self._path, self.file)

    def close(self) -> None:
        """Lets go of the file."""
        self._view.closed(self)

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()
