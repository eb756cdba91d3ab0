"""How many ops a folder is owed: counted by the store, and never less than is known of."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.store.schema import FOLDER

if TYPE_CHECKING:
    from sila_daemon.store.space_store import SpaceStore


class OwedOps:
    """A count that commits go on adding to while it is made anew."""

    def __init__(self, store: SpaceStore) -> None:
        self._store = store
        self._added = 0
        self.ops = 0

    def add(self, count: int) -> None:
        """Notes debts that were just committed, until they are counted."""
        self.ops += count
        self._added += count

    async def count(self) -> None:
        """Counts them. Raises StorageError."""
        added = self._added
        debt = await self._store.debt(FOLDER)
        # What was committed meanwhile may be in that number or not: its own turn counts anew.
        self.ops = debt.ops + self._added - added
