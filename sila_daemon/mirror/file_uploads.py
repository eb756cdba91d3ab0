"""The files that are here and that a server lacks: what it is owed, and having it sent."""

from __future__ import annotations

from contextlib import suppress
from functools import partial
from typing import TYPE_CHECKING

from sila_daemon.core.errors import (
    CorruptBlobError,
    FormatError,
    NotFoundError,
    RemoteRefusedError,
)
from sila_daemon.mirror.side_by_side import SideBySide
from sila_daemon.store.blobs import STATIC, Agreement, BlobName, Blobs, LocalBlob

if TYPE_CHECKING:
    from sila_daemon.mirror.carried_files import CarriedFiles
    from sila_daemon.mirror.debt_count import FileDebtCount
    from sila_daemon.mirror.file_choices import OvertakenFiles
    from sila_daemon.mirror.file_downloads import FileDownloads
    from sila_daemon.mirror.file_transport import FileTransport
    from sila_daemon.mirror.pack_transport import PackTransport
    from sila_daemon.mirror.remote_api import RemoteApi
    from sila_daemon.ports.clock import Clock

PAGE_BLOBS = 500


class FileUploads:
    """Sends files to one server; a mutable one that lost there gives way to the server's."""

    def __init__(
        self,
        layer: str,
        api: RemoteApi,
        single: FileTransport,
        packs: PackTransport,
        downloads: FileDownloads,
        blobs: Blobs,
        overtaken: OvertakenFiles,
        carried: CarriedFiles,
        debt: FileDebtCount,
        clock: Clock,
    ) -> None:
        self._layer = layer
        self._api = api
        self._single = single
        self._packs = packs
        self._downloads = downloads
        self._blobs = blobs
        self._overtaken = overtaken
        self._carried = carried
        self._debt = debt
        self._transfers = SideBySide(self._find, self._upload_some, clock)
        self._passed_over: set[BlobName] = set()
        """What is not to be sent, or not again, in this round."""
        self._waits: dict[BlobName, float] = {}
        """In how many seconds contents may be sent that others still carry."""
        self._put_off: dict[LocalBlob, None] = {}
        """Contents that the server does not take, and that could not give way to its own."""
        self.problems: dict[LocalBlob, str] = {}
        """What cannot be sent as it is, and why; tried again with the next full comparison."""

    def begin_anew(self) -> None:
        """Has everything that is owed tried again."""
        self.problems.clear()
        self._put_off.clear()
        self._packs.expect_packs()

    def rung(self) -> None:
        """Takes note that there may be more to send."""
        self._transfers.rung()

    async def send_all(self) -> float | None:
        """Sends what the server lacks; returns in how many seconds what waits may be sent."""
        self._waits.clear()
        passed_over_before = [*self.problems, *self._put_off]
        here = await self._blobs.here() if passed_over_before else {}
        for local in passed_over_before:
            if here.get(local.blob) != local:  # It is another one by now, or gone.
                self.problems.pop(local, None)
                self._put_off.pop(local, None)
        self._passed_over = {local.blob for local in (*self.problems, *self._put_off)}
        try:
            is_more = await self._transfers.run()
        finally:
            self._passed_over.clear()
        return 0.0 if is_more else min(self._waits.values(), default=None)

    async def _find(self) -> list[list[LocalBlob]]:
        """Returns what is to be sent next and travels together; settles what is there already."""
        found: list[list[LocalBlob]] = []
        while not found and (page := await self._owed_page()):
            missing = await self._api.missing(page)
            await self._settle_all([local for local in page if local.blob not in missing])
            self._passed_over |= missing
            lacking = [local for local in page if local.blob in missing]
            found = self._together([local for local in lacking if not self._has_to_wait(local)])
            await self._debt.count()
        return found

    async def _owed_page(self) -> list[LocalBlob]:
        passed_over = self._passed_over
        owed = await self._blobs.owed(self._layer, PAGE_BLOBS + len(passed_over))
        return [local for local in owed if local.blob not in passed_over][:PAGE_BLOBS]

    def _has_to_wait(self, local: LocalBlob) -> bool:
        wait_s = self._carried.wait_s(local)
        if wait_s:
            self._waits[local.blob] = wait_s
        return bool(wait_s)

    def _together(self, files: list[LocalBlob]) -> list[list[LocalBlob]]:
        """Puts small files into packs; the others travel by themselves."""
        by_name = {local.blob: local for local in files}
        packs = self._packs.packs(list(by_name), {one.blob: one.size for one in files})
        together = {blob for pack in packs for blob in pack}
        alone = [[local] for blob, local in by_name.items() if blob not in together]
        return [*([by_name[blob] for blob in pack] for pack in packs), *alone]

    async def _settle_all(self, files: list[LocalBlob]) -> None:
        """Ends the debts of blobs that the server has already."""
        static = [local for local in files if local.blob.kind == STATIC]
        if static:
            await self._blobs.settle_static(self._layer, static)
        for local in files:
            if local.blob.kind != STATIC:
                await self._settle(local)

    async def _settle(self, local: LocalBlob) -> bool:
        """Ends the debt of a mutable blob if the server has it already; tells whether it has."""
        async with self._api.get(local.blob) as response:
            # The next change is sent as the successor of this revision, if it is this one.
            if response.headers.get("X-Sha256") != local.sha256:
                return False
            revision = response.headers.get("ETag", "").strip('"')
        await self._blobs.settle(self._layer, local, revision=revision)
        return True

    async def _upload_some(self, files: list[LocalBlob]) -> None:
        if len(files) > 1:
            stored = await self._packs.send_small(files)
            await self._blobs.settle_static(self._layer, stored)
            await self._debt.count()
            files = [local for local in files if local not in stored]
        for local in files:
            await self._upload_one(local)

    async def _upload_one(self, local: LocalBlob, *, is_again: bool = False) -> None:
        agreed: Agreement | None = None
        if local.blob.kind != STATIC:
            agreed = await self._blobs.agreement(self._layer, local.blob)
        revision = agreed.revision if agreed else None
        try:
            sent = await self._single.send(local, revision)
        except CorruptBlobError:
            self.problems[local] = f"the file {local.blob.name} is damaged here"
        except NotFoundError as error:
            if error.code != "blob_missing":
                raise RemoteRefusedError(error.message, code=error.code) from error
            # It vanished: the next scan takes note of that.
        except RemoteRefusedError as error:
            if error.code != "changed":
                raise
            if await self._has_come_otherwise(local):
                return
            if not is_again and await self._lags_behind(local, agreed):
                await self._upload_one(local, is_again=True)
            else:
                await self._give_way(local, agreed)
        else:
            await self._blobs.settle(self._layer, sent.local, revision=sent.revision)

    async def _has_come_otherwise(self, local: LocalBlob) -> bool:
        """Ends the debt of a content that another device on this folder sent a moment before."""
        with suppress(NotFoundError):
            return await self._settle(local)
        return False

    async def _lags_behind(self, local: LocalBlob, agreed: Agreement | None) -> bool:
        """Tells whether the server has a content that was here before, or lost what it had.

        An answer of it was lost, or what came later reached this device over another server; or
        it was put back to a time before the file. What it has is noted for the next attempt.
        """
        try:
            async with self._api.get(local.blob) as response:
                sha256, tag = response.headers.get("X-Sha256"), response.headers.get("ETag")
        except NotFoundError:
            await self._blobs.forget_agreement(self._layer, local.blob)
            return agreed is not None
        if sha256 is None or tag is None:
            return False  # It does not say.
        if agreed is not None and agreed.sha256 == local.sha256:
            return False  # It was changed there alone.
        there = Agreement(sha256, tag.strip('"'))
        return await self._blobs.take_for_agreed(self._layer, local.blob, there)

    async def _give_way(self, local: LocalBlob, agreed: Agreement | None) -> None:
        """Takes the newer content of a mutable blob that somebody else changed."""
        bring = partial(self._downloads.bring, local.blob, replaced=local)
        if await self._is_changed_here(local, agreed):
            # It lost there: the newer one takes its place, and a person chooses.
            is_given = await self._overtaken.give_way(local, self._layer, bring)
        else:
            is_given = await bring()
        if not is_given and (await self._blobs.var_here()).get(local.blob) == local:
            self._put_off[local] = None  # Else it was replaced, and may come back as it was.

    async def _is_changed_here(self, local: LocalBlob, agreed: Agreement | None) -> bool:
        """Tells whether a mutable blob is another one than the server gave out some time.

        A store that was lost, or put back, does not know what it had in common with a server; the
        server's own revisions tell then.
        """
        if agreed is not None:
            return agreed.sha256 != local.sha256
        try:
            return not await self._api.has_replaced(local)
        except (FormatError, NotFoundError, RemoteRefusedError):
            return True  # It does not say.

    async def follow_changes(self) -> None:
        """Takes the newer content of mutable blobs that changed there and not here."""
        here = list((await self._blobs.var_here()).values())
        for start in range(0, len(here), PAGE_BLOBS):
            page = here[start : start + PAGE_BLOBS]
            differing = await self._api.missing(page)
            for local in page:
                agreed = await self._blobs.agreement(self._layer, local.blob)
                if local.blob in differing and agreed is not None and agreed.sha256 == local.sha256:
                    await self._downloads.bring(local.blob, replaced=local)
