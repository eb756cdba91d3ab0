"""Files of one space: bytes in the layout of a local folder, facts about them in its database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable, AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any
from weakref import WeakValueDictionary

from sila_daemon.core import ids
from sila_daemon.core.errors import NotFoundError, StorageFullError

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.folder.blobs import BlobFolder, BlobWriter, StaticBlob
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.disk import ReadableFile
    from sila_daemon.ports.workers import Workers

FILE_BYTES_MAX = 4 << 30
READ_BYTES = 256 << 10


@dataclass(frozen=True, slots=True)
class VarState:
    """A mutable file as it is now."""

    revision: int
    sha256: str
    size: int
    changed_at: int
    """When the file with these bytes was written last (Unix ns), as the disk tells it."""


@dataclass(frozen=True, slots=True)
class VarPut:
    """What became of bytes sent for a mutable file."""

    is_current: bool
    """False: somebody else was faster; the bytes are kept as a side revision."""
    revision: int
    """Of the bytes that were sent."""
    current: VarState


class FileBytes:
    """Bytes of an open file, chunk by chunk; closes it at the end, or when told to."""

    def __init__(self, file: ReadableFile, workers: Workers, start: int, end: int) -> None:
        self._file = file
        self._workers = workers
        self._start = start
        self._end = end
        self._is_open = True
        self._reading: asyncio.Future[bytes] | None = None

    def close(self) -> None:
        """Closes the file; for a reader that goes away before it has begun, too."""
        if not self._is_open:
            return
        self._is_open = False
        if self._reading is None or self._reading.done():
            self._file.close()
        else:
            # Whoever waited was cancelled, the thread goes on: under its feet the descriptor
            # could become another file's.
            self._reading.add_done_callback(lambda _: self._file.close())

    async def _read(self, offset: int, size: int) -> bytes:
        self._reading = asyncio.ensure_future(
            self._workers.run(lambda: self._file.read_at(offset, size))
        )
        return await asyncio.shield(self._reading)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        offset = self._start
        try:
            while offset < self._end:
                size = min(READ_BYTES, self._end - offset)
                chunk = await self._read(offset, size)
                if not chunk:
                    return
                offset += len(chunk)
                yield chunk
        finally:
            self.close()


class SpaceFiles:
    """The files of one space."""

    def __init__(
        self, blobs: BlobFolder, database: Database, clock: Clock, workers: Workers
    ) -> None:
        self._blobs = blobs
        self._database = database
        self._clock = clock
        self._workers = workers
        # Kept only while somebody holds one: any id may be asked for.
        self._var_locks: WeakValueDictionary[str, asyncio.Lock] = WeakValueDictionary()

    async def missing(self, static: list[str], var: list[tuple[str, str]]) -> dict[str, list[str]]:
        """Returns which of these files are not here; of mutable ones, not with that SHA-256."""

        def lacking() -> list[str]:
            return [blob_hash for blob_hash in static if not self._blobs.has_static(blob_hash)]

        states = {uuid: await self.var_state(uuid) for uuid, _ in var}
        differing = []
        for uuid, sha256 in var:
            state = states[uuid]
            if state is None or state.sha256 != sha256:
                differing.append(uuid)
        return {"static": await self._workers.run(lacking), "var": differing}

    async def put_static(self, expected_hash: str, chunks: AsyncIterable[bytes]) -> StaticBlob:
        """Stores an immutable file. Raises CorruptBlobError, and then nothing is stored."""
        writer = await self._filled(chunks)
        try:
            blob = await self._workers.run(lambda: writer.finish_static(expected_hash))
        finally:
            await self._workers.run(writer.abort)
        now = self._now_ms()
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT OR IGNORE INTO static_files VALUES (?,?,?)", (blob.hash, blob.size, now)
            )
        )
        return blob

    async def _filled(self, chunks: AsyncIterable[bytes]) -> BlobWriter:
        writer = await self._workers.run(self._blobs.writer)
        try:
            pending = bytearray()
            async for chunk in chunks:
                pending += chunk
                if len(pending) >= READ_BYTES:
                    await self._take(writer, bytes(pending))
                    pending.clear()
            await self._take(writer, bytes(pending))
        except BaseException:
            await self._workers.run(writer.abort)
            raise
        return writer

    async def _take(self, writer: BlobWriter, data: bytes) -> None:
        if writer.size + len(data) > FILE_BYTES_MAX:
            raise StorageFullError(f"a file has at most {FILE_BYTES_MAX} bytes", code="too_large")
        if data:
            await self._workers.run(lambda: writer.write(data))

    async def open_static(self, blob_hash: str) -> tuple[ReadableFile, int]:
        """Opens an immutable file; also returns its size. Raises NotFoundError."""

        def work() -> tuple[ReadableFile, int]:
            file = self._blobs.open_static(blob_hash)
            return file, file.stat().size

        return await self._workers.run(work)

    def read(self, file: ReadableFile, start: int, end: int) -> FileBytes:
        """Returns the bytes from `start` up to `end`; the file is closed with them."""
        return FileBytes(file, self._workers, start, end)

    async def var_state(self, uuid: str) -> VarState | None:
        """Returns the current state of a mutable file; None when it was never stored."""

        def work(connection: apsw.Connection) -> VarState | None:
            return _var_state(connection, uuid)

        return await self._database.read(work)

    async def open_var(self, uuid: str) -> tuple[ReadableFile, VarState]:
        """Opens a mutable file as it is now. Raises NotFoundError."""
        async with self._lock(uuid):
            state = await self._settled_state(uuid)
            if state is None:
                raise NotFoundError("there is no such file", code="blob_missing")
            return await self._workers.run(lambda: self._blobs.open_var(uuid)), state

    async def _settled_state(self, uuid: str) -> VarState | None:
        """Returns the state of a mutable file whose lock is held, as its bytes really are.

        A crash, or a full disk, between the bytes and their row leaves bytes that no revision
        knows: they become the next one. The time of the file's last change tells.
        """
        state = await self.var_state(uuid)
        changed_at = await self._workers.run(lambda: self._changed_at(uuid))
        if changed_at is None or (state is not None and state.changed_at == changed_at):
            return state
        blob = await self._workers.run(lambda: self._blobs.stat_var(uuid))
        if state is None or state.sha256 != blob.sha256:
            put = await self._enter(uuid, (blob.sha256, blob.size, changed_at), "", is_side=False)
            return put.current
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE var_files SET changed_at = ? WHERE id = ?", (changed_at, uuid)
            )
        )
        return state

    def _changed_at(self, uuid: str) -> int | None:
        if not self._blobs.has_var(uuid):
            return None
        with self._blobs.open_var(uuid) as file:
            return file.stat().modified_ns

    async def put_var(
        self, uuid: str, chunks: AsyncIterable[bytes], expected: int | None, sender: str
    ) -> VarPut:
        """Replaces a mutable file if its revision is `expected` (None: if there is none yet).

        Otherwise the bytes become a side revision, kept among the immutable files; unless they
        are those that are here already, as after an answer that was lost.
        """
        ids.checked_uuid(uuid)
        writer = await self._filled(chunks)
        try:
            async with self._lock(uuid):
                state = await self._settled_state(uuid)
                if (state.revision if state else None) == expected:
                    # The bytes first: whatever interrupts us, they are then found by the next
                    # look at this file.
                    blob = await self._workers.run(lambda: writer.finish_var(uuid))
                    changed_at = await self._workers.run(lambda: self._changed_at(uuid)) or 0
                    facts = blob.sha256, blob.size, changed_at
                    return await self._enter(uuid, facts, sender, is_side=False)
                kept = await self._workers.run(writer.finish_static)
                if state is not None and state.sha256 == kept.hash:
                    return VarPut(True, state.revision, state)
                return await self._enter(uuid, (kept.hash, kept.size, 0), sender, is_side=True)
        finally:
            await self._workers.run(writer.abort)

    async def _enter(
        self, uuid: str, facts: tuple[str, int, int], sender: str, *, is_side: bool
    ) -> VarPut:
        """Numbers bytes, of which `facts` are SHA-256, size and time of the file's change."""
        now = self._now_ms()
        sha256, size, changed_at = facts

        def work(connection: apsw.Connection) -> VarPut:
            row = connection.execute(
                "SELECT max(revision) FROM var_revisions WHERE id = ?", (uuid,)
            ).fetchone()
            revision = 1 + ((row[0] or 0) if row else 0)
            connection.execute(
                "INSERT INTO var_revisions VALUES (?,?,?,?,?,?,?)",
                (uuid, revision, sha256, size, now, sender, int(is_side)),
            )
            if not is_side:
                connection.execute(
                    "INSERT OR REPLACE INTO var_files VALUES (?,?,?,?,?,?)",
                    (uuid, revision, sha256, size, now, changed_at),
                )
            state = _var_state(connection, uuid) or VarState(0, "", 0, 0)
            return VarPut(not is_side, revision, state)

        return await self._database.write(work)

    async def var_revisions(self, uuid: str) -> list[dict[str, Any]]:
        """Returns every revision that was ever sent, oldest first."""
        return await self._database.read(
            lambda connection: [
                {
                    "revision": str(row[0]),
                    "sha256": row[1],
                    "size": row[2],
                    "createdAt": row[3],
                    "side": bool(row[4]),
                }
                for row in connection.execute(
                    "SELECT revision, sha256, size, created_at, is_side FROM var_revisions"
                    " WHERE id = ? ORDER BY revision",
                    (uuid,),
                )
            ]
        )

    def _lock(self, uuid: str) -> asyncio.Lock:
        lock = self._var_locks.get(uuid)
        if lock is None:
            lock = self._var_locks[uuid] = asyncio.Lock()
        return lock

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)


def _var_state(connection: apsw.Connection, uuid: str) -> VarState | None:
    row = connection.execute(
        "SELECT revision, sha256, size, changed_at FROM var_files WHERE id = ?", (uuid,)
    ).fetchone()
    return None if row is None else VarState(*row)
