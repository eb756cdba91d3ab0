"""What is said of mutable files that cannot be seen, or not told apart, for a moment."""

from __future__ import annotations

import errno
import hashlib
import time
from dataclasses import replace
from typing import TYPE_CHECKING, cast

import pytest

from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.mirror.var_looks import VarLooks
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.store.blobs import VAR, BlobName, Blobs
from tests.clocks import HandClock
from tests.mirror.bench import Bench, current, until
from tests.mirror.syncing_disk import SyncingDisk
from tests.mirror.test_folder_layer import var_path
from tests.mirror.test_mutable_files import OTHER, UUID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sila_daemon.ports.descriptors import ReadDescriptor
    from sila_daemon.ports.disk import FileStat
    from tests.mirror.fake_server import FakeServer


class OnceRefusingDisk(SystemDisk):
    """The real disk, which cannot list the place of mutable files once, after some times."""

    left = -1

    def list_stats(self, path: Path) -> list[tuple[str, FileStat]]:
        if path.name == "uuid":
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.EIO, "input/output error", str(path))
        return super().list_stats(path)


class CoarseDisk(SystemDisk):
    """The real disk, but that the times of mutable files stand still from their first look on."""

    def __init__(self) -> None:
        self._times: dict[Path, int] = {}

    def stat(self, path: Path) -> FileStat | None:
        found = super().stat(path)
        if found is None or "var" not in path.parts:
            return found
        at_ns = self._times.setdefault(path, time.time_ns())
        return found._replace(modified_ns=at_ns, changed_ns=at_ns)


@pytest.fixture
async def bench(tmp_path: Path, server: FakeServer) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, server, OnceRefusingDisk())
    yield bench
    bench.close()


async def test_what_cannot_be_listed_for_a_moment_is_not_gone(bench: Bench) -> None:
    disk, root = cast("OnceRefusingDisk", bench.disk), bench.folder("f")
    for uuid in (UUID, OTHER):
        var_path(root, uuid).write_bytes(b"first")
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        assert a._layers is not None
        blobs: Blobs = a._layers.blobs
        told: list[BlobName] = []
        gone = blobs.gone

        async def noted_gone(names: list[BlobName]) -> None:
            told.extend(names)
            await gone(names)

        blobs.gone = noted_gone  # type: ignore[method-assign, assignment]
        # A look at all of them comes first, and a second one at what it found to be another.
        disk.left = 2
        var_path(root, UUID).write_bytes(b"the second one")
        bench.watcher.hint(var_path(root, UUID))
        await until(lambda: disk.left <= 0)
        await a.sync_now()
        await current(a)
        assert told == [], "nobody could see whether they are there"
        here = await blobs.var_here()
        assert here.keys() == {BlobName(VAR, UUID), BlobName(VAR, OTHER)}
        assert here[BlobName(VAR, UUID)].size == len(b"the second one")


async def test_what_changes_twice_in_one_tick_of_the_disks_clock_is_found(
    tmp_path: Path, server: FakeServer
) -> None:
    bench = Bench(tmp_path, server, CoarseDisk())
    root = bench.folder("f")
    path = var_path(root, UUID)
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        assert a._layers is not None
        for content in (b"first", b"other"):
            path.write_bytes(content)
            await a.sync_now()
            here = await a._layers.blobs.var_here()
            assert here[BlobName(VAR, UUID)].sha256 == hashlib.sha256(content).hexdigest()
    bench.close()


async def test_a_content_is_durable_before_it_counts(tmp_path: Path, server: FakeServer) -> None:
    """Else a power cut brings the former one back, which then passes for a newer change."""
    disk = SyncingDisk()
    bench = Bench(tmp_path, server, disk)
    root = bench.folder("f")
    path = var_path(root, UUID)
    async with bench.mirror("a", folder=root) as a:
        for content in (b"first", b"other", b"third"):
            disk.synced.clear()
            path.write_bytes(content)
            await a.sync_now()
            await current(a)
            assert disk.synced.count(path) == disk.synced.count(path.parent) == 1
        disk.synced.clear()
        await a.sync_now()
        assert path not in disk.synced, "it is the same"
    bench.close()


async def test_one_that_cannot_be_read_is_told_and_holds_up_no_other(
    tmp_path: Path, server: FakeServer
) -> None:
    disk = SyncingDisk()
    bench = Bench(tmp_path, server, disk)
    root = bench.folder("f")
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        disk.unreadable = var_path(root, UUID)
        for uuid in (UUID, OTHER):
            var_path(root, uuid).write_bytes(b"first")
        await a.sync_now()
        assert a._layers is not None
        assert set(await a._layers.blobs.var_here()) == {BlobName(VAR, OTHER)}
        assert a.status()["reason"] == "1 thing in the folder cannot be read"
        # Neither an event nor a scan tells when it can be read again.
        disk.unreadable = None
        await current(a)
        assert set(await a._layers.blobs.var_here()) == {
            BlobName(VAR, uuid) for uuid in (UUID, OTHER)
        }
    bench.close()


async def test_one_that_cannot_be_read_hides_the_removal_of_no_other(
    tmp_path: Path, server: FakeServer
) -> None:
    disk = SyncingDisk()
    bench = Bench(tmp_path, server, disk)
    root = bench.folder("f")
    for uuid in (UUID, OTHER):
        var_path(root, uuid).write_bytes(b"first")
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        assert a._layers is not None
        disk.unreadable = var_path(root, UUID)
        disk.unreadable.write_bytes(b"the second one")
        var_path(root, OTHER).unlink()
        await a.sync_now()
        assert set(await a._layers.blobs.var_here()) == {BlobName(VAR, UUID)}, "it is there"
        var_path(root, UUID).unlink()
        await a.sync_now()
        await current(a)
        assert set(await a._layers.blobs.var_here()) == set()
    bench.close()


class SecondLookFails(SyncingDisk):
    """Has a file read, and synced, and not read again until it is healed."""

    reads = 0
    is_healed = False

    def open_read(self, path: Path) -> ReadDescriptor:
        if "var" in path.parts:
            self.reads += 1
            self.unreadable = path if self.reads > 2 and not self.is_healed else None
        return super().open_read(path)


async def test_what_only_the_second_look_cannot_read_is_told_and_tried_again(
    tmp_path: Path, server: FakeServer
) -> None:
    disk = SecondLookFails()
    bench = Bench(tmp_path, server, disk)
    root = bench.folder("f")
    var_path(root, UUID).write_bytes(b"first")
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url, "mirror"),)) as a:
        await until(lambda: "cannot be read" in a.status()["reason"])
        assert server.var == {}, "nobody knows what it is"
        disk.is_healed = True
        await current(a)
        assert server.var[UUID][1] == b"first"
    bench.close()


async def test_what_failed_is_not_tried_again_at_each_event(
    tmp_path: Path, server: FakeServer
) -> None:
    """To write it anew is an event itself."""
    disk, clock = SyncingDisk(), HandClock(time.time())
    bench = Bench(tmp_path, server, disk)
    root = bench.folder("f")
    path = disk.unreadable = var_path(root, UUID)
    path.write_bytes(b"first")
    files_dir = root / "space-v1" / "files"
    folder = BlobFolder(files_dir, disk, SystemRandomness())
    looks = VarLooks(files_dir, folder, replace(bench.ports(), clock=clock))
    assert looks.all().unread.keys() == {UUID}
    disk.unreadable = None
    assert looks.all().unread.keys() == {UUID}
    clock.now = looks.next_due or 0.0
    assert looks.all().found.keys() == {UUID}
    assert looks.next_due is None
    bench.close()


async def test_a_space_without_a_folder_tries_again_what_it_cannot_read(
    tmp_path: Path, server: FakeServer
) -> None:
    disk = SyncingDisk()
    bench = Bench(tmp_path, server, disk)
    files_dir = tmp_path / "home-a" / "files"
    path = files_dir / "var" / "uuid" / UUID[:2] / UUID[2:]
    path.parent.mkdir(parents=True)
    path.write_bytes(b"first")
    (path.parent / "desktop.ini").write_bytes(b"of somebody else")
    disk.unreadable = path
    async with bench.mirror("a", servers=(ServerRecord(server.url, "mirror"),)) as a:
        await a.create_space("Ours")
        await until(lambda: len(server.history) == a.status()["ops"] > 0)
        assert a.status()["reason"] == "1 file is here and cannot be read"
        disk.unreadable = None
        await until(lambda: UUID in server.var)
        await current(a)
    bench.close()
