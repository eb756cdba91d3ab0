"""What immutable and mutable files of one space share: bytes on their way in, rows, locks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, TypeVar
from weakref import WeakValueDictionary

from sila_daemon.core.errors import CorruptBlobError, StorageFullError
from sila_daemon.server.files import file_rows
from sila_daemon.server.files.file_bytes import READ_BYTES, FileBytes

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.folder.blob_writer import BlobWriter
    from sila_daemon.folder.blobs import BlobFolder
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.disk import ReadableFile
    from sila_daemon.ports.workers import Workers
    from sila_daemon.server.files.quotas import Reservation, SpaceLedger

T = TypeVar("T")

FILE_BYTES_MAX = 4 << 30
"""Of one file, unless the server is told otherwise."""

_SETTLED = "files_settled"
"""Stands in the database while no bytes can be without a row."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Who sends a file, and what is said about it."""

    sender: str = ""
    """The user whose quota it counts for; empty when the server itself brings it."""
    mime_type: str = ""
    length: int | None = None
    """How many bytes will come, where that is known before."""


class FileStore:
    """Bytes and rows of the files of one space."""

    def __init__(
        self,
        blobs: BlobFolder,
        database: Database,
        clock: Clock,
        workers: Workers,
        ledger: SpaceLedger,
        file_bytes_max: int = FILE_BYTES_MAX,
    ) -> None:
        self.blobs = blobs
        self.database = database
        self.ledger = ledger
        self.workers = workers
        self.file_bytes_max = file_bytes_max
        self._clock = clock
        self._is_settled = False
        self._has_failed = False
        """Whether bytes may be without a row, or rows without bytes, as long as this is open."""
        # Kept only while somebody holds one: any id may be asked for.
        self._locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def load(self) -> bool:
        """Reads what is held; False when bytes may be without a row, as after a crash."""

        def work(connection: apsw.Connection) -> tuple[bool, dict[str, file_rows.Used]]:
            row = connection.execute("SELECT 1 FROM meta WHERE key = ?", (_SETTLED,)).fetchone()
            return row is not None, file_rows.usage(connection)

        self._is_settled, held = await self.database.read(work)
        self.ledger.know(held)
        return self._is_settled

    async def settle(self) -> None:
        """Notes that every file has its row, if that is so; call it once nobody sends any more."""
        if not self._is_settled and not self._has_failed:
            await self.database.write(
                lambda connection: connection.execute(
                    "INSERT OR IGNORE INTO meta VALUES (?, '1')", (_SETTLED,)
                )
            )
            self._is_settled = True

    def has_failed(self) -> None:
        """Notes that bytes may be without a row as long as this is open: the next one looks."""
        self._has_failed = True

    @asynccontextmanager
    async def unsettled(self) -> AsyncIterator[None]:
        """Holds what gives bytes their name and then a row: what comes between is noted."""
        if self._is_settled:
            await self.database.write(
                lambda connection: connection.execute("DELETE FROM meta WHERE key = ?", (_SETTLED,))
            )
            self._is_settled = False
        try:
            yield
        except CorruptBlobError:
            raise  # Nothing was stored.
        except BaseException:
            self.has_failed()
            raise

    async def write(self, work: Callable[[apsw.Connection], T]) -> T:
        """Changes rows in one commit, and takes over what is held after it."""

        def counted(connection: apsw.Connection) -> tuple[T, dict[str, file_rows.Used]]:
            return work(connection), file_rows.usage(connection)

        result, held = await self.database.write(counted)
        self.ledger.know(held)
        return result

    async def filled(self, chunks: AsyncIterable[bytes], room: Reservation) -> BlobWriter:
        """Writes bytes to a place without a name; the caller gives them one or drops them."""
        writer = await self.workers.run(self.blobs.writer)
        try:
            pending = bytearray()
            async for chunk in chunks:
                pending += chunk
                if len(pending) >= READ_BYTES:
                    await self._take(writer, bytes(pending), room)
                    pending.clear()
            await self._take(writer, bytes(pending), room)
        except BaseException:
            await self.workers.run(writer.abort)
            raise
        return writer

    async def _take(self, writer: BlobWriter, data: bytes, room: Reservation) -> None:
        self.check_size(writer.size + len(data))
        room.cover(writer.size + len(data))
        if data:
            await self.workers.run(lambda: writer.write(data))

    def check_size(self, size: int) -> None:
        """Raises StorageFullError for a file that is too large for this server."""
        if size > self.file_bytes_max:
            message = f"a file has at most {self.file_bytes_max} bytes"
            raise StorageFullError(message, code="too_large")

    def read(self, file: ReadableFile, start: int, end: int) -> FileBytes:
        """Returns the bytes from `start` up to `end`; the file is closed with them."""
        return FileBytes(file, self.workers, start, end)

    def lock(self, name: str) -> asyncio.Lock:
        """Returns the lock of one file: whoever names or removes its bytes holds it."""
        lock = self._locks.get(name)
        if lock is None:
            lock = self._locks[name] = asyncio.Lock()
        return lock

    def now_ms(self) -> int:
        """Returns Unix milliseconds."""
        return int(self._clock.time() * 1000)
