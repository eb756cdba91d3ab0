"""Op files that this process alone writes: which it may go on with, and whose names are durable."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from sila_daemon.folder.op_directories import OpDirectories

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable
    from pathlib import Path

    from sila_daemon.folder.layout import SpaceLayout
    from sila_daemon.ports.disk import Disk, WritableFile
    from sila_daemon.ports.randomness import Randomness

_WRITER_BYTES = 8
_Identity = tuple[int, int]
_NOT_A_FILE = {errno.ELOOP, errno.EINVAL, errno.EISDIR, errno.ENXIO}


class OpFiles:
    """The op files of one process; blocking, not for two threads at once."""

    def __init__(self, layout: SpaceLayout, disk: Disk, randomness: Randomness) -> None:
        self._disk = disk
        self._randomness = randomness
        self._directories = OpDirectories(layout, disk)
        self.writer = self._new_writer()
        """What the names of files for the ops of others hold."""
        self._left: set[Path] = set()
        """Files that failed in a way that forbids to write to them again."""
        self._durable_names: dict[Path, _Identity] = {}
        """Files whose names are known to be on stable storage, while they are the same files."""

    def has_left(self, path: Path) -> bool:
        """Tells whether a write or sync of a file failed: it may show what a power cut takes."""
        return path in self._left

    def leave(self, path: Path) -> None:
        """Never has a file written to again, and begins others."""
        self._left.add(path)
        self.writer = self._new_writer()

    def make_places(self, paths: Iterable[Path]) -> None:
        """Makes the directories of files that have none yet, all of them together.

        Raises OSError, InvalidIdError; `has_place` then tells for which it is done.
        """
        places = dict.fromkeys(path.parent for path in paths)
        unknown = [place for place in places if not self._directories.knows(place)]
        if unknown:
            self._directories.make(unknown)

    def has_place(self, path: Path) -> bool:
        """Tells whether the directory of a file was made."""
        return self._directories.knows(path.parent)

    def open(self, path: Path) -> WritableFile:
        """Opens a file to append to it, or begins it. Raises OSError, InvalidIdError."""
        known = self._durable_names.get(path)
        if known is not None and self._identity(path) != known:
            # Its directory may have gone with it, and the system give its number to another.
            del self._durable_names[path]
            self._directories.forget(path.parent)
        self._directories.require(path.parent)
        if self._disk.stat(path) is None:
            self._durable_names.pop(path, None)
            return self._disk.create(path)
        if path not in self._durable_names:
            self._directories.refuse_folded(path)
        try:
            return self._disk.open_append(path)
        except OSError as error:
            if error.errno in _NOT_A_FILE:
                self.leave(path)
            raise

    def ends_well(self, path: Path, size: int) -> bool:
        """Tells whether the last line of a file is whole. Raises OSError."""
        if size == 0:
            return True
        with self._disk.open_read(path) as file:
            return file.read_at(size - 1, 1) == b"\n"

    def is_named(self, path: Path) -> bool:
        """Tells whether the name of a file that was opened is durable."""
        return path in self._durable_names

    def sync_names(self, directory: Path, paths: Collection[Path]) -> None:
        """Makes the names of files durable, all of one directory. Raises OSError."""
        # Looked up before: what takes the place of one meanwhile is another.
        found = [(path, self._identity(path)) for path in paths]
        self._disk.sync_dir(directory)
        self._durable_names.update((path, known) for path, known in found if known is not None)

    def _identity(self, path: Path) -> _Identity | None:
        found = self._disk.stat(path)
        return None if found is None else found.identity

    def _new_writer(self) -> str:
        return self._randomness.token(_WRITER_BYTES).hex()
