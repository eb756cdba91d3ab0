"""What the whole process may hold of what clients sent and nobody has handled yet."""

from __future__ import annotations

import asyncio


class Budget:
    """Counts bytes; whoever would bring more waits until there is room."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._held = 0
        self._roomy = asyncio.Event()
        self._roomy.set()

    @property
    def held(self) -> int:
        """Bytes that are held now."""
        return self._held

    @property
    def is_roomy(self) -> bool:
        """Whether more may be read now."""
        return self._roomy.is_set()

    def fits(self, size: int) -> bool:
        """Tells whether so many more bytes stay within the budget."""
        return self._held + size <= self._size

    def take(self, size: int) -> None:
        """Counts bytes that are here already, whether they fit or not."""
        self._held += size
        if self._held > self._size:
            self._roomy.clear()

    def give_back(self, size: int) -> None:
        """Counts bytes that are gone."""
        self._held -= size
        if self._held <= self._size:
            self._roomy.set()

    async def room(self) -> None:
        """Returns when more may be read."""
        await self._roomy.wait()
