"""Immutable files that are stored together."""

from __future__ import annotations

import hashlib
from collections import Counter
from pathlib import Path

import pytest

from sila_daemon.core.errors import StorageError
from sila_daemon.folder.blob_batch import put_together
from sila_daemon.folder.blobs import BlobFolder, StaticBlob
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.ports.workers import InlineWorkers


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
