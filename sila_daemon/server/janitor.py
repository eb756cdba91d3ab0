"""What is to be done now and then: whatever has run out is removed."""

from __future__ import annotations

import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TYPE_CHECKING

from sila_daemon.core.errors import StorageError

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock

LOG = logging.getLogger(__name__)

EVERY_SECONDS = 60.0

Chore = Callable[[], Awaitable[object]]


class Janitor:
    """Does its chores once a minute, one after the other."""

    def __init__(self, clock: Clock, chores: Sequence[Chore]) -> None:
        self._clock = clock
        self._chores = chores

    async def run(self) -> None:
        """Works until cancelled; a chore that a full disk stops is done the next time."""
        while True:
            await self._clock.sleep(EVERY_SECONDS)
            await self.work()

    async def work(self) -> None:
        """Does every chore once."""
        for chore in self._chores:
            try:
                await chore()
            except StorageError as error:
                LOG.error("left for the next time: %s", error.message)
