"""Databases whose file is not what was written: pages that a disk damaged, a file that is cut."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

import apsw

from tests.simulation.holders import database
from tests.simulation.inodes import Directory, File

if TYPE_CHECKING:
    from pathlib import Path
    from random import Random

    from tests.simulation.disk import MachineDisk

PAGE_BYTES = 4096
_TREE_PAGES = (2, 5, 10, 13)
"""What the first byte of a page is that SQLite can tell from a damaged one."""


def damage_database(disk: MachineDisk, path: Path, random: Random) -> str:
    """Makes other bytes of some of a database, durably; returns which, or nothing if none."""
    view = disk.view(may_crash=False)
    if view.find(path) is None:
        return ""
    with suppress(apsw.Error), database(view, path) as connection:
        connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
    found = view.find(path)
    if not isinstance(found, File) or len(found.data) < 3 * PAGE_BYTES:
        return ""
    data = bytearray(found.data)
    starts = range(2 * PAGE_BYTES, len(data), PAGE_BYTES)
    trees = [start for start in starts if data[start] in _TREE_PAGES]
    how = random.choice(("pages", "pages", "zeros", "beginning", "cut"))
    if how == "cut":
        del data[random.randrange(1, len(data) // PAGE_BYTES) * PAGE_BYTES :]
    elif how == "beginning":
        data[:PAGE_BYTES] = random.randbytes(PAGE_BYTES)
    else:
        for start in random.sample(trees, min(len(trees), random.choice((1, 1, 3)))):
            page = bytes(PAGE_BYTES) if how == "zeros" else b"\xff" * PAGE_BYTES
            data[start : start + PAGE_BYTES] = page
    parent = disk.view().find(path.parent)
    assert isinstance(parent, Directory), "what is in it was found"
    parent.change((path.name, File(next(disk.numbers), data, found.modified_ns)))
    fresh = parent.names[path.name]
    assert isinstance(fresh, File), "it was just made"
    fresh.sync()
    parent.sync()
    disk.changed(disk.root, path)
    return how


def take_damaged_away(disk: MachineDisk, home: Path) -> None:
    """Does what a person is asked for who was told what a damaged database did not give."""
    directory = disk.view().find(home)
    assert isinstance(directory, Directory), "a store was opened there"
    directory.change(*((name, None) for name in list(directory.names) if ".damaged-" in name))
    directory.sync()
    disk.changed(disk.root, home)
