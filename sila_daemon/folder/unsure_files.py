"""Files of which a sync failed: what is read of them may be nowhere but in memory.

After a failed sync systems hold the bytes as clean, so that the next sync succeeds for nothing.
Such a file counts as stored only once its bytes were written anew, to another file.
"""

from __future__ import annotations

import errno
import hashlib
from contextlib import contextmanager, suppress
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.folder.problems import NO_HANDLE_ERRNOS, storage_errors

if TYPE_CHECKING:
    from collections.abc import Collection, Iterable, Iterator
    from pathlib import Path

    from sila_daemon.ports.disk import Disk, ReadableFile, WritableFile

_NOT_OPENED = NO_HANDLE_ERRNOS | {errno.ENOENT, errno.EACCES, errno.EPERM}
"""What the system says of opening a directory: no sync was tried."""


class UnsureFiles:
    """Makes bytes and names durable, and remembers by a hash what that failed for.

    That of its bytes for an immutable file, `var_key` for a mutable one.
    """

    def __init__(self, disk: Disk, notes: Path | None = None) -> None:
        """`notes` is a directory that nobody else uses, in one that is there: an empty file for
        each hash tells it to the next process. Without it this is known until the process ends.
        """
        self._disk = disk
        self._notes = notes
        self._are_notes_read = notes is None
        self._hashes: set[str] = set()

    def __contains__(self, blob_hash: str) -> bool:
        """Tells whether a file is to be written anew. Raises StorageError: nobody knows then."""
        if not self._are_notes_read:
            self._read_notes()
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
        with self._noted(hashes, _NOT_OPENED):
            self._disk.sync_dir(directory)

    def written(self, blob_hash: str) -> None:
        """Takes note that bytes which are durable took the name of a file."""
        if blob_hash not in self._hashes:
            return
        self._hashes.discard(blob_hash)
        if self._notes is not None:
            with suppress(OSError):  # Then it is written once more after a restart.
                self._disk.unlink(self._notes / blob_hash)

    @contextmanager
    def _noted(self, hashes: Iterable[str], harmless: Collection[int] = ()) -> Iterator[None]:
        try:
            yield
        except OSError as error:
            if error.errno not in harmless:
                self._hashes.update(hashes)
                self._note(hashes)
            raise

    def _note(self, hashes: Iterable[str]) -> None:
        """Tells the next process, at once: what the error leads to may not be waited for.

        Notes need not outlast a power cut, after which the disk shows what it holds.
        """
        if self._notes is None:
            return
        # A disk that does not take that either leaves it to this process.
        with suppress(OSError):
            self._disk.make_dir(self._notes)
        for blob_hash in hashes:
            with suppress(OSError):
                self._disk.create(self._notes / blob_hash).close()

    def _read_notes(self) -> None:
        assert self._notes is not None
        with storage_errors("look for files of which a sync failed"):
            if self._disk.stat(self._notes) is not None:
                found = self._disk.list_dir(self._notes)
                self._hashes.update(entry.name for entry in found if ids.is_hash(entry.name))
        self._are_notes_read = True


def var_key(uuid: str) -> str:
    """Names a mutable file in the form of a hash."""
    return hashlib.sha256(f"var {uuid}".encode()).hexdigest()
