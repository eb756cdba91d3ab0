"""Immutable files that are stored together: written, made durable side by side, then named.

One by one, each file waits for its bytes and for its directory. Together the bytes of all are on
their way to the disk at once, and each directory is made durable once, after all have their names.
Nothing has a name before its bytes are durable; all of it is durable when `put_together` returns.
"""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from sila_daemon.core.errors import CorruptBlobError
from sila_daemon.folder.problems import storage_errors

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Sequence
    from pathlib import Path

    from sila_daemon.folder.blob_writer import BlobWriter, StaticBlob
    from sila_daemon.folder.blobs import BlobFolder
    from sila_daemon.ports.workers import Workers

FILES_MAX = 64
"""So many are open at once in one batch."""

BYTES_MAX = 4 << 20
"""From so many on, more files save nothing any more."""

SYNCS_AT_ONCE = 4

BATCHES_AT_ONCE = 2
"""Of one space, first come, first served: who has its files early can ask for, or send, the next
ones while others wait. More in turns would only end together, and leave the network idle."""


async def put_together(
    folder: BlobFolder,
    workers: Workers,
    files: Sequence[tuple[str, bytes]],
    require_place: Callable[[], object] = lambda: None,
) -> list[StaticBlob]:
    """Stores immutable files, given by their names and bytes; durable when this returns.

    At most FILES_MAX. Those whose bytes are not what their names say are left out. Raises
    StorageError; then some of them may have their names, and count as stored by nobody.
    `require_place` is called on a worker before files are begun and before they are named, and may
    raise.
    """
    batch = BlobBatch(folder, require_place)
    # Who is cancelled here cannot call back a thread that writes. What it does is seen to its
    # end, so that nothing stays open or on the disk without a name.
    under_way = asyncio.ensure_future(_stored(batch, workers, files))
    interruption: asyncio.CancelledError | None = None
    while not under_way.done():
        try:
            await asyncio.wait((under_way,))
        except asyncio.CancelledError as error:
            batch.stop()
            interruption = error
    if interruption is not None:
        if not under_way.cancelled():
            under_way.exception()  # Of no interest any more.
        raise interruption
    return under_way.result()


async def _stored(
    batch: BlobBatch, workers: Workers, files: Sequence[tuple[str, bytes]]
) -> list[StaticBlob]:
    try:
        await workers.run(lambda: batch.fill(files))
        # One alone: a disk that hangs has one of the threads that all spaces share.
        await workers.run(batch.sync_one)
        syncs = [
            workers.run(lambda first=first: batch.sync(first))  # type: ignore[misc]
            for first in range(min(SYNCS_AT_ONCE, len(files) - 1))
        ]
        # All of them, whatever one of them says: nobody still writes when this goes on.
        for outcome in await asyncio.gather(*syncs, return_exceptions=True):
            if isinstance(outcome, BaseException):
                raise outcome
        return await workers.run(batch.finish)
    finally:
        if batch.is_open:
            await workers.run(batch.abort)


class BlobBatch:
    """Files on their way in together; blocking, for worker threads."""

    def __init__(self, folder: BlobFolder, require_place: Callable[[], object]) -> None:
        self._folder = folder
        self._require_place = require_place
        self._writers: list[tuple[str, BlobWriter]] = []
        self._is_stopped = False

    @property
    def is_open(self) -> bool:
        """Whether there are bytes without a name."""
        return bool(self._writers)

    def stop(self) -> None:
        """Has nothing begun any more, from another thread: what follows ends early."""
        self._is_stopped = True

    def fill(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Writes bytes to places without names. Raises StorageError."""
        self._require_place()
        for name, data in files:
            if self._is_stopped:
                return
            writer = self._folder.writer(is_place_made=bool(self._writers))
            self._writers.append((name, writer))
            writer.write(data)

    def sync_one(self) -> None:
        """Makes the first durable. Raises StorageError."""
        self._sync(self._writers[:1])

    def sync(self, first: int) -> None:
        """Makes every SYNCS_AT_ONCE-th of the others durable, from one on. Raises StorageError."""
        self._sync(self._writers[1 + first :: SYNCS_AT_ONCE])

    def _sync(self, some: Iterable[tuple[str, BlobWriter]]) -> None:
        for name, writer in some:
            if not self._is_stopped and writer.sha256 == name:
                writer.sync()

    def finish(self) -> list[StaticBlob]:
        """Gives all their names, and returns what is durable then. Raises StorageError."""
        stored: list[StaticBlob] = []
        directories: dict[Path, list[str]] = {}
        self._require_place()
        for name, writer in self._writers:
            if self._is_stopped:
                break
            with suppress(CorruptBlobError):
                blob, directory = writer.place_static(name)
                stored.append(blob)
                directories.setdefault(directory, []).append(name)
        with storage_errors("store files"):
            for directory, names in directories.items():
                self._folder.unsure.sync_names(directory, names)
        self.abort()
        return stored

    def abort(self) -> None:
        """Drops what has no name."""
        while self._writers:
            self._writers.pop()[1].abort()
