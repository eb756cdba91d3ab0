"""Several pieces of work at a time, never more than may be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from sila_daemon.mirror.error_groups import apart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

PARALLEL_TRANSFERS = 4

T = TypeVar("T")


async def each(items: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """Works on items side by side, begun in their order; the first failure ends the rest."""
    waiting = iter(items)

    async def one_after_another() -> None:
        for item in waiting:
            await work(item)

    async def side_by_side() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(PARALLEL_TRANSFERS):
                group.create_task(one_after_another())

    await apart(side_by_side())
