"""The directories of immutable files, and which of them may have other names than before.

A directory whose times are those it had keeps its names, so it need not be listed again. Tools put
the time of a directory back after they wrote into it; when it changed they cannot. What is
written into a file that has its name already changes no time: that is for events, and for a look
at everything now and then.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.core import ids
from sila_daemon.folder.blob_listing import BlobListing, is_conflict_copy
from sila_daemon.folder.blobs import STATIC_PLACE
from sila_daemon.folder.problems import Problem, storage_errors
from sila_daemon.ports.disk import EntryKind

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from sila_daemon.folder.blobs import BlobFolder
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.disk import Disk, FileStat

TICK_S = 2.5
"""Clocks of file systems tick in up to two seconds; what comes in the same tick changes no time."""

ALL = frozenset(f"{first:02x}" for first in range(256))
"""The names that directories of files have."""


class _Stamp(NamedTuple):
    """A directory as it was when it was listed."""

    inode: int
    modified_ns: int
    changed_ns: int
    since: float
    """When it was first found with these times, by the monotonic clock."""
    is_settled: bool
    """Whether it was listed after the tick that gave it these times."""


@dataclass(slots=True)
class Due:
    """Which directories are to be listed, sorted; also some that are not there (any more)."""

    names: list[str]
    stamps: dict[str, _Stamp]
    """What is to be remembered of those that are there."""
    top: _Stamp | None
    others: list[str]
    """Every directory that is there."""
    problems: list[Problem] = field(default_factory=list)


@dataclass(slots=True)
class Listed:
    """The files of some directories."""

    files: dict[str, FileStat]
    """What they are now, by name; their bytes are not looked at."""
    problems: list[Problem]


class StaticDirectories:
    """Remembers what was listed; blocking, for worker threads, one call at a time."""

    def __init__(self, files_dir: Path, folder: BlobFolder, disk: Disk, clock: Clock) -> None:
        self._files_dir = files_dir
        self._folder = folder
        self._disk = disk
        self._clock = clock
        self._top: _Stamp | None = None
        self._names: list[str] = []
        self._known: dict[str, _Stamp] = {}

    def due(self, wanted: Collection[str] | None) -> Due:
        """Returns what may have other names than when it was listed, and what is `wanted` anyway.

        For None that is everything. Raises StorageError.
        """
        with storage_errors("look at the directories of files"):
            return self._due(wanted)

    def list_some(
        self, due: Due, names: Iterable[str], expected: Collection[str] = frozenset()
    ) -> Listed:
        """Lists some of the directories that are due. Raises StorageError.

        `expected` are directories that files are known to be in by now: one of them may have been
        made since it was asked which are there.
        """
        problems: list[Problem] = []
        files: dict[str, FileStat] = {}
        there = set(due.others)
        listing = BlobListing(self._files_dir, self._disk, problems)
        if not there.issuperset(expected):
            with storage_errors("look at the directories of files"):
                there.update(listing.directories(STATIC_PLACE))
        for directory in sorted(there.intersection(names)):
            files |= listing.stats_in(STATIC_PLACE, directory, ids.is_hash, is_conflict_copy)
        return Listed(files, problems)

    def listed(self, due: Due, names: Iterable[str]) -> None:
        """Takes note that what is in some directories was dealt with."""
        for name in names:
            stamp = due.stamps.get(name)
            if stamp is None:
                self._known.pop(name, None)
            else:
                self._known[name] = stamp

    def ended(self, due: Due) -> None:
        """Takes note that everything that was due was dealt with."""
        self._top, self._names = due.top, due.others

    def _due(self, wanted: Collection[str] | None) -> Due:
        problems: list[Problem] = []
        place = self._files_dir / STATIC_PLACE
        now = self._clock.monotonic()
        top, names = _stamp(self._disk.stat(place), self._top, now), self._names
        if wanted is None or top is None or not top.is_settled or top != self._top:
            listing = BlobListing(self._files_dir, self._disk, problems)
            stats = listing.directory_stats(STATIC_PLACE)
            names = [sys.intern(name) for name in stats]
        else:
            stats = dict(self._disk.list_stats(place)) if names else {}
        stamps: dict[str, _Stamp] = {}
        due = set(ALL if wanted is None else wanted).union(self._known.keys() - names)
        for name in names:
            known = self._known.get(name)
            stamp = _stamp(stats.get(name), known, now)
            if stamp is not known or stamp is None or not stamp.is_settled or wanted is None:
                due.add(name)
            if stamp is not None:
                stamps[name] = stamp
        return Due(sorted(due), stamps, top, names, problems)


def _stamp(stat: FileStat | None, known: _Stamp | None, now: float) -> _Stamp | None:
    """Returns what a directory is now; what was known of it if that is the same."""
    if stat is None or stat.kind is not EntryKind.DIRECTORY:
        return None
    if known is None or known[:3] != (stat.inode, stat.modified_ns, stat.changed_ns):
        return _Stamp(stat.inode, stat.modified_ns, stat.changed_ns, now, is_settled=False)
    if known.is_settled or now < known.since + TICK_S:
        return known
    return known._replace(is_settled=True)
