"""Several pieces of work at a time, never more than may be, while the next ones are looked for."""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING, Generic, TypeVar

from sila_daemon.core.errors import SilaError
from sila_daemon.mirror.error_groups import apart

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sila_daemon.ports.clock import Clock

PARALLEL_TRANSFERS = 4
FAILURES_MAX = 8
"""After so many in a row, what is in the way is taken to be in the way of all."""

LOOKING_S = 10.0
"""For longer nothing more is looked for in one go: others want their turn too."""

T = TypeVar("T")


class SideBySide(Generic[T]):
    """Does pieces of work side by side, begun in their order.

    More are looked for before the known ones run out, so that nobody waits for the answer; and
    again at each ring, as long as something is still being done.
    """

    def __init__(
        self,
        find: Callable[[], Awaitable[Sequence[T]]],
        work: Callable[[T], Awaitable[object]],
        clock: Clock,
    ) -> None:
        """`find` returns what is to be done next, each piece once; nothing if there is none now."""
        self._find = find
        self._work = work
        self._clock = clock
        self._looks_until = 0.0
        self._known: deque[T] = deque()
        self._running = 0
        self._is_finding = False
        self._is_news = False
        """There may be more than is known."""
        self._is_closed = False
        """Something is in the way: nothing more is looked for."""
        self._failures: list[SilaError] = []
        self._in_a_row = 0
        self._moved = asyncio.Event()

    def rung(self) -> None:
        """Takes note that there may be more to do now."""
        self._is_news = True
        self._moved.set()

    async def run(self) -> bool:
        """Works until nothing is left; tells whether there may be more. One call at a time.

        What fails does not keep the rest from its turn. Raises the first SilaError once it had
        it, or once too many in a row have failed; whatever else is raised ends all.
        """
        self._known.clear()
        self._failures.clear()
        self._running = self._in_a_row = 0
        self._is_finding, self._is_news, self._is_closed = False, True, False
        self._looks_until = self._clock.monotonic() + LOOKING_S
        await apart(self._side_by_side())
        if self._failures:
            raise self._failures[0]
        return self._is_news

    async def _side_by_side(self) -> None:
        async with asyncio.TaskGroup() as group:
            while self._begin(group):
                self._moved.clear()
                await self._moved.wait()

    def _begin(self, group: asyncio.TaskGroup) -> bool:
        """Begins what may be begun; tells whether anything is under way."""
        while self._known and self._running < PARALLEL_TRANSFERS:
            self._running += 1
            group.create_task(self._do(self._known.popleft()))
        is_low = len(self._known) < PARALLEL_TRANSFERS
        if is_low and self._is_news and not self._is_finding and self._may_look():
            self._is_news, self._is_finding = False, True
            group.create_task(self._look())
        return self._running > 0 or self._is_finding

    def _may_look(self) -> bool:
        return not self._is_closed and self._clock.monotonic() < self._looks_until

    async def _do(self, item: T) -> None:
        try:
            await self._work(item)
        except SilaError as error:
            self._failures.append(error)
            self._in_a_row += 1
            if self._in_a_row >= FAILURES_MAX:
                self._is_closed = True
                self._known.clear()
        else:
            self._in_a_row = 0
        self._running -= 1
        self._moved.set()

    async def _look(self) -> None:
        try:
            found = await self._find()
        except SilaError as error:
            self._failures.append(error)
            self._is_closed = True
        else:
            self._is_news |= bool(found)
            if self._in_a_row < FAILURES_MAX:
                self._known.extend(found)
        self._is_finding = False
        self._moved.set()
