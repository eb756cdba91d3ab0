"""A disk that does not answer: what is said of its folder, and that other work goes on."""

from __future__ import annotations

import errno
import os
import threading
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.disk import FileStat, SystemDisk
from tests.mirror.bench import SETTINGS, Bench, current, until
from tests.mirror.test_folder_layer import TREE, op_file, write_lines
from tests.mirror.test_static_files import told

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.ports.descriptors import ReadDescriptor
    from tests.mirror.fake_server import FakeServer


class HangingDisk(SystemDisk):
    """The real disk; where it is told to, a look at the space's marker stands still."""

    def __init__(self) -> None:
        self.is_held = False
        self.stands, self.may_go = threading.Event(), threading.Event()

    def stat(self, path: Path) -> FileStat | None:
        if self.is_held and path.name == "space-v1":
            self.stands.set()
            self.may_go.wait(30)
        return super().stat(path)


class CloudDisk(SystemDisk):
    """The real disk, where some files cannot be read: a cloud tool has yet to bring them."""

    def __init__(self, error: int) -> None:
        self.error = error
        self.away: set[str] = set()

    def open_read(self, path: Path) -> ReadDescriptor:
        if path.name in self.away:
            raise OSError(self.error, os.strerror(self.error), str(path))
        return super().open_read(path)


class LateClock(SystemClock):
    """The machine's clock, which can be put on."""

    ahead_s = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead_s


class SlowBench(Bench):
    """A bench with that clock."""

    clock = LateClock()

    def ports(self) -> MirrorPorts:
        return replace(super().ports(), clock=self.clock)


async def test_a_folder_whose_disk_hangs_is_not_called_current(
    tmp_path: Path, server: FakeServer
) -> None:
    disk = HangingDisk()
    bench = SlowBench(tmp_path, server, disk)
    bench.settings = replace(SETTINGS, scan_interval_s=0.05)
    root = bench.folder("f")
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        disk.is_held = True
        await until(disk.stands.is_set)
        assert told(a)[0] == "current", "it may answer in a moment"
        bench.clock.ahead_s = 75.0
        state, reason = told(a)
        assert state == "syncing"
        assert reason == "a look at the folder takes 75 s already: its disk may hang"
        disk.is_held = False
        disk.may_go.set()
        await current(a)
    bench.close()


@pytest.mark.parametrize("error", [errno.EDEADLK, errno.EAGAIN, errno.EIO, errno.EACCES])
async def test_a_file_that_is_not_to_be_read_holds_up_no_other(
    tmp_path: Path, server: FakeServer, error: int
) -> None:
    disk = CloudDisk(error)
    bench = Bench(tmp_path, server, disk)
    root = bench.folder("f")
    known, other = op_file(root, "known"), op_file(root, "other")
    write_lines(known, [1, "0", None])
    async with bench.mirror("a", folder=root) as a:
        await a.sync_now()
        disk.away = {known.name}
        write_lines(known, [2, "v", None])
        write_lines(other, [1, "w", None])
        for _ in range(3):
            bench.watcher.hint(known, other)
            await until(lambda: told(a) == ("needs_you", "1 thing in the folder cannot be read"))
        await a.sync_now()
        assert told(a) == ("needs_you", "1 thing in the folder cannot be read")
        assert a.status()["ops"] == 2, "what was read of the other file is here"
        await a.edit(TREE, lambda tree: tree.set("0", "k", 1))
        await until(lambda: a.status()["folder"]["pendingOps"] == 0, "an edit comes to the folder")
        disk.away = set()
        bench.watcher.hint(known)
        await current(a)
        # They are here; the total of the status is counted after that.
        await until(lambda: a.status()["ops"] == 4, "the known file is read on")
        assert told(a)[0] == "current"
    bench.close()
