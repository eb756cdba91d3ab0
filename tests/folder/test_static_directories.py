"""Directories of immutable files are listed again only when their names may have changed."""

from __future__ import annotations

import hashlib
import os
from typing import TYPE_CHECKING

import pytest

from sila_daemon.folder.blobs import STATIC_PLACE, BlobFolder
from sila_daemon.folder.layout import static_path
from sila_daemon.folder.static_directories import ALL, TICK_S, Due, StaticDirectories
from sila_daemon.ports.disk import FileStat, SystemDisk
from sila_daemon.ports.randomness import SystemRandomness

if TYPE_CHECKING:
    from pathlib import Path


class ListingDisk(SystemDisk):
    """The real disk; notes which directories of files are listed."""

    def __init__(self) -> None:
        self.listed: list[str] = []

    def list_stats(self, path: Path) -> list[tuple[str, FileStat]]:
        if path.name != STATIC_PLACE.name:
            self.listed.append(path.name)
        return super().list_stats(path)


class HandClock:
    """A clock that a test moves."""

    def __init__(self) -> None:
        self.now = 100.0

    def monotonic(self) -> float:
        return self.now

    def time(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        raise AssertionError("nobody waits here")


class Looker:
    """Looks as a scan does."""

    def __init__(self, files_dir: Path) -> None:
        self.files_dir = files_dir
        self.disk, self.clock = ListingDisk(), HandClock()
        folder = BlobFolder(files_dir, self.disk, SystemRandomness())
        self.directories = StaticDirectories(files_dir, folder, self.disk, self.clock)

    def look(self, *wanted: str, is_full: bool = False) -> tuple[set[str], list[str]]:
        """Returns the files that it found, and what it listed for that."""
        self.disk.listed.clear()
        due = self.directories.due(None if is_full else set(wanted))
        found = self.directories.list_some(due, due.names)
        self.directories.listed(due, due.names)
        self.directories.ended(due)
        assert not [*due.problems, *found.problems]
        return set(found.files), sorted(self.disk.listed)

    def due(self) -> Due:
        return self.directories.due(set())

    def settle(self) -> None:
        """Looks until nothing is due any more."""
        self.look(is_full=True)
        self.clock.now += TICK_S
        self.look()

    def put(self, data: bytes) -> str:
        name = hashlib.sha256(data).hexdigest()
        path = static_path(self.files_dir, name)
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(data)
        return name


@pytest.fixture
def looker(tmp_path: Path) -> Looker:
    return Looker(tmp_path / "files")


def test_a_directory_is_listed_until_the_tick_of_its_time_has_passed(looker: Looker) -> None:
    name = looker.put(b"one")
    assert looker.look(is_full=True) == ({name}, [name[:2]])
    assert looker.look() == ({name}, [name[:2]]), "what comes now may change no time"
    looker.clock.now += TICK_S
    assert looker.look() == ({name}, [name[:2]])
    assert looker.look() == (set(), []), "nothing can have come since"
    assert looker.look(name[:2]) == ({name}, [name[:2]]), "it was named"


def test_only_where_names_changed_is_listed(looker: Looker) -> None:
    names = [looker.put(bytes([n])) for n in range(20)]
    looker.settle()
    path = static_path(looker.files_dir, names[3])
    path.unlink()
    found, listed = looker.look()
    assert found == {name for name in names if name[:2] == names[3][:2]} - {names[3]}
    assert listed == [names[3][:2]]


def test_a_directory_is_listed_whose_time_was_put_back(looker: Looker) -> None:
    name = looker.put(b"one")
    looker.settle()
    directory = static_path(looker.files_dir, name).parent
    before = directory.stat()
    copy = directory / ("0" * 62)
    copy.write_bytes(b"brought by a tool that keeps times")
    os.utime(directory, ns=(before.st_atime_ns, before.st_mtime_ns))
    assert directory.stat().st_mtime_ns == before.st_mtime_ns
    assert looker.look() == ({name, name[:2] + copy.name}, [name[:2]])


def test_a_new_directory_and_one_that_is_gone_are_due(looker: Looker) -> None:
    first = looker.put(b"one")
    looker.settle()
    second = looker.put(b"two")
    assert first[:2] != second[:2]
    assert looker.look()[0] == {second}
    path = static_path(looker.files_dir, first)
    path.unlink()
    path.parent.rmdir()
    assert looker.due().names == sorted({first[:2], second[:2]})


def test_another_directory_of_that_name_is_due(looker: Looker) -> None:
    name = looker.put(b"one")
    looker.settle()
    path = static_path(looker.files_dir, name)
    path.parent.rename(looker.files_dir / "aside")
    path.parent.mkdir()
    due = looker.due()
    assert due.names == [name[:2]]
    assert looker.directories.list_some(due, due.names).files == {}


def test_a_directory_that_was_made_meanwhile_is_listed_where_files_are_expected(
    looker: Looker,
) -> None:
    first = looker.put(b"one")
    due = looker.directories.due(None)
    second = looker.put(b"two")
    found = looker.directories.list_some(due, due.names, {first[:2], second[:2]})
    assert set(found.files) == {first, second}
    looker.directories.listed(due, due.names)
    looker.directories.ended(due)
    assert looker.look()[0] == {first, second}


def test_a_look_that_was_not_dealt_with_is_repeated(looker: Looker) -> None:
    name = looker.put(b"one")
    looker.settle()
    other = looker.put(b"two")
    looker.due()
    assert other[:2] in looker.due().names
    assert name[:2] not in looker.due().names


def test_everything_is_due_in_a_full_look(looker: Looker) -> None:
    name = looker.put(b"one")
    looker.settle()
    due = looker.directories.due(None)
    assert due.names == sorted(ALL), "also what the store may know and is not there"
    assert looker.look(is_full=True)[0] == {name}
