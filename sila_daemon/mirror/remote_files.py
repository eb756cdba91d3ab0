"""Keeps blobs and secrets here and on one server equal, beside the exchange of ops."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError
from sila_daemon.mirror.error_groups import apart
from sila_daemon.mirror.wakes import News

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from sila_daemon.mirror.back_off import BackOff
    from sila_daemon.mirror.debt_count import FileDebtCount
    from sila_daemon.mirror.file_downloads import FileDownloads
    from sila_daemon.mirror.file_uploads import FileUploads
    from sila_daemon.mirror.remote_secrets import RemoteSecrets
    from sila_daemon.mirror.remote_status import RemoteStatus
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.clock import Clock

ASK_AGAIN_S = 600.0
"""What was found nowhere is asked for again this often, events apart."""

_BOTH = frozenset({News.BLOBS, News.SECRETS})


class RemoteFiles:
    """The blobs and secrets of one space on one server."""

    def __init__(
        self,
        uploads: FileUploads,
        downloads: FileDownloads,
        debt: FileDebtCount,
        secrets: RemoteSecrets | None,
        status: RemoteStatus,
        wakes: Wakes,
        clock: Clock,
        back_off: BackOff,
    ) -> None:
        """`secrets` is None where secrets are not to go to this server."""
        self._uploads = uploads
        self.downloads = downloads
        self._debt = debt
        self._secrets = secrets
        self._status = status
        self._wakes = wakes
        self._clock = clock
        self._back_off = back_off
        self._wake = asyncio.Event()
        self._due: set[News] = set()
        """What is to be compared: each of the two by itself, since either takes requests."""

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
        ask_at = self._clock.monotonic()
        while True:
            self._wake.clear()
            if self._clock.monotonic() >= ask_at:
                # However much goes on meanwhile: what the server told of may have been lost.
                ask_at = self._clock.monotonic() + ASK_AGAIN_S
                self._forget_secrets()
                self._uploads.begin_anew()
                self.downloads.problems.clear()
                self._due |= _BOTH
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
                problems = [*self._uploads.problems.values(), *self.downloads.problems.values()]
                self._status.files_reason = next(iter(problems), "")
                is_done = not waits and not self._wake.is_set()
                self._status.are_files_equal = is_done and not problems
                self._due.update(waits)
                pause_s = min(waits.values(), default=ASK_AGAIN_S)
            await self.count_debt()
            self._wakes.ring(News.STATE)
            left_s = max(0.0, ask_at - self._clock.monotonic())
            with suppress(TimeoutError):
                async with asyncio.timeout(min(pause_s, left_s)):
                    await self._wake.wait()

    def _forget_secrets(self) -> None:
        if self._secrets is not None:
            self._secrets.forget()

    async def count_debt(self) -> None:
        """Counts what the server is not known to hold."""
        await self._debt.count()

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
                    steps = [self._uploads.send_all, self._download, self._uploads.follow_changes]
                    group.create_task(turn(News.BLOBS, steps))

        await apart(side_by_side())
        if failures:
            raise failures[0]
        return waits

    async def _download(self) -> float | None:
        """Brings what is lacking here; returns 0 when it is to be gone on with."""
        return 0.0 if await self.downloads.bring_all() else None
