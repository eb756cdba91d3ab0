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
    ProtectionError,
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

    async def send(self, local: LocalBlob, revision: str | None) -> str | None:
        """Uploads a file; returns the revision of a mutable one.

        `revision` is that of the content it replaces. Raises CorruptBlobError when the bytes are
        not what their name says, NotFoundError when they are not here, RemoteRefusedError with
        code `changed` when the server has another content by now, ProtectionError when this side
        has: what goes is what was found and made durable, and nothing else.
        """
        is_large = local.blob.kind == STATIC and local.size >= RESUMABLE_BYTES_MIN
        if is_large and await self._send_large(local):
            return None
        with self._transfers.of(local.blob, UP, self._layer, local.size) as transfer:
            chunks = transfer.counted(self._local.read(local.blob))
            if local.blob.kind == STATIC:
                return await self._api.put(local, chunks, revision)
            unchanged = _Unchanged(chunks, local)
            try:
                return await self._api.put(local, unchanged.chunks(), revision)
            except RemoteUnavailableError:
                if unchanged.is_other:
                    message = f"the file {local.blob.name} was changed while it was sent"
                    raise ProtectionError(message, code="changed") from None
                raise

    async def look_at(self, blob: BlobName) -> LocalBlob | None:
        """Returns what a mutable file is by now, noted and durable. Raises StorageError."""
        return await self._local.look_at(blob)

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


class _Unchanged:
    """Passes on a content, and never the last of one that is another by now."""

    def __init__(self, chunks: AsyncIterator[bytes], local: LocalBlob) -> None:
        self._chunks = chunks
        self._local = local
        self.is_other = False

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yields what comes. Raises RemoteUnavailableError, which breaks the upload off."""
        found, last = hashlib.sha256(), b""
        async for chunk in self._chunks:
            if last:
                yield last
            found.update(chunk)
            last = chunk
        if found.hexdigest() != self._local.sha256:
            self.is_other = True
            raise RemoteUnavailableError("the upload is broken off: its file was changed")
        if last:
            yield last


def _length(response: Response) -> int | None:
    text = response.headers.get("Content-Length", "")
    return int(text) if text.isdecimal() and len(text) <= _LENGTH_DIGITS_MAX else None
