"""How files travel between this machine and one server; what is owed is not decided here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.mirror.transfers import DOWN, UP
from sila_daemon.store.blobs import STATIC, BlobName, LocalBlob

if TYPE_CHECKING:
    from sila_daemon.mirror.away_files import AwayFiles
    from sila_daemon.mirror.local_blobs import LocalBlobs
    from sila_daemon.mirror.remote_api import RemoteApi
    from sila_daemon.mirror.transfers import Transfers


@dataclass(frozen=True, slots=True)
class Brought:
    """A file that came, and the revision of a mutable one."""

    local: LocalBlob
    revision: str | None


class FileTransport:
    """Sends and brings single files, and tells of their progress."""

    def __init__(
        self,
        layer: str,
        api: RemoteApi,
        local: LocalBlobs,
        away: AwayFiles,
        transfers: Transfers,
    ) -> None:
        self._layer = layer
        self._api = api
        self._local = local
        self._away = away
        self._transfers = transfers

    async def send(self, local: LocalBlob, revision: str | None) -> str | None:
        """Uploads a file; returns the revision of a mutable one.

        `revision` is that of the content it replaces. Raises CorruptBlobError when the bytes are
        not what their name says, NotFoundError when they are not here, RemoteRefusedError with
        code `changed` when the server has another content by now.
        """
        with self._transfers.of(local.blob, UP, self._layer, local.size) as transfer:
            chunks = transfer.counted(self._local.read(local.blob))
            return await self._api.put(local, chunks, revision)

    async def bring(self, blob: BlobName, replaced: LocalBlob | None = None) -> Brought | None:
        """Downloads a file, over the content `replaced` of a mutable one.

        Returns None for one that the fetch policy leaves where it is. Raises NotFoundError when
        the server lacks it, CorruptBlobError for wrong bytes, ProtectionError when another content
        is here by then, RemoteError, StorageError.
        """
        async with self._api.get(blob) as response:
            text = response.headers.get("Content-Length", "")
            size = int(text) if text.isdecimal() else None
            if size is not None and await self._away.declines(blob, size):
                return None
            revision = response.headers.get("ETag", "").strip('"')
            with self._transfers.of(blob, DOWN, self._layer, size) as transfer:
                local = await self._local.receive(
                    blob, transfer.counted(response.chunks()), self._layer, replaced=replaced
                )
        return Brought(local, revision if blob.kind != STATIC else None)
