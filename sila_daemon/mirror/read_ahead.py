"""Reading the next part of something on a worker while the one before is being stored."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Generic, TypeVar

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sila_daemon.ports.workers import Workers

T = TypeVar("T")


class ReadAhead(Generic[T]):
    """Parts one by one; only one is ever read ahead, and never two at once."""

    def __init__(self, parts: Iterator[T], workers: Workers) -> None:
        """`parts` blocks while it reads."""
        self._parts = parts
        self._workers = workers
        self._following = self._begin()

    async def next(self) -> T | None:
        """Returns the next part, None at the end. Raises what reading raised."""
        part = await asyncio.shield(self._following)
        if part is not None:
            self._following = self._begin()
        return part

    async def end(self) -> None:
        """Returns once nothing is being read any more: a thread cannot be called back."""
        await asyncio.gather(self._following, return_exceptions=True)

    def _begin(self) -> asyncio.Future[T | None]:
        return asyncio.ensure_future(self._workers.run(lambda: next(self._parts, None)))
