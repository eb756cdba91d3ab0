"""How small immutable files travel: many in one request, each checked at both ends by itself."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import (
    CorruptBlobError,
    FormatError,
    NotFoundError,
    RemoteRefusedError,
    RemoteUnavailableError,
)
from sila_daemon.mirror.file_packs import (
    SMALL_BYTES_MAX,
    PackReader,
    grouped,
    header_line,
    packed,
)
from sila_daemon.mirror.transfers import DOWN, UP
from sila_daemon.store.blobs import STATIC, BlobName, LocalBlob

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from sila_daemon.mirror.away_files import AwayFiles
    from sila_daemon.mirror.local_blobs import LocalBlobs
    from sila_daemon.mirror.remote_api import RemoteApi
    from sila_daemon.mirror.transfers import Transfer, Transfers

READ_BYTES = 1 << 20
"""So much is read at once."""

GROUP_BYTES = 4 << 20
"""So much of a pack is made durable together: less costs a commit and a count more each time."""


class PackTransport:
    """Sends and brings small files of one space to and from one server."""

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
        self._knows_packs = True

    def expect_packs(self) -> None:
        """Supposes that the server has the routes; an older one is found out once a connection."""
        self._knows_packs = True

    def packs(
        self, blobs: Sequence[BlobName], sizes: Mapping[BlobName, int]
    ) -> list[list[BlobName]]:
        """Returns what travels together; whoever is alone, or not named, travels by itself."""
        if not self._knows_packs:
            return []
        small = [
            (blob, sizes[blob])
            for blob in blobs
            if blob.kind == STATIC and sizes.get(blob, SMALL_BYTES_MAX + 1) <= SMALL_BYTES_MAX
        ]
        return [pack for pack in packed(small) if len(pack) > 1]

    async def send_small(self, files: Sequence[LocalBlob]) -> list[LocalBlob]:
        """Uploads small immutable files together; returns those that the server stored.

        The others are to be sent by themselves, which tells why. Raises RemoteError.
        """
        under_way: dict[BlobName, Transfer] = {}
        stored: set[BlobName] = set()
        try:
            stored = await self._api.put_pack(self._packed(files, under_way))
        except NotFoundError:
            self._knows_packs = False
        except (RemoteRefusedError, CorruptBlobError, FormatError):
            pass  # Which file it is about, and why, is told of single ones.
        finally:
            for blob, transfer in under_way.items():
                self._transfers.end(transfer, has_arrived=blob in stored)
        return [local for local in files if local.blob in stored and local.blob in under_way]

    async def _packed(
        self, files: Sequence[LocalBlob], under_way: dict[BlobName, Transfer]
    ) -> AsyncIterator[bytes]:
        """Yields a pack of those files whose bytes are here and are right."""
        for some in grouped(files, READ_BYTES):
            names = [local.blob.name for local in some]
            for name, data in (await self._local.read_small(names, SMALL_BYTES_MAX)).items():
                blob = BlobName(STATIC, name)
                transfer = self._transfers.begin(blob, UP, self._layer, len(data))
                under_way[blob] = transfer
                yield header_line(blob, len(data)) + data
                transfer.advance(len(data))

    async def bring_small(self, blobs: Sequence[BlobName]) -> list[LocalBlob]:
        """Downloads small immutable files together; returns those that came and are kept.

        The others are to be brought by themselves, which tells why. Raises RemoteError,
        FormatError, StorageError.
        """
        kept: list[LocalBlob] = []
        try:
            async with self._api.get_pack(blobs) as response:
                await self._unpack(PackReader(response.chunks()), set(blobs), kept)
        except NotFoundError:
            self._knows_packs = False
        except (RemoteRefusedError, FormatError):
            pass
        except RemoteUnavailableError:
            if not kept:
                raise
        return kept

    async def _unpack(
        self, reader: PackReader, asked: set[BlobName], kept: list[LocalBlob]
    ) -> None:
        """Keeps the files of a pack in groups: what came before it is cut off is not lost."""
        group: list[tuple[BlobName, bytes]] = []
        under_way: dict[BlobName, Transfer] = {}
        size_of_group = 0
        try:
            async for blob, size in reader.files():
                if blob not in asked:
                    raise FormatError("the server sends a file that was not asked for")
                asked.discard(blob)
                is_declined = await self._away.declines(blob, size)
                transfer = self._transfers.begin(blob, DOWN, self._layer, size)
                under_way[blob] = transfer
                data = await reader.data(size)
                if is_declined:
                    continue
                transfer.advance(size)
                group.append((blob, data))
                size_of_group += size
                if size_of_group >= GROUP_BYTES:
                    kept += await self._keep(group, under_way)
                    size_of_group = 0
            kept += await self._keep(group, under_way)
        except RemoteUnavailableError:
            kept += await self._keep(group, under_way)
            raise
        finally:
            for transfer in under_way.values():
                self._transfers.end(transfer, has_arrived=False)

    async def _keep(
        self, group: list[tuple[BlobName, bytes]], under_way: dict[BlobName, Transfer]
    ) -> list[LocalBlob]:
        """Makes a group durable, and empties it."""
        files = list(group)
        group.clear()
        kept = await self._local.receive_small(files, self._layer) if files else []
        for local in kept:
            self._transfers.end(under_way.pop(local.blob), has_arrived=True)
        return kept
