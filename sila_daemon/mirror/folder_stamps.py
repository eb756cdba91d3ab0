"""What the files of a space folder were at the last look: finds what changed without events."""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.ports.disk import EntryKind

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.ports.disk import Disk, FileStat


class _Directory(NamedTuple):
    """A directory as it was listed; one whose time is the same still has the same names."""

    modified_ns: int
    directories: tuple[Path, ...]
    files: tuple[Path, ...]
    is_settled: bool
    """Whether it had this time at the look before too: clocks of file systems tick in up to two
    seconds, and what comes in the same tick changes no time."""


class FolderStamps:
    """Compares a folder with how it was; blocking, for worker threads."""

    def __init__(self, root: Path, disk: Disk) -> None:
        self._top = SpaceLayout(root).version_dir
        self._disk = disk
        self._directories: dict[Path, _Directory] = {}
        self._files: dict[Path, FileStat] = {}

    def changed(self) -> frozenset[Path]:
        """Returns what is new, other or gone since the last call; at the first, everything.

        What cannot be looked at counts as changed: whoever looks there tells why.
        """
        directories, self._directories = self._directories, {}
        files, self._files = self._files, {}
        found: set[Path] = set()
        waiting = [self._top]
        while waiting:
            path = waiting.pop()
            try:
                listed = self._listed(path, directories.get(path))
                if listed is None:
                    found.add(path)
                    continue
                self._directories[path] = listed
                waiting += listed.directories
                for file in listed.files:
                    stat = self._disk.stat(file)
                    if stat is not None:
                        self._files[file] = stat
                    if stat is None or files.get(file) != stat:
                        found.add(file)
            except OSError:
                found.add(path)
        found |= files.keys() - self._files.keys()
        found |= directories.keys() - self._directories.keys()
        return frozenset(found)

    def _listed(self, path: Path, known: _Directory | None) -> _Directory | None:
        stat = self._disk.stat(path)
        if stat is None or stat.kind is not EntryKind.DIRECTORY:
            return None
        is_as_before = known is not None and known.modified_ns == stat.modified_ns
        if known is not None and is_as_before and known.is_settled:
            return known
        entries = self._disk.list_dir(path)
        return _Directory(
            stat.modified_ns,
            tuple(path / entry.name for entry in entries if entry.kind is EntryKind.DIRECTORY),
            tuple(path / entry.name for entry in entries if entry.kind is EntryKind.FILE),
            is_as_before,
        )
