"""Immutable files that are stored together."""

from __future__ import annotations

import asyncio
import hashlib
import threading
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core.errors import NotFoundError, StorageError
from sila_daemon.folder.blob_batch import put_together
from sila_daemon.folder.blob_writer import BlobWriter, StaticBlob
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.ports.workers import InlineWorkers, ThreadWorkers
from tests.folder.busy_workers import BusyWorkers

if TYPE_CHECKING:
    from sila_daemon.ports.descriptors import Descriptor


class SyncingDisk(SystemDisk):
    """The real disk; notes which directories are made durable, and may refuse a name."""

    def __init__(self) -> None:
        self.synced: Counter[str] = Counter()
        self.refused: str | None = None

    def sync_dir(self, path: Path) -> None:
        self.synced[path.name] += 1
        super().sync_dir(path)

    def rename(self, source: Path, target: Path) -> None:
        if self.refused is not None and target.name == self.refused[2:]:
            raise OSError(5, "Input/output error", str(target))
        super().rename(source, target)


def named(data: bytes) -> tuple[str, bytes]:
    return hashlib.sha256(data).hexdigest(), data


def in_one_directory(count: int) -> list[tuple[str, bytes]]:
    """Returns so many files whose names begin alike."""
    files = (named(b"file %d" % number) for number in range(10_000))
    return [file for file in files if file[0].startswith("ab")][:count]


@pytest.fixture
def disk() -> SyncingDisk:
    return SyncingDisk()


@pytest.fixture
def folder(tmp_path: Path, disk: SyncingDisk) -> BlobFolder:
    return BlobFolder(tmp_path / "files", disk, SystemRandomness())


async def test_each_directory_is_made_durable_once(folder: BlobFolder, disk: SyncingDisk) -> None:
    files = in_one_directory(5)
    stored = await put_together(folder, InlineWorkers(), files)
    assert stored == [StaticBlob(name, len(data)) for name, data in files]
    assert disk.synced["ab"] == 1
    for name, data in files:
        with folder.open_static(name) as file:
            assert file.read_at(0, 100) == data


async def test_one_thread_finds_out_whether_a_disk_answers(
    folder: BlobFolder, monkeypatch: pytest.MonkeyPatch
) -> None:
    workers, asked = BusyWorkers(), list[int]()
    sync = BlobWriter.sync

    def noted(writer: BlobWriter) -> None:
        asked.append(workers.busy)
        sync(writer)

    monkeypatch.setattr(BlobWriter, "sync", noted)
    files = in_one_directory(6)
    assert len(await put_together(folder, workers, files)) == len(asked) == len(files)
    assert asked[0] == 1, "all spaces share the threads that a disk may hold"
    assert max(asked) > 1


async def test_what_is_not_what_its_name_says_is_left_out(
    folder: BlobFolder, tmp_path: Path
) -> None:
    right, (name, _), again = named(b"right"), named(b"wrong"), named(b"right")
    stored = await put_together(folder, InlineWorkers(), [right, (name, b"other"), again])
    assert [blob.hash for blob in stored] == [right[0], right[0]]
    assert not folder.has_static(name)
    assert not [path for path in (tmp_path / "files").iterdir() if path.name.startswith(".")]
    assert await put_together(folder, InlineWorkers(), []) == []


async def test_a_failure_leaves_nothing_without_a_name(
    folder: BlobFolder, disk: SyncingDisk, tmp_path: Path
) -> None:
    files = [named(bytes([number])) for number in range(8)]
    disk.refused = files[4][0]
    with pytest.raises(StorageError, match="Input/output"):
        await put_together(folder, InlineWorkers(), files)
    assert not [path for path in (tmp_path / "files").iterdir() if path.name.startswith(".")]
    disk.refused = None
    assert len(await put_together(folder, InlineWorkers(), files)) == 8


class HeldDisk(SystemDisk):
    """The real disk; a call waits on its thread, and what is open is counted."""

    def __init__(self, held: str, at: int) -> None:
        self._held = held
        self._at = at
        self.is_reached = threading.Event()
        self.goes_on = threading.Event()
        self.opened: list[Any] = []

    def _call(self, name: str) -> None:
        if name == self._held:
            self._at -= 1
            if self._at == 0:
                self.is_reached.set()
                assert self.goes_on.wait(30)

    def create(self, path: Path) -> Any:
        self._call("create")
        file = super().create(path)
        self.opened.append(file)
        sync = file.sync

        def held_sync() -> None:
            self._call("sync")
            sync()

        file.sync = held_sync  # type: ignore[method-assign]
        return file

    def rename(self, source: Path, target: Path) -> None:
        self._call("rename")
        super().rename(source, target)


def is_closed(file: Any) -> bool:
    try:
        file.size()
    except OSError:
        return True
    return False


@pytest.mark.parametrize("held", ["create", "sync", "rename"])
@pytest.mark.parametrize("cancels", [1, 3])
async def test_who_is_cancelled_leaves_nothing_behind(
    tmp_path: Path, held: str, cancels: int
) -> None:
    disk, workers = HeldDisk(held, at=3), ThreadWorkers(4, "test")
    folder = BlobFolder(tmp_path / "files", disk, SystemRandomness())
    files = [named(b"file %d" % number) for number in range(40)]
    task = asyncio.create_task(put_together(folder, workers, files))
    await asyncio.to_thread(disk.is_reached.wait, 30)
    for _ in range(cancels):
        task.cancel()
        await asyncio.sleep(0)
        await asyncio.sleep(0)
    disk.goes_on.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    # By now, with no thread waited for: whoever was cancelled goes on as if it were over.
    assert disk.opened
    assert [file for file in disk.opened if not is_closed(file)] == []
    assert not [path for path in (tmp_path / "files").iterdir() if path.name.startswith(".")]
    workers.close()


async def test_a_folder_that_goes_away_meanwhile_gets_no_directories(tmp_path: Path) -> None:
    root = tmp_path / "disk"
    folder = BlobFolder(root / "files", SystemDisk(), SystemRandomness())
    (root / "files").mkdir(parents=True)
    asked: list[int] = []

    def require_place() -> None:
        asked.append(len(list((root / "files").glob(".*"))))
        if len(asked) == 2:  # As if unmounted: what is left is an empty mount point.
            root.rename(tmp_path / "unmounted")
            root.mkdir()
            raise NotFoundError("the space is away")

    files = [named(bytes([number])) for number in range(8)]
    with pytest.raises(NotFoundError, match="away"):
        await put_together(folder, InlineWorkers(), files, require_place)
    assert asked == [0, 8]
    assert list(root.iterdir()) == []


class UnmountedDisk(SystemDisk):
    """The real disk; after a call it is as if a disk were unmounted: its mount point is empty."""

    def __init__(self, root: Path, after: str, at: int) -> None:
        self._root = root
        self._after = after
        self._at = at

    def _called(self, name: str) -> None:
        if name == self._after:
            self._at -= 1
            if self._at == 0:
                self._root.rename(self._root.with_name("unmounted"))
                self._root.mkdir()

    def create(self, path: Path) -> Descriptor:
        file = super().create(path)
        self._called("create")
        return file

    def rename(self, source: Path, target: Path) -> None:
        super().rename(source, target)
        self._called("rename")


@pytest.mark.parametrize("after", ["create", "rename"])
async def test_nor_between_two_of_its_files(tmp_path: Path, after: str) -> None:
    root = tmp_path / "disk"
    disk = UnmountedDisk(root, after, at=3)
    folder = BlobFolder(root / "space-v1" / "files", disk, SystemRandomness())
    (root / "space-v1" / "files").mkdir(parents=True)
    files = [named(bytes([number])) for number in range(8)]
    with pytest.raises(StorageError):
        await put_together(folder, InlineWorkers(), files)
    assert list(root.iterdir()) == []
