"""Tests of blobs: atomic whatever fails, named by what they hold."""

from __future__ import annotations

import errno
import hashlib
import itertools
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import (
    CorruptBlobError,
    InvalidIdError,
    NotFoundError,
    StorageError,
)
from sila_daemon.folder.blob_writer import StaticBlob, VarBlob
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.ports.disk import Disk, SystemDisk
from tests.folder.faulty_disk import FaultyDisk, until_it_completes
from tests.folder.spaces import SeededRandomness

if TYPE_CHECKING:
    from sila_daemon.folder.problems import Problem

CONTENT = b"some bytes" * 1000
HASH = hashlib.sha256(CONTENT).hexdigest()
UUID = "12345678-1234-4234-8234-123456789abc"
BARE = UUID.replace("-", "")


def blobs(files: Path, disk: Disk | None = None) -> BlobFolder:
    """A blob folder."""
    return BlobFolder(files, disk or SystemDisk(), SeededRandomness())


def chunks() -> list[bytes]:
    """The content in three pieces."""
    return [CONTENT[:7], CONTENT[7:5000], CONTENT[5000:]]


def test_an_immutable_file(tmp_path: Path) -> None:
    here = blobs(tmp_path / "files")
    assert not here.has_static(HASH)
    assert here.put_static(chunks()) == StaticBlob(HASH, 10_000)
    path = tmp_path / "files/static/sha256" / HASH[:2] / HASH[2:]
    assert path.read_bytes() == CONTENT
    assert here.has_static(HASH)
    assert list(here.list_static()) == [StaticBlob(HASH, 10_000)]
    with here.open_static(HASH) as file:
        assert file.read_at(5, 10) == CONTENT[5:15]
    assert here.check_static(HASH) == 10_000
    here.delete_static(HASH)
    here.delete_static(HASH)
    with pytest.raises(NotFoundError):
        here.open_static(HASH)


def test_an_empty_file_has_a_name_too(tmp_path: Path) -> None:
    empty = blobs(tmp_path).put_static([])
    assert empty.size == 0 and empty.hash.startswith("e3b0c442")


def test_a_mutable_file(tmp_path: Path) -> None:
    here = blobs(tmp_path / "files")
    assert here.put_var(UUID, chunks()) == VarBlob(BARE, 10_000, HASH)
    assert here.put_var(BARE, [b"new"]).size == 3
    assert list(here.list_var()) == [BARE]
    assert here.stat_var(UUID).sha256 == hashlib.sha256(b"new").hexdigest()
    assert here.has_var(UUID)
    here.delete_var(UUID)
    assert not here.has_var(UUID)


def test_an_unexpected_hash_leaves_nothing(tmp_path: Path) -> None:
    with pytest.raises(CorruptBlobError):
        blobs(tmp_path).put_static(chunks(), "ab" * 32)
    assert list(tmp_path.iterdir()) == []


def test_a_source_that_fails_leaves_nothing(tmp_path: Path) -> None:
    def broken() -> itertools.chain[bytes]:
        return itertools.chain([b"x"], (bytes(1 // (n - 1)) for n in [1]))

    with pytest.raises(ZeroDivisionError):
        blobs(tmp_path).put_static(broken())
    assert list(tmp_path.iterdir()) == []


def test_wrong_bytes_under_a_name_are_told_and_replaced(tmp_path: Path) -> None:
    here = blobs(tmp_path)
    here.put_static(chunks())
    path = tmp_path / "static/sha256" / HASH[:2] / HASH[2:]
    for damaged in (CONTENT[:-1], CONTENT[:-1] + b"?"):
        path.write_bytes(damaged)
        with pytest.raises(CorruptBlobError):
            here.check_static(HASH)
        here.put_static(chunks())
        assert path.read_bytes() == CONTENT
    inode = path.stat().st_ino
    here.put_static(chunks())
    assert path.stat().st_ino == inode


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO])
def test_whatever_fails_a_name_is_whole_or_absent(error: int, tmp_path: Path) -> None:
    runs = itertools.count()

    def attempt(disk: FaultyDisk) -> None:
        files = tmp_path / str(next(runs))
        here = blobs(files, disk)
        plain = blobs(files)
        plain.put_var(UUID, [b"old"])
        try:
            here.put_static(chunks())
            here.put_var(UUID, chunks())
        except StorageError:
            assert disk.has_failed
        for blob in plain.list_static():
            assert plain.check_static(blob.hash) == 10_000
        with plain.open_var(UUID) as file:
            assert file.read_at(0, 20_000) in (b"old", CONTENT)
        assert [path.name for path in files.glob(".*")] == []

    assert until_it_completes(error, attempt) > 10


def test_bytes_are_synced_before_they_get_their_name(tmp_path: Path) -> None:
    disk = FaultyDisk()
    blobs(tmp_path, disk).put_static(chunks())
    assert disk.calls.index("sync") < disk.calls.index("rename")
    assert disk.calls[-2:] == ["rename", "sync_dir"]


def test_leftovers_of_a_crash_are_removed_when_old(tmp_path: Path) -> None:
    here = blobs(tmp_path)
    here.put_static(chunks())
    here.writer()  # As after a crash: neither finished nor dropped.
    (leftover,) = [path for path in tmp_path.iterdir() if path.is_file()]
    assert here.remove_leftovers(leftover.stat().st_mtime_ns) == 0
    assert here.remove_leftovers(leftover.stat().st_mtime_ns + 1) == 1
    assert list(here.list_static()) and not leftover.exists()
    assert blobs(tmp_path / "nowhere").remove_leftovers(1) == 0


def test_what_is_in_the_way_is_told(tmp_path: Path) -> None:
    here = blobs(tmp_path / "space-v1/files")
    here.put_static(chunks())
    here.put_var(UUID, chunks())
    static = tmp_path / "space-v1/files/static/sha256"
    (static / "zz").mkdir()
    (static / "zz" / "not-a-hash").touch()
    (static / "zz" / ".DS_Store").touch()
    (static / HASH[:2] / ("0" * 62)).symlink_to("/etc/passwd")
    (static / "file").touch()
    (static / "ab" / "dir").mkdir(parents=True)
    found: list[Problem] = []
    assert [blob.hash for blob in here.list_static(found)] == [HASH]
    assert sorted((problem.code, problem.path.split("/", 4)[4]) for problem in found) == [
        ("bad_id", "zz/not-a-hash"),
        ("misplaced_file", "ab/dir"),
        ("misplaced_file", "file"),
        ("not_regular", f"{HASH[:2]}/{'0' * 62}"),
    ]


@pytest.mark.parametrize("name", ["../x", "", "AB" * 32, "ab" * 31, "ab" * 32 + "\n"])
def test_bad_names_touch_nothing(name: str, tmp_path: Path) -> None:
    here = blobs(tmp_path)
    attempts: list[Callable[[str], object]] = [
        *(here.has_static, here.open_static, here.delete_static, here.check_static),
        *(here.has_var, here.open_var, here.delete_var),
    ]
    for attempt in attempts:
        with pytest.raises(InvalidIdError):
            attempt(name)
    with pytest.raises(InvalidIdError):
        here.put_var(name, [b""])
    assert list(tmp_path.iterdir()) == []


@pytest.mark.parametrize("place", ["", "static", "static/sha256", f"static/sha256/{HASH[:2]}"])
def test_links_on_the_way_to_blobs_are_not_followed(place: str, tmp_path: Path) -> None:
    here = blobs(tmp_path / "files")
    here.put_static([CONTENT])
    swapped = tmp_path / "files" / place
    outside = swapped.rename(tmp_path / "outside")
    swapped.symlink_to(outside)
    before = sorted(outside.rglob("*"))
    problems: list[Problem] = []
    assert list(here.list_static(problems)) == []
    assert [problem.code for problem in problems] == ["not_regular"]
    with pytest.raises(StorageError):
        here.put_static([CONTENT])
    assert sorted(outside.rglob("*")) == before


def test_what_stands_where_all_blobs_belong_is_told_once(tmp_path: Path) -> None:
    (tmp_path / "space-v1").mkdir()
    (tmp_path / "space-v1" / "files").touch()
    here = blobs(tmp_path / "space-v1" / "files")
    found: list[Problem] = []
    assert [*here.list_static(found), *here.list_var(found)] == []
    assert [(problem.code, problem.path) for problem in found] == [
        ("misplaced_file", "space-v1/files")
    ]
