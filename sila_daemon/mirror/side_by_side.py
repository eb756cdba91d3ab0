"""Several pieces of work at a time, never more than may be."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

from sila_daemon.core.errors import SilaError
from sila_daemon.mirror.error_groups import apart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

PARALLEL_TRANSFERS = 4
FAILURES_MAX = 8
"""After so many in a row, what is in the way is taken to be in the way of all."""

T = TypeVar("T")


async def each(items: Iterable[T], work: Callable[[T], Awaitable[object]]) -> None:
    """Works on items side by side, begun in their order.

    One that fails does not keep the others from their turn. Raises the first SilaError once
    they had it, or once too many in a row have failed; whatever else is raised ends all.
    """
    waiting = iter(items)
    failures: list[SilaError] = []
    in_a_row = 0

    async def one_after_another() -> None:
        nonlocal in_a_row
        for item in waiting:
            try:
                await work(item)
            except SilaError as error:
                failures.append(error)
                in_a_row += 1
                if in_a_row >= FAILURES_MAX:
                    return
            else:
                in_a_row = 0

    async def side_by_side() -> None:
        async with asyncio.TaskGroup() as group:
            for _ in range(PARALLEL_TRANSFERS):
                group.create_task(one_after_another())

    await apart(side_by_side())
    if failures:
        raise failures[0]
