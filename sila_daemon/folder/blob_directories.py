"""Directories of blobs, each made durable once for as long as it is the same one."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from sila_daemon.ports.disk import EntryKind, make_dirs

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sila_daemon.ports.disk import Disk


class BlobDirectories:
    """Makes directories of blobs, each durable once in the life of a BlobFolder.

    That one is there proves nothing: it may be the work of a process that was interrupted, and
    one that another program made in the place of ours is not ours.
    """

    def __init__(self, files_dir: Path, disk: Disk) -> None:
        self._files_dir = files_dir
        self._disk = disk
        self._durable: dict[str, tuple[int, int]] = {}
        """What each is, by the last two parts of its path: there are many."""

    def make_top(self) -> None:
        """Makes the directory of all of them, with those above it."""
        if self._disk.stat(self._files_dir) is None:
            make_dirs(self._disk, self._files_dir)
        self.make(self._files_dir)

    def make(self, directory: Path) -> None:
        """Makes a directory, and none above `files`: a disk may have been unmounted meanwhile.

        Raises OSError, also where a link would lead out of the space.
        """
        for path in self._chain(directory):
            found = self._disk.stat(path)
            if found is not None and found.kind is not EntryKind.DIRECTORY:
                raise NotADirectoryError(errno.ENOTDIR, "a link where a folder belongs", str(path))
            if found is None or self._durable.get(_key(path)) != found.identity:
                self._disk.make_dir(path)
                self._settle(path)

    def settle(self, directories: Iterable[Path]) -> None:
        """Makes directories durable that somebody else may have made; makes none."""
        ways = (path for directory in directories for path in self._chain(directory))
        for path in dict.fromkeys(ways):
            found = self._disk.stat(path)
            if found is None or self._durable.get(_key(path)) != found.identity:
                self._settle(path)

    def _settle(self, path: Path) -> None:
        found = self._disk.stat(path)  # Before: one that takes its place meanwhile is another.
        self._disk.sync_dir(path.parent)
        if found is not None:
            self._durable[_key(path)] = found.identity

    def _chain(self, directory: Path) -> list[Path]:
        chain = [directory]
        while chain[-1] != self._files_dir:
            chain.append(chain[-1].parent)
        return chain[::-1]


def _key(path: Path) -> str:
    return f"{path.parent.name}/{path.name}"
