"""One at a time for each thing: who comes second waits for the first, and finds its work done."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable


class Turns:
    """Whose turn it is, by thing."""

    def __init__(self) -> None:
        self._locks: dict[Hashable, tuple[asyncio.Lock, int]] = {}

    @asynccontextmanager
    async def of(self, thing: Hashable) -> AsyncIterator[None]:
        """Waits for the turn, and keeps it within the context."""
        lock, users = self._locks.get(thing, (asyncio.Lock(), 0))
        self._locks[thing] = lock, users + 1
        try:
            async with lock:
                yield
        finally:
            lock, users = self._locks.pop(thing)
            if users > 1:
                self._locks[thing] = lock, users - 1
