"""Uploads that may be interrupted and go on later, as the IETF's resumable uploads do.

What came of a file waits beside the space's files, under a name that is random and that only its
sender is told; the bytes that are there are the offset. The SHA-256 is checked over what stands
on the disk once all of it is there, so a part that a power cut tore cannot become a file.
Nor can one that only memory holds: after a failed sync the next one may succeed for nothing, so
what an error met, or an earlier process began, is copied and the copy becomes the file.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterable
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core import ids
from sila_daemon.core.errors import (
    CorruptBlobError,
    FormatError,
    NotFoundError,
    StorageFullError,
)
from sila_daemon.folder.problems import storage_errors
from sila_daemon.ports.disk import make_dirs
from sila_daemon.server.files import file_rows
from sila_daemon.server.files.file_bytes import READ_BYTES
from sila_daemon.server.files.file_rows import StaticRow
from sila_daemon.server.files.file_store import FileStore, Sent

if TYPE_CHECKING:
    import apsw

    from sila_daemon.folder.blob_writer import StaticBlob
    from sila_daemon.ports.disk import Disk
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.server.files.quotas import Reservation

UPLOADS_PER_USER_MAX = 16
"""Unfinished ones of one user in one space."""

UPLOAD_SECONDS = 24 * 3600.0
"""How long an upload waits for its next byte, unless the server is told otherwise."""

_FINISHED_SECONDS = 3600.0
"""How long a sender who lost the last answer can still ask."""

_SUFFIX = ".part"


class OffsetError(Exception):
    """Bytes were sent for another place than the end of what is here."""

    def __init__(self, offset: int) -> None:
        super().__init__(f"{offset} bytes of the upload are here")
        self.offset = offset


@dataclass(slots=True, eq=False)
class Upload:
    """One upload of one user."""

    id: str
    hash: str
    sent: Sent
    room: Reservation
    offset: int
    moved_at: float
    """When its last byte came (Unix seconds)."""
    is_finished: bool = False
    is_sound: bool = True
    """All of it came in this process and no write or sync failed: one sync makes it durable."""
    turn: int = 0
    """Whose bytes are taken: only those of the request that came last."""
    lock: asyncio.Lock = field(default_factory=asyncio.Lock)


class Uploads:
    """The unfinished uploads of one space."""

    def __init__(
        self,
        folder: Path,
        store: FileStore,
        disk: Disk,
        randomness: Randomness,
        seconds_max: float = UPLOAD_SECONDS,
    ) -> None:
        self._folder = folder
        self._store = store
        self._disk = disk
        self._randomness = randomness
        self._open: dict[str, Upload] = {}
        self.seconds_max = seconds_max

    async def load(self) -> None:
        """Takes up what was unfinished when the space was closed, or the process killed."""
        rows: list[Any] = await self._store.database.read(
            lambda connection: connection.execute(
                "SELECT id, hash, sender, mime_type, length, created_at, finished_at FROM uploads"
            ).fetchall()
        )
        found = await self._store.workers.run(self._sizes)
        for upload_id, blob_hash, sender, mime_type, length, created_at, finished_at in rows:
            sent, room = Sent(sender, mime_type, length), self._store.ledger.free_pass()
            if finished_at is not None:
                done = Upload(upload_id, blob_hash, sent, room, length, finished_at / 1000, True)
                self._open[upload_id] = done
                continue
            size, moved_at = found.pop(upload_id, (0, created_at / 1000))
            # What failed for an earlier process is not known.
            upload = Upload(upload_id, blob_hash, sent, room, size, moved_at, is_sound=False)
            try:
                upload.room = self._store.ledger.reserve(sender, max(size, length or 0))
            except StorageFullError:
                upload.moved_at = 0.0  # The limits are lower now: it goes at the next look.
            self._open[upload_id] = upload

        def remove_strays() -> None:
            for stray in found:
                self._remove(stray)

        await self._store.workers.run(remove_strays)

    def close(self) -> None:
        """Lets go of the room that was promised; nothing on the disk changes."""
        for upload in self._open.values():
            upload.room.release()

    @property
    def count(self) -> int:
        """How many uploads are unfinished."""
        return sum(not one.is_finished for one in self._open.values())

    def is_sending(self, blob_hash: str) -> bool:
        """Tells whether an unfinished upload is of this file."""
        return any(one.hash == blob_hash and not one.is_finished for one in self._open.values())

    async def begin(self, blob_hash: str, sent: Sent) -> Upload:
        """Begins an upload; another of the same file by the same sender ends with it.

        Raises StorageFullError with the codes `quota` and `too_large`.
        """
        await self.expire()
        mine = [one for one in self._open.values() if one.sent.sender == sent.sender]
        for other in [one for one in mine if one.hash == blob_hash and not one.is_finished]:
            await self.cancel(other)
        if sum(not one.is_finished for one in mine if one.id in self._open) >= UPLOADS_PER_USER_MAX:
            message = f"at most {UPLOADS_PER_USER_MAX} uploads may be unfinished"
            raise StorageFullError(message, code="quota")
        self._store.check_size(sent.length or 0)
        room = self._store.ledger.reserve(sent.sender, sent.length or 0)
        now = self._store.now_ms()
        upload = Upload(self._randomness.token(16).hex(), blob_hash, sent, room, 0, now / 1000)
        try:
            await self._store.workers.run(lambda: self._create(upload.id))
            await self._store.database.write(
                lambda connection: connection.execute(
                    "INSERT INTO uploads VALUES (?,?,?,?,?,?,NULL)",
                    (upload.id, blob_hash, sent.sender, sent.mime_type, sent.length, now),
                )
            )
        except BaseException:
            room.release()
            raise
        self._open[upload.id] = upload
        return upload

    def find(self, upload_id: object, sender: str) -> Upload:
        """Returns an upload of this sender. Raises NotFoundError for any other's."""
        upload = self._open.get(upload_id) if isinstance(upload_id, str) else None
        if upload is None or upload.sent.sender != sender:
            raise NotFoundError("there is no such upload", code="upload_missing")
        return upload

    async def append(self, upload: Upload, offset: int, chunks: AsyncIterable[bytes]) -> None:
        """Adds bytes at `offset`; what came before an interruption is kept.

        Raises OffsetError when other bytes came first, also while these were coming.
        """
        upload.turn += 1
        turn = upload.turn
        async with upload.lock:
            if upload.is_finished or offset != upload.offset:
                raise OffsetError(upload.offset)
        pending = bytearray()
        try:
            async for chunk in chunks:
                pending += chunk
                if len(pending) >= READ_BYTES:
                    taken = bytes(pending)
                    pending.clear()
                    await self._take(upload, turn, taken)
        finally:
            await self._take(upload, turn, bytes(pending), is_last=True)

    async def _take(self, upload: Upload, turn: int, data: bytes, *, is_last: bool = False) -> None:
        store, size = self._store, upload.offset + len(data)
        async with upload.lock:
            if upload.turn != turn:
                raise OffsetError(upload.offset)
            length = upload.sent.length
            if length is not None and size > length:
                raise FormatError(f"the file was said to have {length} bytes", code="too_long")
            store.check_size(size)
            upload.room.cover(size)
            try:
                await store.workers.run(lambda: self._write(upload.id, data, is_last=is_last))
            except BaseException:
                upload.is_sound = False
                # An unknown part of it may stand there.
                found = await store.workers.run(self._sizes)
                if upload.id in found:
                    upload.offset = found[upload.id][0]
                else:  # As where `finish` failed after it had moved the file.
                    await self.cancel(upload)
                raise
            upload.offset = size
            upload.moved_at = store.now_ms() / 1000

    async def finish(self, upload: Upload) -> StaticBlob:
        """Makes a file of an upload of which all bytes are here.

        Raises CorruptBlobError, and then the upload is dropped, as it is where the disk is too full
        for a copy of what cannot be trusted.
        """
        store, length = self._store, upload.sent.length
        async with upload.lock:
            if length is not None and upload.offset != length:
                message = f"{upload.offset} of {length} bytes are here"
                raise FormatError(message, code="incomplete")
            try:
                async with store.lock(upload.hash), store.unsettled():
                    path = self._path(upload.id)
                    blob = await store.workers.run(
                        lambda: store.blobs.adopt_static(
                            path, upload.hash, is_sound=upload.is_sound
                        )
                    )
                    await store.write(lambda connection: _finish(connection, upload, blob, store))
            except BaseException as error:
                is_too_full = isinstance(error, StorageFullError) and not upload.is_sound
                upload.is_sound = False
                if is_too_full or isinstance(error, CorruptBlobError):
                    await self.cancel(upload)
                raise
            upload.is_finished = True
            upload.offset = blob.size
            upload.room.release()
        return blob

    async def cancel(self, upload: Upload) -> None:
        """Drops an upload and what came of it."""
        upload.turn += 1
        self._open.pop(upload.id, None)
        upload.room.release()
        try:
            await self._store.database.write(
                lambda connection: connection.execute(
                    "DELETE FROM uploads WHERE id = ?", (upload.id,)
                )
            )
        finally:  # A full disk that takes no such change needs the room.
            await self._store.workers.run(lambda: self._remove(upload.id))

    async def expire(self) -> int:
        """Drops what nobody went on with for too long; returns how many uploads that were."""
        now = self._store.now_ms() / 1000
        late = [
            one
            for one in self._open.values()
            if now - one.moved_at > (_FINISHED_SECONDS if one.is_finished else self.seconds_max)
        ]
        for upload in late:
            await self.cancel(upload)
        return len(late)

    def _path(self, upload_id: str) -> Path:
        return self._folder / f"{ids.checked_peer_id(upload_id)}{_SUFFIX}"

    def _create(self, upload_id: str) -> None:
        with storage_errors("begin an upload"):
            make_dirs(self._disk, self._folder)
            self._disk.create(self._path(upload_id)).close()
            self._disk.sync_dir(self._folder)

    def _write(self, upload_id: str, data: bytes, *, is_last: bool) -> None:
        with (
            storage_errors("write an upload"),
            self._disk.open_append(self._path(upload_id)) as file,
        ):
            if data:
                file.write(data)
            if is_last:
                file.sync()

    def _remove(self, upload_id: str) -> None:
        with storage_errors("remove an upload"):
            self._disk.unlink(self._path(upload_id))

    def _sizes(self) -> dict[str, tuple[int, float]]:
        """Returns size and last change of what stands in the folder, by upload."""
        found: dict[str, tuple[int, float]] = {}
        with storage_errors("look for uploads"):
            if self._disk.stat(self._folder) is None:
                return found
            for entry in self._disk.list_dir(self._folder):
                stat = self._disk.stat(self._folder / entry.name)
                name = entry.name.removesuffix(_SUFFIX)
                if stat is not None and name != entry.name and ids.is_path_id(name):
                    found[name] = stat.size, stat.modified_ns / 1e9
        return found


def _finish(connection: apsw.Connection, upload: Upload, blob: StaticBlob, store: FileStore) -> Any:
    now = store.now_ms()
    row = StaticRow(blob.hash, blob.size, now, upload.sent.mime_type, upload.sent.sender)
    file_rows.enter_static(connection, row)
    return connection.execute(
        "UPDATE uploads SET finished_at = ?, length = ? WHERE id = ?", (now, blob.size, upload.id)
    )
