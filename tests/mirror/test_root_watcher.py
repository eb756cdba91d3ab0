"""Folders whose events do not come are polled, and that is said with what to set."""

from __future__ import annotations

import asyncio
import os
from collections.abc import AsyncIterator, Callable
from pathlib import Path

import pytest

from sila_daemon.folder.space_folder import create_space_folder
from sila_daemon.mirror import root_watcher, watchfiles_watcher
from sila_daemon.mirror.folder_stamps import FolderStamps
from sila_daemon.mirror.root_watcher import RootWatcher
from sila_daemon.mirror.watchfiles_watcher import Trouble, WatchfilesWatcher, limit_reached
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.disk import FileStat, SystemDisk
from sila_daemon.ports.mounts import SystemMounts, darwin_type, kind_in
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.ports.workers import ThreadWorkers
from tests.mirror.bench import SPACE, until

MOUNTINFO = r"""
21 1 8:1 / / rw,relatime shared:1 - ext4 /dev/sda1 rw
30 21 0:25 / /proc rw,nosuid - proc proc rw
40 21 0:40 / /home/me/My\040Files rw - nfs4 nas:/files rw,vers=4.2
41 21 0:41 / /mnt/c rw,noatime - 9p drvfs rw,aname=drvfs
42 21 0:42 / /home/me/over rw - tmpfs tmpfs rw
43 42 0:43 / /home/me/over rw - fuse.sshfs me@host: rw
garbage
"""


class NamedMounts:
    """File systems that a test names."""

    def __init__(self) -> None:
        self.kinds: dict[Path, str] = {}
        self.asked = 0

    def kind(self, path: Path) -> str:
        self.asked += 1
        return self.kinds.get(path, "ext4")


class LookedAtDisk(SystemDisk):
    """The real disk; counts looks at anything."""

    looks = 0

    def stat(self, path: Path) -> FileStat | None:
        self.looks += 1
        return super().stat(path)


class BrokenEvents(WatchfilesWatcher):
    """A watcher that the library does not let watch."""

    def __init__(self, message: str) -> None:
        super().__init__(SystemClock(), SystemRandomness())
        self.message = message

    async def _watch(self, roots: dict[Path, int]) -> None:
        if self.message:
            raise RuntimeError(self.message)
        await super()._watch(roots)


class Place:
    """A space folder, what is heard of it, and watchers that end with the test."""

    def __init__(self, root: Path) -> None:
        self.root = root
        self.mounts = NamedMounts()
        self.disk = LookedAtDisk()
        self.hints: list[frozenset[Path]] = []
        self.workers = ThreadWorkers(2, "test")
        self._running: list[asyncio.Task[None]] = []

    def watcher(self, events: WatchfilesWatcher | None = None) -> RootWatcher:
        """Runs a watcher, and listens."""
        clock, randomness = SystemClock(), SystemRandomness()
        watcher = RootWatcher(
            events or WatchfilesWatcher(clock, randomness),
            self.mounts,
            clock,
            randomness,
            self.disk,
            self.workers,
        )
        self._running.append(asyncio.ensure_future(watcher.run()))
        self.end: Callable[[], None] = watcher.subscribe(self.root, self.hints.append)
        return watcher

    async def close(self) -> None:
        for task in self._running:
            task.cancel()
        ends = await asyncio.gather(*self._running, return_exceptions=True)
        self.workers.close()
        assert all(isinstance(end, asyncio.CancelledError) for end in ends), ends


@pytest.fixture
async def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Place]:
    monkeypatch.setattr(root_watcher, "EVERY_S_MIN", 0.02)
    monkeypatch.setattr(root_watcher, "TIMES_ITS_COST", 1)
    monkeypatch.setattr(watchfiles_watcher, "ROOT_CHECK_S", 0.05)
    monkeypatch.setattr(watchfiles_watcher, "RETRY_S_MAX", 0.1)
    root = tmp_path / "space"
    create_space_folder(root, SystemDisk(), SystemRandomness(), SPACE)
    place = Place(root)
    yield place
    await place.close()


def ops_file(root: Path, name: str = "peer-m.jsonl") -> Path:
    path = root / "space-v1" / "ops" / "66" / "311b5732f44edab7e16ff76fa16666" / name
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


@pytest.mark.parametrize(
    ("path", "kind"),
    [
        ("/home/me/notes", "ext4"),
        ("/home/me/My Files", "nfs4"),
        ("/home/me/My Files/deep/down", "nfs4"),
        ("/home/me/My Filesystem", "ext4"),
        ("/mnt/c/Users", "9p"),
        ("/home/me/over/x", "fuse.sshfs"),
    ],
)
def test_a_path_is_on_the_nearest_mount(path: str, kind: str) -> None:
    assert kind_in(MOUNTINFO, Path(path)) == kind


def test_the_machine_tells_its_own_mounts() -> None:
    if Path("/proc/self/mountinfo").exists():
        assert SystemMounts().kind(Path("/proc/self")) == "proc"
    assert kind_in("", Path("/x")) == ""


def test_the_type_that_macos_tells_is_read() -> None:
    assert darwin_type(bytes(72) + b"smbfs".ljust(16, b"\0") + b"/Volumes/x") == "smbfs"


def test_stamps_tell_what_changed_and_nothing_else(tmp_path: Path) -> None:
    create_space_folder(tmp_path / "s", SystemDisk(), SystemRandomness(), SPACE)
    root = tmp_path / "s"
    path = ops_file(root)
    path.write_text("[1]\n")
    stamps = FolderStamps(root, SystemDisk())
    assert path in stamps.changed()
    assert stamps.changed() == frozenset()
    with path.open("a") as file:
        file.write("[2]\n")
    assert stamps.changed() == {path}
    other = ops_file(root, "other-m.jsonl")
    other.write_text("[3]\n")
    os.utime(other.parent, ns=(1, 1))  # Whatever the grain of its time.
    assert stamps.changed() == {other}
    other.unlink()
    os.utime(other.parent, ns=(2, 2))
    assert stamps.changed() == {other}
    root.rename(tmp_path / "away")
    assert root / "space-v1" in stamps.changed()


async def test_a_folder_on_the_network_is_polled_and_that_is_said(place: Place) -> None:
    place.mounts.kinds[place.root] = "nfs4"
    watcher = place.watcher()
    await until(lambda: watcher.polling(place.root) is not None)
    await until(lambda: bool(place.hints))
    polling = watcher.polling(place.root)
    assert polling is not None
    assert polling.reason.endswith("bring no events (nfs4)") and polling.hint == ""
    path = ops_file(place.root)
    path.write_text("[1]\n")
    await until(lambda: any(path in hint for hint in place.hints))
    place.end()
    assert watcher.polling(place.root) is None


async def test_mounts_are_gone_through_again_only_for_another_directory(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(root_watcher, "MOUNT_CHECK_S", 0.02)
    watcher = place.watcher()
    await until(lambda: place.disk.looks > 3)
    assert place.mounts.asked == 1
    place.mounts.kinds[place.root] = "nfs4"
    place.root.rename(place.root.with_name("covered"))
    place.root.mkdir()
    await until(lambda: watcher.polling(place.root) is not None)


async def test_mounts_are_gone_through_now_and_then_for_the_same_directory_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Another file system may have come to the same numbers."""
    monkeypatch.setattr(root_watcher, "MOUNT_CHECK_S", 0.02)
    monkeypatch.setattr(root_watcher, "MOUNTS_S", 0.1)
    watcher = place.watcher()
    await until(lambda: place.mounts.asked == 1)
    place.mounts.kinds[place.root] = "nfs4"
    await until(lambda: watcher.polling(place.root) is not None)
    polling = watcher.polling(place.root)
    assert polling is not None and polling.reason.endswith("bring no events (nfs4)")


async def test_a_folder_whose_events_come_is_not_polled(place: Place) -> None:
    watcher = place.watcher()
    path = ops_file(place.root)
    async with asyncio.timeout(20):
        number = 0
        while not any(path in hint for hint in place.hints):
            number += 1
            path.write_text(f"{number}\n")
            await asyncio.sleep(0.05)
    assert watcher.polling(place.root) is None


async def test_without_events_every_folder_is_polled_until_they_are_back(place: Place) -> None:
    events = BrokenEvents("it is broken")
    watcher = place.watcher(events)
    await until(lambda: watcher.polling(place.root) is not None)
    polling = watcher.polling(place.root)
    assert polling is not None
    assert polling.reason == "file events are not to be had (it is broken)"
    path = ops_file(place.root)
    path.write_text("[1]\n")
    await until(lambda: any(path in hint for hint in place.hints))
    events.message = ""
    await until(lambda: watcher.polling(place.root) is None)


@pytest.mark.parametrize(
    ("message", "name"),
    [
        ("Error creating recommended watcher: Too many open files (os error 24)", "instances"),
        ('OS file watch limit reached. about ["/x"]', "watches"),
        ("No space left on device (os error 28)", "watches"),
    ],
)
def test_a_limit_is_told_with_what_to_set(message: str, name: str) -> None:
    found = limit_reached(message)
    assert found is not None
    if Path("/proc/sys/fs/inotify").exists():
        now = int(Path(f"/proc/sys/fs/inotify/max_user_{name}").read_text())
        assert f"fs.inotify.max_user_{name} is {now}" in found.reason
        assert found.hint == f"sudo sysctl fs.inotify.max_user_{name}={max(now, 256) * 4}"
    assert limit_reached("Unable to decode path") is None


async def test_a_limit_is_told_at_once_and_other_errors_at_the_third() -> None:
    def trouble_after(*messages: str) -> Trouble | None:
        events = WatchfilesWatcher(SystemClock(), SystemRandomness())
        for message in messages:
            if message:
                events._failed(message)
            else:
                events._works()
        return events.trouble

    assert trouble_after("x", "x") is None
    assert trouble_after("x", "x", "x") == Trouble("file events are not to be had (x)")
    assert trouble_after("x", "x", "x", "") is None
    assert trouble_after("x", "x", "", "x") is None
    at_once = trouble_after("os error 24")
    assert at_once is not None and at_once.reason.startswith("no more programs")
