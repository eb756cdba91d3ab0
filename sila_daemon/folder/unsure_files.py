"""Immutable files of which a sync failed: what is read of them may be nowhere but in memory.

After a failed sync systems hold the bytes as clean, so that the next sync succeeds for nothing.
Such a file counts as stored only once its bytes were written anew, to another file.
"""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator
    from pathlib import Path

    from sila_daemon.ports.disk import Disk, ReadableFile, WritableFile


class UnsureFiles:
    """Makes bytes and names durable, and remembers by its hash what that failed for."""

    def __init__(self, disk: Disk) -> None:
        self._disk = disk
        self._hashes: set[str] = set()

    def __contains__(self, blob_hash: str) -> bool:
        return blob_hash in self._hashes

    def sync_found(self, path: Path, blob_hash: str) -> None:
        """Makes bytes durable that others wrote: they may not have done so. Not their name."""
        with self._disk.open_read(path) as file:
            self.sync(file, blob_hash)

    def sync(self, file: ReadableFile | WritableFile, blob_hash: str) -> None:
        """Makes the bytes of an open file durable."""
        with self._noted((blob_hash,)):
            file.sync()

    def sync_names(self, directory: Path, hashes: Iterable[str]) -> None:
        """Makes the names of files durable, all of one directory."""
        with self._noted(hashes):
            self._disk.sync_dir(directory)

    def written(self, blob_hash: str) -> None:
        """Takes note that bytes which are durable took the name of a file."""
        self._hashes.discard(blob_hash)

    @contextmanager
    def _noted(self, hashes: Iterable[str]) -> Iterator[None]:
        try:
            yield
        except OSError:
            self._hashes.update(hashes)
            raise
