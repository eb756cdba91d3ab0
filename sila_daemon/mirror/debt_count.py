"""Counts what a server is owed, for its status.

Many have a reason to count at the same time, and reads of the store end in any order: counts go
one after another, so that an older one never stands in the place of a newer one.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.mirror.confirmation import Checks
    from sila_daemon.mirror.heard_ops import HeardOps
    from sila_daemon.mirror.remote_status import RemoteStatus
    from sila_daemon.store.blobs import Blobs
    from sila_daemon.store.sightings import Sightings
    from sila_daemon.store.space_store import SpaceStore


@dataclass(frozen=True, slots=True)
class Sights:
    """What one connection to an original server knows of debts beside the store."""

    sightings: Sightings
    heard: HeardOps
    checks: Checks


class DebtCount:
    """The debts to one server, as its status tells them."""

    def __init__(self, status: RemoteStatus, store: SpaceStore) -> None:
        self._status = status
        self._store = store
        self.sights: Sights | None = None
        """Those of the connection that is open, to an original server."""
        self._counting = asyncio.Lock()
        self._asked = 0
        self._told = 0
        """The number of the last request whose count is told."""
        self._added = 0
        """Debts noted since the start, paid or not."""

    @property
    def told(self) -> int:
        """Changes with every count that is told."""
        return self._told

    def added(self, ops: int, now_ms: int) -> None:
        """Takes note of debts that were just committed, until they are counted."""
        self._added += ops
        self._status.owes_more(ops, now_ms)

    async def paid(self, ops: int, told: int) -> None:
        """Takes note of debts that ended since `told`. Raises StorageError."""
        if self._told == told:
            self._status.pending_ops = max(0, self._status.pending_ops - ops)
        else:
            await self.count()  # One that was told meanwhile may know of it, or not.

    async def count(self) -> None:
        """Has the status tell what is owed, as of now or later. Raises StorageError."""
        self._asked += 1
        mine = self._asked
        async with self._counting:
            if self._told >= mine:
                return
            asked, sights = self._asked, self.sights
            if sights is None:
                await self._count()
            else:
                await self._count_with(sights)
            self._told = asked

    async def _count(self) -> None:
        status, added = self._status, self._added
        debt = await self._store.debt(status.url)
        oldest_ms = status.oldest_pending_ms
        status.owes(debt)
        if self._added != added:
            # What was committed meanwhile may be in that number or not: its own turn counts anew.
            status.pending_ops += self._added - added
            status.oldest_pending_ms = status.oldest_pending_ms or oldest_ms

    async def _count_with(self, sights: Sights) -> None:
        """Counts what is owed and what is unconfirmed."""
        status, heard = self._status, sights.heard
        unconfirmed, given_up = await sights.sightings.counts()
        counted = heard.count
        await self._count()
        # Debts end after they are uncounted here, so the smaller number never hides one.
        status.pending_ops = max(0, status.pending_ops - min(counted, heard.count))
        status.heard_ops, status.doubted_trees = len(heard), len(sights.checks.doubted)
        # Some may have been seen between the two counts.
        status.unconfirmed_ops = min(unconfirmed, status.pending_ops)
        status.given_up_ops = min(given_up, status.pending_ops)


class FileDebtCount:
    """The files that are owed to one server, as its status tells them."""

    def __init__(self, status: RemoteStatus, blobs: Blobs) -> None:
        self._status = status
        self._blobs = blobs
        self._counting = asyncio.Lock()

    async def count(self) -> None:
        """Has the status tell what the server is not known to hold. Raises StorageError."""
        async with self._counting:
            pending = await self._blobs.debt(self._status.url)
            self._status.pending_files, self._status.pending_bytes = pending
