"""The disk itself: what a power cut may take, and what it may not."""

from __future__ import annotations

import errno
from pathlib import Path
from random import Random

import pytest

from tests.simulation.disk import MachineDisk

FILE = Path("/file")
OTHER = Path("/other")


def _disk() -> MachineDisk:
    return MachineDisk("disk", lambda: 0.0)


def _after_power_cuts(disk: MachineDisk) -> set[bytes | None]:
    """Returns what a file may hold afterwards."""
    found: set[bytes | None] = set()
    before = disk.root
    for seed in range(200):
        disk.root = before
        disk.power_cut(Random(seed))
        view = disk.view()
        there = view.stat(FILE) is not None
        found.add(view.open_read(FILE).read_at(0, 100) if there else None)
    return found


def test_synced_bytes_under_a_synced_name_stay() -> None:
    disk = _disk()
    view = disk.view()
    with view.create(FILE) as file:
        file.write(b"ab")
        file.sync()
    view.sync_dir(FILE.parent)

    assert _after_power_cuts(disk) == {b"ab"}


def test_the_name_is_durable_only_with_its_directory() -> None:
    disk = _disk()
    with disk.view().create(FILE) as file:
        file.write(b"ab")
        file.sync()

    assert _after_power_cuts(disk) == {None, b"ab"}


def test_unsynced_bytes_may_be_lost_torn_or_reordered() -> None:
    disk = _disk()
    view = disk.view()
    with view.create(FILE) as file:
        view.sync_dir(FILE.parent)
        file.write(b"ab")
        file.write(b"cd")

    assert _after_power_cuts(disk) >= {b"", b"a", b"ab", b"abc", b"abcd", b"\0\0cd"}


def test_a_rename_before_the_sync_may_leave_an_empty_file() -> None:
    disk = _disk()
    view = disk.view()
    with view.create(Path("/new")) as file:
        file.write(b"ab")
    view.rename(Path("/new"), FILE)
    view.sync_dir(FILE.parent)

    assert b"" in _after_power_cuts(disk)


def test_a_dead_program_writes_where_nobody_looks_and_others_work_on() -> None:
    disk = _disk()
    killed, other = disk.view(), disk.view()
    file, kept = killed.create(FILE), other.create(OTHER)
    killed.part()
    file.write(b"ab")
    file.sync()
    killed.unlink(OTHER)
    kept.write(b"cd")

    assert file.read_at(0, 10) == b"ab"
    assert disk.view().open_read(FILE).read_at(0, 10) == b""
    assert disk.view().open_read(OTHER).read_at(0, 10) == b"cd"


def test_what_a_failed_sync_forgot_is_seen_and_never_durable() -> None:
    disk = _disk()
    view = disk.view()
    file = view.create(FILE)
    view.sync_dir(FILE.parent)
    file.write(b"ab")
    file.sync()
    file.write(b"cd")
    disk.faults.fail(errno.EIO, after=0, forgets=True)
    with pytest.raises(OSError, match="Input/output error"):
        file.sync()
    file.sync()

    assert file.read_at(0, 10) == b"abcd"
    assert _after_power_cuts(disk) == {b"ab"}


def test_the_call_that_is_to_fail_fails() -> None:
    disk = _disk()
    disk.faults.fail(errno.ENOSPC, after=1)
    file = disk.view().create(FILE)

    with pytest.raises(OSError, match="No space left"):
        file.write(b"abcd")
    assert file.size() == 2
    file.write(b"ef")
