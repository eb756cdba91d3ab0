"""What the files of all spaces need once a day: leftovers and orphans taken away."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError
from sila_daemon.server.spaces.orphans import OrphanReport, Orphans

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock
    from sila_daemon.server.accounts.audit import Audit
    from sila_daemon.server.accounts.directory import Directory
    from sila_daemon.server.settings import FilesSettings
    from sila_daemon.server.spaces.open_spaces import Spaces

LOG = logging.getLogger(__name__)

DAY_SECONDS = 24 * 3600.0
FIRST_SECONDS = 600.0
"""After its start a server has other things to do."""


class Housekeeping:
    """Goes through all spaces once a day."""

    def __init__(
        self,
        spaces: Spaces,
        directory: Directory,
        clock: Clock,
        audit: Audit,
        settings: FilesSettings,
    ) -> None:
        self._spaces = spaces
        self._directory = directory
        self._clock = clock
        self._audit = audit
        self._settings = settings

    async def run(self) -> None:
        """Works until cancelled."""
        await self._clock.sleep(FIRST_SECONDS)
        while True:
            await self.work()
            await self._clock.sleep(DAY_SECONDS)

    async def work(self) -> None:
        """Looks after every space once; what fails in one is left for tomorrow."""
        for space in await self._directory.all():
            try:
                await self._look_after(space.id)
            except SilaError as error:
                LOG.error("space %s is left for tomorrow: %s", space.id, error.message)

    async def _look_after(self, space_id: str) -> None:
        days = self._settings.collect_after_days
        async with self._spaces.use(space_id) as space:
            await space.files.uploads.expire()
            if days:
                orphans = Orphans(space.files, space.store, days * DAY_SECONDS)
                ripe = await orphans.count_day(await orphans.report(), days)
                self._note(space_id, await orphans.remove(ripe))

    async def collect(self, space_id: str, *, is_dry_run: bool) -> OrphanReport:
        """Collects the orphans of one space now, because a person said so, or only lists them."""
        days = self._settings.collect_after_days or 30
        async with self._spaces.use(space_id) as space:
            orphans = Orphans(space.files, space.store, days * DAY_SECONDS)
            report = await orphans.report()
            if is_dry_run:
                return report
            gone = await orphans.remove(report)
            self._note(space_id, gone)
            return gone

    def _note(self, space_id: str, gone: OrphanReport) -> None:
        count = len(gone.static) + len(gone.var)
        if count:
            reason = f"{count} files, {gone.bytes} bytes"
            self._audit.note("files_collected", space_id=space_id, reason=reason)
            LOG.info("space %s: nothing referred to %s; they are removed", space_id, reason)
