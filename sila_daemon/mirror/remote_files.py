"""Keeps blobs and secrets here and on one server equal, beside the exchange of ops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_daemon.core.errors import (
    CorruptBlobError,
    FormatError,
    NotFoundError,
    RemoteRefusedError,
    SilaError,
)
from sila_daemon.mirror.error_groups import apart
from sila_daemon.mirror.side_by_side import SideBySide
from sila_daemon.mirror.wakes import News
from sila_daemon.store.blobs import STATIC, Agreement, BlobName, Blobs, LocalBlob

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from sila_daemon.mirror.back_off import BackOff
    from sila_daemon.mirror.carried_files import CarriedFiles
    from sila_daemon.mirror.file_choices import OvertakenFiles
    from sila_daemon.mirror.file_downloads import FileDownloads
    from sila_daemon.mirror.file_transport import FileTransport
    from sila_daemon.mirror.pack_transport import PackTransport
    from sila_daemon.mirror.remote_api import RemoteApi
    from sila_daemon.mirror.remote_secrets import RemoteSecrets
    from sila_daemon.mirror.remote_status import RemoteStatus
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.clock import Clock

PAGE_BLOBS = 500
ASK_AGAIN_S = 600.0
"""What was found nowhere is asked for again this often, events apart."""

_BOTH = frozenset({News.BLOBS, News.SECRETS})


class RemoteFiles:
    """The blobs and secrets of one space on one server."""

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
        secrets: RemoteSecrets | None,
        status: RemoteStatus,
        wakes: Wakes,
        clock: Clock,
        back_off: BackOff,
    ) -> None:
        """`secrets` is None where secrets are not to go to this server."""
        self._layer = layer
        self._api = api
        self._single = single
        self._packs = packs
        self.downloads = downloads
        self._blobs = blobs
        self._overtaken = overtaken
        self._carried = carried
        self._secrets = secrets
        self._status = status
        self._wakes = wakes
        self._clock = clock
        self._back_off = back_off
        self._wake = asyncio.Event()
        self._uploads = SideBySide(self._find_lacking, self._upload_some, clock)
        self._passed_over: set[BlobName] = set()
        """What is not to be sent, or not again, in this round."""
        self._waits: dict[BlobName, float] = {}
        """In how many seconds contents may be sent that others still carry."""
        self._counting = asyncio.Lock()
        """Or a count that was made earlier could be told later, and stay."""
        self._due: set[News] = set()
        """What is to be compared: each of the two by itself, since either takes requests."""
        self._put_off: dict[LocalBlob, None] = {}
        """Contents that the server does not take, and that could not give way to its own."""
        self._problems: dict[LocalBlob, str] = {}
        """What cannot be sent as it is, and why; with the next connection it is tried again."""

    def rung(self, news: News) -> None:
        """Takes note that blobs or secrets may have changed, here or there."""
        if news in (News.BLOBS, News.SECRETS):
            if news is News.BLOBS or self._secrets is not None:
                self._status.are_files_equal = False
            self._due.add(news)
            self._wake.set()
        if news is News.BLOBS:
            self._uploads.rung()
            self.downloads.rung()

    def secrets_changed(self, etag: str) -> None:
        """Takes note of the tag of the server's secrets; its own write is no news."""
        if self._secrets is not None and self._secrets.told(etag):
            self.rung(News.SECRETS)

    async def run(self) -> None:
        """Compares and transfers until cancelled; a failure is waited out."""
        self._forget_secrets()
        self._problems.clear()
        self.downloads.problems.clear()
        self._packs.expect_packs()
        self._put_off.clear()
        self._due |= _BOTH
        while True:
            self._wake.clear()
            due, self._due = self._due, set()
            pause_s = ASK_AGAIN_S
            try:
                waits = await self._sync(due)
            except SilaError as error:
                self._due |= due
                self._status.files_reason = error.message
                pause_s = self._back_off.next_s()
            else:
                self._back_off.reset()
                problems = [*self._problems.values(), *self.downloads.problems.values()]
                self._status.files_reason = next(iter(problems), "")
                is_done = not waits and not self._wake.is_set()
                self._status.are_files_equal = is_done and not problems
                self._due.update(waits)
                pause_s = min(waits.values(), default=ASK_AGAIN_S)
            await self.count_debt()
            self._wakes.ring(News.STATE)
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                if not self._due:
                    self._forget_secrets()
                    self._due = set(_BOTH)

    def _forget_secrets(self) -> None:
        if self._secrets is not None:
            self._secrets.forget()

    async def count_debt(self) -> None:
        """Counts what the server is not known to hold."""
        async with self._counting:
            pending = await self._blobs.debt(self._layer)
            self._status.pending_files, self._status.pending_bytes = pending

    async def _sync(self, due: set[News]) -> dict[News, float]:
        """Returns what is to be done again, and after how many seconds.

        Raises the first SilaError, once everything has had its turn.
        """
        failures: list[SilaError] = []
        waits: dict[News, float] = {}

        async def turn(news: News, steps: Iterable[Callable[[], Awaitable[float | None]]]) -> None:
            for step in steps:
                try:
                    wait_s = await step()
                except SilaError as error:
                    failures.append(error)
                else:
                    if wait_s is not None:
                        waits[news] = min(wait_s, waits.get(news, wait_s))

        async def side_by_side() -> None:
            async with asyncio.TaskGroup() as group:
                if self._secrets is not None and News.SECRETS in due:
                    group.create_task(turn(News.SECRETS, [self._secrets.sync]))
                if News.BLOBS in due:
                    steps = [self._upload, self._download, self._follow_changes]
                    group.create_task(turn(News.BLOBS, steps))

        await apart(side_by_side())
        if failures:
            raise failures[0]
        return waits

    async def _upload(self) -> float | None:
        """Sends what the server lacks; returns in how many seconds what waits may be sent."""
        self._waits.clear()
        passed_over_before = [*self._problems, *self._put_off]
        here = await self._blobs.here() if passed_over_before else {}
        for local in passed_over_before:
            if here.get(local.blob) != local:  # It is another one by now, or gone.
                self._problems.pop(local, None)
                self._put_off.pop(local, None)
        self._passed_over = {local.blob for local in (*self._problems, *self._put_off)}
        try:
            is_more = await self._uploads.run()
        finally:
            self._passed_over.clear()
        return 0.0 if is_more else min(self._waits.values(), default=None)

    async def _download(self) -> float | None:
        """Brings what is lacking here; returns 0 when it is to be gone on with."""
        return 0.0 if await self.downloads.bring_all() else None

    async def _find_lacking(self) -> list[list[LocalBlob]]:
        """Returns what is to be sent next and travels together; settles what is there already."""
        found: list[list[LocalBlob]] = []
        while not found and (page := await self._owed_page()):
            missing = await self._api.missing(page)
            await self._settle_all([local for local in page if local.blob not in missing])
            self._passed_over |= missing
            lacking = [local for local in page if local.blob in missing]
            found = self._together([local for local in lacking if not self._has_to_wait(local)])
            await self.count_debt()
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

    async def _settle(self, local: LocalBlob) -> None:
        """Ends the debt of a mutable blob that the server has already."""
        async with self._api.get(local.blob) as response:
            # The next change is sent as the successor of this revision, if it is this one.
            if response.headers.get("X-Sha256") == local.sha256:
                revision = response.headers.get("ETag", "").strip('"')
                await self._blobs.settle(self._layer, local, revision=revision)

    async def _upload_some(self, files: list[LocalBlob]) -> None:
        if len(files) > 1:
            stored = await self._packs.send_small(files)
            await self._blobs.settle_static(self._layer, stored)
            await self.count_debt()
            files = [local for local in files if local not in stored]
        for local in files:
            await self._upload_one(local)

    async def _upload_one(self, local: LocalBlob, *, is_again: bool = False) -> None:
        agreed: Agreement | None = None
        if local.blob.kind != STATIC:
            agreed = await self._blobs.agreement(self._layer, local.blob)
        revision = agreed.revision if agreed else None
        try:
            put = await self._single.send(local, revision)
        except CorruptBlobError:
            self._problems[local] = f"the file {local.blob.name} is damaged here"
        except NotFoundError as error:
            if error.code != "blob_missing":
                raise RemoteRefusedError(error.message, code=error.code) from error
            # It vanished: the next scan takes note of that.
        except RemoteRefusedError as error:
            if error.code != "changed":
                raise
            is_changed = agreed is None or agreed.sha256 != local.sha256
            if is_changed and not is_again and await self._lags_behind(local.blob):
                await self._upload_one(local, is_again=True)
            else:
                await self._give_way(local, agreed)
        else:
            await self._blobs.settle(self._layer, local, revision=put)

    async def _lags_behind(self, blob: BlobName) -> bool:
        """Tells whether the server has a content that was here before; its revision is known then.

        An answer of it was lost, or what came later reached this device over another server.
        """
        try:
            async with self._api.get(blob) as response:
                sha256, tag = response.headers.get("X-Sha256"), response.headers.get("ETag")
        except NotFoundError:
            return False
        if sha256 is None or tag is None:
            return False  # It does not say.
        there = Agreement(sha256, tag.strip('"'))
        return await self._blobs.take_for_agreed(self._layer, blob, there)

    async def _give_way(self, local: LocalBlob, agreed: Agreement | None) -> None:
        """Takes the newer content of a mutable blob that somebody else changed."""
        is_given = False
        if not await self._is_changed_here(local, agreed):
            is_given = await self.downloads.bring(local.blob, replaced=local)
        elif await self._overtaken.put_beside(local, self._layer):
            # It lost there: the newer one takes its place, and a person chooses.
            is_given = await self.downloads.bring(local.blob, replaced=local)
            if not is_given:
                await self._overtaken.withdraw(local)
        if not is_given:
            self._put_off[local] = None

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

    async def _follow_changes(self) -> None:
        """Takes the newer content of mutable blobs that changed there and not here."""
        here = list((await self._blobs.var_here()).values())
        for start in range(0, len(here), PAGE_BLOBS):
            page = here[start : start + PAGE_BLOBS]
            differing = await self._api.missing(page)
            for local in page:
                agreed = await self._blobs.agreement(self._layer, local.blob)
                if local.blob in differing and agreed is not None and agreed.sha256 == local.sha256:
                    await self.downloads.bring(local.blob, replaced=local)
