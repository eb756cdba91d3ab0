"""Copies of parts of a disk, as backups and snapshots are: taken once, put back later."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.inodes import Directory, File

if TYPE_CHECKING:
    from tests.simulation.disk import MachineDisk


def image(disk: MachineDisk, path: Path, random: Random) -> Directory | None:
    """Copies a directory: as programs see it, or as the drive has it; None where there is none."""
    found = disk.view().find(path)
    if not isinstance(found, Directory):
        return None
    return found.after_power_cut(random) if random.random() < 0.5 else _as_seen(found)


def put_back(disk: MachineDisk, path: Path, copy: Directory | None, random: Random) -> None:
    """Puts a copy in the place of what is there, all of it durable; with None it is gone.

    The files are new ones or, by chance, the same ones with the older content.
    """
    parent = disk.view().find(path.parent)
    assert isinstance(parent, Directory), f"nobody takes {path.parent} away"
    fresh = None if copy is None else _as_seen(copy)
    if fresh is not None and random.random() < 0.5:
        renumber(fresh, disk)
    parent.change((path.name, fresh))
    parent.sync()
    disk.changed(disk.root, path)


def renumber(directory: Directory, disk: MachineDisk) -> None:
    """Makes everything in a copy new files of a disk."""
    for entry in _below(directory):
        entry.number = next(disk.numbers)


def _as_seen(directory: Directory) -> Directory:
    names: dict[str, File | Directory] = {}
    for name, entry in directory.names.items():
        if isinstance(entry, File):
            names[name] = File(entry.number, bytearray(entry.data), entry.modified_ns)
        else:
            names[name] = _as_seen(entry)
    return Directory(directory.number, names, dict(names))


def _below(directory: Directory) -> Iterator[File | Directory]:
    yield directory
    for entry in directory.names.values():
        if isinstance(entry, File):
            yield entry
        else:
            yield from _below(entry)
