"""Keeps blobs and secrets here and on one server equal, beside the exchange of ops."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_daemon.core.errors import (
    CorruptBlobError,
    FormatError,
    NotFoundError,
    ProtectionError,
    RemoteRefusedError,
    SilaError,
)
from sila_daemon.mirror.error_groups import apart
from sila_daemon.mirror.wakes import News
from sila_daemon.store.blobs import STATIC, Agreement, BlobName, Blobs, LocalBlob

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from sila_daemon.mirror.away_files import AwayFiles
    from sila_daemon.mirror.back_off import BackOff
    from sila_daemon.mirror.file_choices import OvertakenFiles
    from sila_daemon.mirror.file_transport import FileTransport
    from sila_daemon.mirror.local_blobs import LocalBlobs
    from sila_daemon.mirror.remote_api import RemoteApi
    from sila_daemon.mirror.remote_secrets import RemoteSecrets
    from sila_daemon.mirror.remote_status import RemoteStatus
    from sila_daemon.mirror.turns import Turns
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.clock import Clock

PAGE_BLOBS = 500
ASKED_BLOBS = 5000
"""So many names make a question of a third of a megabyte."""
PARALLEL_TRANSFERS = 4
ASK_AGAIN_S = 600.0
"""What was found nowhere is asked for again this often, events apart."""

_BOTH = frozenset({News.BLOBS, News.SECRETS})

_NO_CONTENT = "0" * 64
"""Stands for the content of a mutable blob that is not here: no server has it."""


class RemoteFiles:
    """The blobs and secrets of one space on one server."""

    def __init__(
        self,
        layer: str,
        api: RemoteApi,
        local: LocalBlobs,
        transport: FileTransport,
        blobs: Blobs,
        overtaken: OvertakenFiles,
        away: AwayFiles,
        turns: Turns,
        secrets: RemoteSecrets | None,
        status: RemoteStatus,
        wakes: Wakes,
        clock: Clock,
        back_off: BackOff,
    ) -> None:
        """`secrets` is None where secrets are not to go to this server.

        In its turn a file is fetched once, however many servers have it.
        """
        self._layer = layer
        self._api = api
        self._local = local
        self._transport = transport
        self._blobs = blobs
        self._overtaken = overtaken
        self._away = away
        self._turns = turns
        self._secrets = secrets
        self._status = status
        self._wakes = wakes
        self._clock = clock
        self._back_off = back_off
        self._wake = asyncio.Event()
        self._due: set[News] = set()
        """What is to be compared: each of the two by itself, since either takes requests."""
        self._put_off: dict[LocalBlob, None] = {}
        """Contents that the server does not take, and that could not give way to its own."""
        self._coming: dict[BlobName, int] = {}
        """What the server has and is being fetched, with its bytes as far as they are known."""
        self._problems: dict[LocalBlob | BlobName, str] = {}
        """What cannot be sent as it is, or not be fetched, and why; with the next connection it
        is tried again."""

    def rung(self, news: News) -> None:
        """Takes note that blobs or secrets may have changed, here or there."""
        if news in (News.BLOBS, News.SECRETS):
            if news is News.BLOBS or self._secrets is not None:
                self._status.are_files_equal = False
            self._due.add(news)
            self._wake.set()

    async def run(self) -> None:
        """Compares and transfers until cancelled; a failure is waited out."""
        self._problems.clear()
        self._put_off.clear()
        self._due |= _BOTH
        while True:
            self._wake.clear()
            due, self._due = self._due, set()
            pause_s = ASK_AGAIN_S
            try:
                wait_s = await self._sync(due)
            except SilaError as error:
                self._due |= due
                self._status.files_reason = error.message
                pause_s = self._back_off.next_s()
            else:
                self._back_off.reset()
                self._status.files_reason = next(iter(self._problems.values()), "")
                is_done = wait_s is None and not self._wake.is_set()
                self._status.are_files_equal = is_done and not self._problems
                if wait_s is not None:
                    self._due.add(News.SECRETS)
                    pause_s = wait_s
            await self.count_debt()
            self._wakes.ring(News.STATE)
            try:
                async with asyncio.timeout(pause_s):
                    await self._wake.wait()
            except TimeoutError:
                self._due = self._due or set(_BOTH)

    async def count_debt(self) -> None:
        """Counts what the server is not known to hold."""
        self._status.pending_files, self._status.pending_bytes = await self._blobs.debt(self._layer)

    async def _sync(self, due: set[News]) -> float | None:
        """Returns after how many seconds it is to be done again; None when all was done."""
        wait_s = None
        if self._secrets is not None and News.SECRETS in due:
            wait_s = await self._secrets.sync()
        if News.BLOBS in due:
            await self._upload()
            await self._download()
            await self._follow_changes()
        return wait_s

    async def _upload(self) -> None:
        here = await self._blobs.here()
        for thing in list(self._problems):
            if isinstance(thing, LocalBlob) and here.get(thing.blob) != thing:
                del self._problems[thing]  # It is another one by now, or gone.
        for local in list(self._put_off):
            if here.get(local.blob) != local:
                del self._put_off[local]
        passed_over = {thing.blob for thing in self._problems if isinstance(thing, LocalBlob)}
        passed_over |= {local.blob for local in self._put_off}
        while True:
            owed = await self._blobs.owed(self._layer, PAGE_BLOBS + len(passed_over))
            page = [local for local in owed if local.blob not in passed_over][:PAGE_BLOBS]
            if not page:
                return
            missing = await self._api.missing(page)
            for local in page:
                if local.blob not in missing:
                    await self._settle(local)
            await _each([local for local in page if local.blob in missing], self._upload_one)
            passed_over |= missing
            await self.count_debt()

    async def _settle(self, local: LocalBlob) -> None:
        """Ends the debt of a blob that the server has already."""
        if local.blob.kind == STATIC:
            await self._blobs.settle(self._layer, local)
            return
        async with self._api.get(local.blob) as response:
            # The next change is sent as the successor of this revision, if it is this one.
            if response.headers.get("X-Sha256") == local.sha256:
                revision = response.headers.get("ETag", "").strip('"')
                await self._blobs.settle(self._layer, local, revision=revision)

    async def _upload_one(self, local: LocalBlob, *, is_again: bool = False) -> None:
        agreed: Agreement | None = None
        if local.blob.kind != STATIC:
            agreed = await self._blobs.agreement(self._layer, local.blob)
        revision = agreed.revision if agreed else None
        try:
            put = await self._transport.send(local, revision)
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
            is_given = await self._download_one(local.blob, replaced=local)
        elif await self._overtaken.put_beside(local, self._layer):
            # It lost there: the newer one takes its place, and a person chooses.
            is_given = await self._download_one(local.blob, replaced=local)
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

    async def _download(self) -> None:
        lacking = self._local.checks.to_fetch(await self._away.to_fetch())
        there = await self._found_there(lacking)
        sizes = await self._away.sizes() if there else {}
        self._coming = {blob: sizes.get(blob, 0) for blob in there if blob.kind == STATIC}
        try:
            await _each(sorted(there, key=lambda blob: sizes.get(blob, 0)), self._download_coming)
        finally:
            self._coming.clear()
            self._count_coming()

    async def _found_there(self, lacking: list[BlobName]) -> list[BlobName]:
        """Returns those that the server has; of mutable ones it is not asked that way."""
        there = [blob for blob in lacking if blob.kind != STATIC]
        static = [blob for blob in lacking if blob.kind == STATIC]
        for start in range(0, len(static), ASKED_BLOBS):
            page = static[start : start + ASKED_BLOBS]
            missing = await self._api.missing([LocalBlob(blob, 0, _NO_CONTENT) for blob in page])
            there += [blob for blob in page if blob not in missing]
        return there

    async def _download_coming(self, blob: BlobName) -> None:
        self._count_coming()
        await self._download_new(blob)
        self._coming.pop(blob, None)
        self._count_coming()

    def _count_coming(self) -> None:
        self._status.coming_files = len(self._coming)
        self._status.coming_bytes = sum(self._coming.values())

    async def fetch(self, blob: BlobName) -> bool:
        """Brings a file that somebody waits for; tells whether the server has it.

        Raises RemoteError, CorruptBlobError, StorageError.
        """
        if await self._download_new(blob):
            return True
        if blob in self._problems:
            raise CorruptBlobError(self._problems[blob])
        return False

    async def _download_new(self, blob: BlobName) -> bool:
        """Brings a file unless it is here by now; tells whether it is."""
        async with self._turns.of(blob):
            return await self._local.has(blob) or await self._download_one(blob)

    async def _follow_changes(self) -> None:
        """Takes the newer content of mutable blobs that changed there and not here."""
        here = [local for local in (await self._blobs.here()).values() if local.blob.kind != STATIC]
        for start in range(0, len(here), PAGE_BLOBS):
            page = here[start : start + PAGE_BLOBS]
            differing = await self._api.missing(page)
            for local in page:
                agreed = await self._blobs.agreement(self._layer, local.blob)
                if local.blob in differing and agreed is not None and agreed.sha256 == local.sha256:
                    await self._download_one(local.blob, replaced=local)

    async def _download_one(self, blob: BlobName, replaced: LocalBlob | None = None) -> bool:
        """Tells whether the server's content is here now."""
        try:
            brought = await self._transport.bring(blob, replaced)
        except ProtectionError:
            return False  # Changed here meanwhile: the next scan finds it, and it is sent.
        except NotFoundError:
            return (
                False  # It may be on its way from another device; an event tells when it is there.
            )
        except CorruptBlobError as error:
            self._problems[blob] = f"the server's copy of {blob.name} is damaged: {error.message}"
            return False
        self._problems.pop(blob, None)
        if brought is None:
            return False
        await self._blobs.settle(self._layer, brought.local, revision=brought.revision)
        return True


async def _each(
    items: Iterable[LocalBlob] | Iterable[BlobName], transfer: Callable[..., Awaitable[object]]
) -> None:
    """Transfers several at a time; the first failure ends the rest."""
    waiting = iter(items)

    async def work() -> None:
        for item in waiting:
            await transfer(item)

    async def work_side_by_side() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(PARALLEL_TRANSFERS):
                group.create_task(work())

    await apart(work_side_by_side())
