"""Immutable files of one space, named by the SHA-256 of their bytes."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterable, Iterable, Iterator, Sequence
from contextlib import AsyncExitStack, contextmanager
from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError, StorageFullError
from sila_daemon.folder.blob_batch import BATCHES_AT_ONCE, put_together
from sila_daemon.server.files import file_rows
from sila_daemon.server.files.file_rows import StaticRow
from sila_daemon.server.files.file_store import FileStore, Sent

if TYPE_CHECKING:
    import apsw

    from sila_daemon.folder.blob_writer import StaticBlob
    from sila_daemon.ports.disk import ReadableFile

STRAYS_AT_ONCE = 500
"""So many files without a row are made durable together: one directory has many of them."""

LOG = logging.getLogger(__name__)


class StaticFiles:
    """Stores, finds and opens them."""

    def __init__(self, store: FileStore) -> None:
        self._store = store
        self._sending: dict[str, int] = {}
        self._storing = asyncio.Semaphore(BATCHES_AT_ONCE)

    async def put(
        self, expected_hash: str, chunks: AsyncIterable[bytes], sent: Sent | None = None
    ) -> StaticBlob:
        """Stores a file.

        Raises CorruptBlobError, and then nothing is stored, and StorageFullError.
        """
        sent, store = sent or Sent(), self._store
        is_known = await self.row(expected_hash) is not None
        ledger = store.ledger
        with (
            self.being_sent(expected_hash),
            ledger.free_pass()
            if is_known
            else ledger.reserve(sent.sender, sent.length or 0) as room,
        ):
            writer = await store.filled(chunks, room)
            try:
                async with store.lock(expected_hash), store.unsettled():
                    blob = await store.workers.run(lambda: writer.finish_static(expected_hash))
                    await self.enter(blob, sent)
            finally:
                await store.workers.run(writer.abort)
        return blob

    async def put_together(
        self, files: Sequence[tuple[str, bytes]], sender: str
    ) -> tuple[set[str], StorageFullError | None]:
        """Stores small files in one commit; leaves out those that are not what their names say.

        Returns the names of the others, and why there is no room from some file on.
        """
        store, names = self._store, sorted({name for name, _ in files})
        known = await store.database.read(lambda db: file_rows.static_used(db, names))
        async with AsyncExitStack() as held:
            fitting: list[tuple[str, bytes]] = []
            refusal: StorageFullError | None = None
            try:
                for name, data in files:
                    store.check_size(len(data))
                    if name not in known:
                        held.enter_context(store.ledger.reserve(sender, len(data)))
                    held.enter_context(self.being_sent(name))
                    fitting.append((name, data))
            except StorageFullError as error:
                refusal = error
            for name in names:  # In one order everywhere: nobody waits for whom it holds up.
                await held.enter_async_context(store.lock(name))
            if not fitting:
                return set(), refusal
            async with store.unsettled():
                async with self._storing:
                    blobs = await put_together(store.blobs, store.workers, fitting)
                await self._enter_all(blobs, Sent(sender))
        return {blob.hash for blob in blobs}, refusal

    async def _enter_all(self, blobs: Iterable[StaticBlob], sent: Sent) -> None:
        now = self._store.now_ms()
        rows = [StaticRow(blob.hash, blob.size, now, sent.mime_type, sent.sender) for blob in blobs]

        def work(connection: apsw.Connection) -> None:
            for row in rows:
                file_rows.enter_static(connection, row)

        await self._store.write(work)

    @contextmanager
    def being_sent(self, blob_hash: str) -> Iterator[None]:
        """Keeps a file from being collected while somebody sends it."""
        self._sending[blob_hash] = self._sending.get(blob_hash, 0) + 1
        try:
            yield
        finally:
            self._sending[blob_hash] -= 1
            if not self._sending[blob_hash]:
                del self._sending[blob_hash]

    def is_being_sent(self, blob_hash: str) -> bool:
        """Tells whether somebody sends this file now."""
        return blob_hash in self._sending

    async def enter(self, blob: StaticBlob, sent: Sent) -> None:
        """Enters bytes that have their name; the caller holds the lock of the file."""
        await self._enter_all([blob], sent)

    async def enter_strays(self) -> None:
        """Enters files that have no row, as a crash between bytes and row leaves them.

        They are made durable first. What cannot be, nobody counts on: it has to be sent again,
        or is entered when the space is opened the next time.
        """
        store = self._store
        found = await store.workers.run(lambda: list(store.blobs.list_static()))
        names = [blob.hash for blob in found]
        known = await store.database.read(lambda db: file_rows.static_used(db, names))
        strays = sorted(blob for blob in found if blob.hash not in known)
        for start in range(0, len(strays), STRAYS_AT_ONCE):
            some = strays[start : start + STRAYS_AT_ONCE]
            durable = await store.workers.run(lambda some=some: self._durable(some))  # type: ignore[misc]
            if len(durable) < len(some):
                store.has_failed()
            await self._enter_all(durable, Sent())

    def _durable(self, strays: list[StaticBlob]) -> list[StaticBlob]:
        try:
            self._store.blobs.make_static_durable(*(stray.hash for stray in strays))
        except SilaError:  # One of them cannot be: which one is seen one by one.
            return list(filter(self._is_durable, strays))
        return strays

    def _is_durable(self, stray: StaticBlob) -> bool:
        try:
            self._store.blobs.make_static_durable(stray.hash)
        except SilaError as error:
            LOG.warning("the file %s, of which nothing is known, is left: %s", stray.hash, error)
            return False
        return True

    async def row(self, blob_hash: str) -> StaticRow | None:
        """Returns what is known about a file; None for one that is not here."""
        return await self._store.database.read(
            lambda connection: file_rows.static_row(connection, blob_hash)
        )

    async def open(self, blob_hash: str) -> tuple[ReadableFile, int]:
        """Opens a file; also returns its size. Raises NotFoundError."""

        def work() -> tuple[ReadableFile, int]:
            file = self._store.blobs.open_static(blob_hash)
            return file, file.stat().size

        return await self._store.workers.run(work)
