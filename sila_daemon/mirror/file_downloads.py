"""The files that a server has and that are to come here: what is lacking, and having it brought."""

from __future__ import annotations

from contextlib import AsyncExitStack
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import CorruptBlobError, NotFoundError, ProtectionError
from sila_daemon.mirror.side_by_side import SideBySide
from sila_daemon.store.blobs import STATIC, BlobName, Blobs, LocalBlob

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sila_daemon.mirror.away_files import AwayFiles
    from sila_daemon.mirror.carried_files import CarriedFiles
    from sila_daemon.mirror.file_transport import FileTransport
    from sila_daemon.mirror.local_blobs import LocalBlobs
    from sila_daemon.mirror.pack_transport import PackTransport
    from sila_daemon.mirror.remote_api import RemoteApi
    from sila_daemon.mirror.remote_status import RemoteStatus
    from sila_daemon.mirror.turns import Turns
    from sila_daemon.ports.clock import Clock

ASKED_BLOBS = 5000
"""So many names make a question of a third of a megabyte."""

TOLD_MAX = 10_000
"""Of what a server tells of beyond this, it is asked."""

LOOK_S = 0.5
"""A round looks through all that is lacking this often at most: each file that came rings."""

_NO_CONTENT = "0" * 64
"""Stands for the content of a file that is not here."""


class FileDownloads:
    """Brings files of one server. In its turn a file comes once, however many servers have it."""

    def __init__(
        self,
        layer: str,
        api: RemoteApi,
        local: LocalBlobs,
        blobs: Blobs,
        away: AwayFiles,
        turns: Turns,
        carried: CarriedFiles,
        single: FileTransport,
        packs: PackTransport,
        status: RemoteStatus,
        clock: Clock,
    ) -> None:
        self._layer = layer
        self._api = api
        self._local = local
        self._blobs = blobs
        self._away = away
        self._turns = turns
        self._carried = carried
        self._single = single
        self._packs = packs
        self._status = status
        self._clock = clock
        self._looked_at: float | None = None
        """When all that is lacking was looked through in this round."""
        self._transfers = SideBySide(self._find, self._bring, clock)
        self._told: set[BlobName] = set()
        """What the server said to have got since somebody looked."""
        self._asked: set[BlobName] = set()
        """What it was asked about in this round."""
        self._begun: set[BlobName] = set()
        """What had its turn in this round, or will have it."""
        self._sizes: dict[BlobName, int] = {}
        self._coming: dict[BlobName, int] = {}
        """What is being brought, with its bytes as far as they are known."""
        self.problems: dict[BlobName, str] = {}
        """What cannot be had as it is there, and why."""

    def told(self, names: Sequence[str]) -> None:
        """Takes note of immutable files that came to the server: of these it need not be asked."""
        if len(self._told) < TOLD_MAX:
            self._told.update(BlobName(STATIC, name) for name in names if ids.is_hash(name))

    def rung(self) -> None:
        """Takes note that there may be more to bring."""
        self._transfers.rung()

    async def bring_all(self) -> bool:
        """Brings what is lacking and is to come, what is told of meanwhile included.

        Tells whether there may be more. Raises RemoteError, StorageError.
        """
        try:
            return await self._transfers.run()
        finally:
            self._looked_at = None
            self._asked.clear()
            self._begun.clear()
            self._sizes.clear()
            self._coming.clear()
            self._count_coming()

    async def _find(self) -> list[list[BlobName]]:
        """Returns what is to come next and travels together; what was told of goes first."""
        told, self._told = self._told, set()
        now, before = self._clock.monotonic(), self._looked_at
        if not told and before is not None and now < before + LOOK_S:
            return []  # Who rang has the next round made.
        wanted = self._local.checks.to_fetch(await self._away.to_fetch())
        lacking = [blob for blob in wanted if blob not in self._begun]
        there = [blob for blob in lacking if blob in told]
        if not there:
            self._looked_at = now
            there = await self._found_there([blob for blob in lacking if blob not in self._asked])
        self._begun.update(there)
        if any(blob not in self._sizes for blob in there):
            self._sizes = await self._away.sizes()
        there.sort(key=lambda blob: self._sizes.get(blob, 0))
        self._coming |= {blob: self._sizes.get(blob, 0) for blob in there if blob.kind == STATIC}
        self._count_coming()
        packs = self._packs.packs(there, self._sizes)
        together = {blob for pack in packs for blob in pack}
        return [*packs, *([blob] for blob in there if blob not in together)]

    async def fetch(self, blob: BlobName) -> bool:
        """Brings a file that somebody waits for; tells whether the server has it.

        Raises RemoteError, CorruptBlobError, StorageError.
        """
        if await self._bring_new(blob):
            return True
        if blob in self.problems:
            raise CorruptBlobError(self.problems[blob])
        return False

    async def bring(self, blob: BlobName, replaced: LocalBlob | None = None) -> bool:
        """Brings a file, over the content `replaced`; tells whether the server's is here now."""
        try:
            brought = await self._single.bring(blob, replaced)
        except ProtectionError:
            return False  # Changed here meanwhile: the next scan finds it, and it is sent.
        except NotFoundError:
            # It may be on its way from another device; an event tells when it is there.
            return False
        except CorruptBlobError as error:
            self.problems[blob] = f"the server's copy of {blob.name} is damaged: {error.message}"
            return False
        self.problems.pop(blob, None)
        if brought is None:
            return False
        if blob.kind != STATIC:
            self._carried.came(brought.local)
        await self._blobs.settle(self._layer, brought.local, revision=brought.revision)
        return True

    async def _found_there(self, lacking: list[BlobName]) -> list[BlobName]:
        """Returns those that the server has; of mutable ones it is not asked that way."""
        there = [blob for blob in lacking if blob.kind != STATIC]
        static = [blob for blob in lacking if blob.kind == STATIC]
        for start in range(0, len(static), ASKED_BLOBS):
            page = static[start : start + ASKED_BLOBS]
            missing = await self._api.missing([LocalBlob(blob, 0, _NO_CONTENT) for blob in page])
            there += [blob for blob in page if blob not in missing]
        self._asked.update(lacking)
        return there

    async def _bring(self, blobs: list[BlobName]) -> None:
        if len(blobs) > 1:
            blobs = await self._bring_together(blobs)
        for blob in blobs:
            await self._bring_new(blob)
            self._came([blob])

    async def _bring_together(self, blobs: list[BlobName]) -> list[BlobName]:
        """Returns those that did not come."""
        async with AsyncExitStack() as turns:
            for blob in sorted(blobs, key=lambda blob: blob.name):
                # In one order everywhere: nobody waits for whom it holds up.
                await turns.enter_async_context(self._turns.of(blob))
            lacking = await self._blobs.lacking_of(blobs)
            kept = await self._packs.bring_small(lacking) if lacking else []
            await self._blobs.settle_static(self._layer, kept)
        came = {local.blob for local in kept}
        self._came([blob for blob in blobs if blob in came or blob not in lacking])
        return [blob for blob in lacking if blob not in came]

    async def _bring_new(self, blob: BlobName) -> bool:
        """Brings a file unless it is here by now; tells whether it is."""
        async with self._turns.of(blob):
            return await self._local.has(blob) or await self.bring(blob)

    def _came(self, blobs: list[BlobName]) -> None:
        for blob in blobs:
            self._coming.pop(blob, None)
        self._count_coming()

    def _count_coming(self) -> None:
        self._status.coming_files = len(self._coming)
        self._status.coming_bytes = sum(self._coming.values())
