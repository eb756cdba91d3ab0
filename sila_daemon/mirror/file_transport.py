"""How files travel between this machine and one server; what is owed is not decided here."""

from __future__ import annotations

import hashlib
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.errors import (
    CorruptBlobError,
    FormatError,
    NotFoundError,
    RemoteRefusedError,
    RemoteUnavailableError,
    StorageError,
)
from sila_daemon.mirror.transfers import DOWN, UP
from sila_daemon.store.blobs import STATIC, BlobName, LocalBlob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sila_daemon.mirror.away_files import AwayFiles
    from sila_daemon.mirror.connector import Response
    from sila_daemon.mirror.local_blobs import LocalBlobs
    from sila_daemon.mirror.partial_files import PartialFiles
    from sila_daemon.mirror.remote_api import RemoteApi
    from sila_daemon.mirror.transfers import Transfers
    from sila_daemon.store.uploads import Uploads

RESUMABLE_BYTES_MIN = 8 << 20
"""Smaller files begin anew: two more requests and a place of their own cost more than that."""

_PART = re.compile(r"bytes (\d{1,18})-\d{1,18}/(\d{1,18})")
_LENGTH_DIGITS_MAX = 18
"""No file is longer, and a database takes no more."""

_PARTIAL_CONTENT = 206
_NO_SUCH_PART = "http_416"


@dataclass(frozen=True, slots=True)
class Sent:
    """What a server has now, and the revision of a mutable file.

    That may be another content than was to be sent: somebody changed the file meanwhile.
    """

    local: LocalBlob
    revision: str | None


@dataclass(frozen=True, slots=True)
class Brought:
    """A file that came, and the revision of a mutable one."""

    local: LocalBlob
    revision: str | None


class FileTransport:
    """Sends and brings single files; large ones go on where they broke off, after a restart too."""

    def __init__(
        self,
        layer: str,
        api: RemoteApi,
        local: LocalBlobs,
        away: AwayFiles,
        transfers: Transfers,
        parts: PartialFiles,
        uploads: Uploads,
    ) -> None:
        self._layer = layer
        self._api = api
        self._local = local
        self._away = away
        self._transfers = transfers
        self._parts = parts
        self._uploads = uploads

    async def send(self, local: LocalBlob, revision: str | None) -> Sent:
        """Uploads a file as it is by now; returns what went.

        `revision` is that of the content it replaces. Raises CorruptBlobError when the bytes are
        not what their name says, NotFoundError when they are not here, RemoteRefusedError with
        code `changed` when the server has another content by now.
        """
        is_large = local.blob.kind == STATIC and local.size >= RESUMABLE_BYTES_MIN
        if is_large and await self._send_large(local):
            return Sent(local, None)
        with self._transfers.of(local.blob, UP, self._layer, local.size) as transfer:
            chunks = transfer.counted(self._local.read(local.blob, is_sent=True))
            if local.blob.kind == STATIC:
                return Sent(local, await self._api.put(local, chunks, revision))
            read = _Hashed(chunks)
            made = await self._api.put(local, read.chunks(), revision)
            return Sent(LocalBlob(local.blob, read.size, read.sha256), made)

    async def _send_large(self, local: LocalBlob) -> bool:
        """Goes on with an upload, or begins one; False when the server knows no such thing."""
        upload = await self._uploads.find(self._layer, local.blob)
        offset: int | None = 0
        if upload is not None:
            try:
                offset = await self._api.upload_offset(upload)
            except NotFoundError:
                upload = None  # It waited for too long.
        if upload is None:
            try:
                upload = await self._api.begin_upload(local)
            except (FormatError, CorruptBlobError):
                return False
            if upload is not None:
                await self._uploads.note(self._layer, local.blob, upload)
        if upload is not None and offset is not None:
            await self._send_rest(local, upload, offset)
        await self._uploads.forget(self._layer, local.blob)
        return True

    async def _send_rest(self, local: LocalBlob, upload: str, offset: int) -> None:
        with self._transfers.of(local.blob, UP, self._layer, local.size) as transfer:
            transfer.begin_at(offset)
            chunks = transfer.counted(self._local.read(local.blob, offset))
            try:
                await self._api.end_upload(upload, offset, chunks)
            except CorruptBlobError as error:
                await self._uploads.forget(self._layer, local.blob)
                if offset:
                    # What came before may be torn there; sent whole it shows if it is so here.
                    raise RemoteUnavailableError("the upload begins anew") from error
                raise
            except NotFoundError as error:
                if error.code != "upload_missing":
                    raise
                raise RemoteUnavailableError("the server gave the upload up") from error
            except RemoteRefusedError as error:
                if error.code != "offset_mismatch":
                    raise
                raise RemoteUnavailableError("the upload goes on elsewhere") from error

    async def bring(self, blob: BlobName, replaced: LocalBlob | None = None) -> Brought | None:
        """Downloads a file, over the content `replaced` of a mutable one.

        Returns None for one that the fetch policy leaves where it is. Raises NotFoundError when
        the server lacks it, CorruptBlobError for wrong bytes, ProtectionError when another content
        is here by then, RemoteError, StorageError.
        """
        offset = await self._parts.size(blob.name) if blob.kind == STATIC else 0
        if offset:
            try:
                return await self._bring_rest(blob, offset)
            except CorruptBlobError:
                await self._parts.drop(blob.name)  # A crash tore it, it may be: once more, whole.
        async with self._api.get(blob) as response:
            size = _length(response)
            if size is not None and await self._away.declines(blob, size):
                return None
            revision = response.headers.get("ETag", "").strip('"')
            with self._transfers.of(blob, DOWN, self._layer, size) as transfer:
                chunks = transfer.counted(response.chunks())
                if blob.kind == STATIC and (size or 0) >= RESUMABLE_BYTES_MIN:
                    await self._parts.take(blob.name, chunks, 0)
                    return await self._whole(blob)
                local = await self._local.receive(blob, chunks, self._layer, replaced=replaced)
        return Brought(local, revision if blob.kind != STATIC else None)

    async def _bring_rest(self, blob: BlobName, offset: int) -> Brought | None:
        """Goes on with a download where it broke off, if the server can; else from the start."""
        try:
            async with self._api.get(blob, offset) as response:
                found = _PART.fullmatch(response.headers.get("Content-Range", ""))
                goes_on = response.status == _PARTIAL_CONTENT and found is not None
                start = offset if found is not None and goes_on else 0
                if found is not None and goes_on and int(found[1]) != offset:
                    raise CorruptBlobError("the server sends another part of the file")
                size = int(found[2]) if found is not None and goes_on else _length(response)
                with self._transfers.of(blob, DOWN, self._layer, size) as transfer:
                    transfer.begin_at(start)
                    await self._parts.take(blob.name, transfer.counted(response.chunks()), start)
        except RemoteRefusedError as error:
            if error.code != _NO_SUCH_PART:
                raise
            # There is no more of it.
        return await self._whole(blob)

    async def _whole(self, blob: BlobName) -> Brought:
        """Makes a file of what came. Raises CorruptBlobError when that is not what it should be."""
        name, parts = blob.name, self._parts
        try:
            local = await self._local.adopt(
                blob, parts.path(name), self._layer, is_sound=parts.is_sound(name)
            )
        except CorruptBlobError:  # It is a StorageError too, and not one of this disk.
            await parts.drop(name)
            raise
        except StorageError:
            parts.doubt(name)
            raise
        await parts.drop(name)
        return Brought(local, None)


class _Hashed:
    """Passes chunks on, and knows afterwards what they were."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._hash = hashlib.sha256()
        self.size = 0

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yields what comes."""
        async for chunk in self._chunks:
            self._hash.update(chunk)
            self.size += len(chunk)
            yield chunk

    @property
    def sha256(self) -> str:
        """The hash of what has come."""
        return self._hash.hexdigest()


def _length(response: Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and len(text) <= _LENGTH_DIGITS_MAX else None
