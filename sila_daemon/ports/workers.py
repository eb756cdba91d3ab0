"""Where blocking work runs: on threads in the real world, inline in a simulated one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import suppress
from typing import Any, Protocol, TypeVar

T = TypeVar("T")

PATIENCE_S = 5.0
"""No piece of work takes so long on a disk that answers."""

SLOW_MAX = 28
"""So many threads more may hang."""


class Workers(Protocol):
    """Runs blocking functions without holding the event loop."""

    async def run(self, function: Callable[[], T]) -> T:
        """Returns what `function` returns, or raises what it raises."""
        ...


class ThreadWorkers:
    """A small fixed pool of threads; `close` waits for what runs.

    A disk that does not answer holds its thread, and nobody else: what runs for longer than
    `patience_s` while others wait is not counted any more, up to SLOW_MAX pieces of work.
    """

    def __init__(self, count: int, name: str, patience_s: float = PATIENCE_S) -> None:
        self._count = count
        self._pool = ThreadPoolExecutor(max_workers=count, thread_name_prefix=name)
        self._in_pool: set[Future[Any]] = set()
        self._spare = ThreadPoolExecutor(SLOW_MAX, thread_name_prefix=f"{name} spare")
        """For those whose threads hang; otherwise it has none, as each has a heap of its own."""
        self._patience_s = patience_s
        self._places = asyncio.Semaphore(count)
        self._waiting = 0
        self._begun: dict[Future[Any], float] = {}
        """What runs and is counted, the longest first, and since when."""
        self._slow: set[Future[Any]] = set()
        """What runs and is not counted any more."""

    async def run(self, function: Callable[[], T]) -> T:
        """Queues `function` and awaits its end."""
        loop = asyncio.get_running_loop()
        await self._place(loop)
        try:
            work = self._submit(function)
        except BaseException:
            self._places.release()
            raise
        self._begun[work] = loop.time()
        outcome: asyncio.Future[T] = loop.create_future()

        def tell(done: Future[T]) -> None:
            # Not `work`: a cycle would keep what it returned until the next collection.
            with suppress(RuntimeError):  # The loop is closed: nobody waits.
                loop.call_soon_threadsafe(self._ended, done, outcome)

        work.add_done_callback(tell)
        return await outcome

    def close(self) -> None:
        """Ends the threads once their current work is done; queued work is dropped."""
        for pool in (self._pool, self._spare):
            pool.shutdown(wait=True, cancel_futures=True)

    def _submit(self, function: Callable[[], T]) -> Future[T]:
        if len(self._in_pool) >= self._count:
            return self._spare.submit(function)
        work = self._pool.submit(function)
        self._in_pool.add(work)
        return work

    async def _place(self, loop: asyncio.AbstractEventLoop) -> None:
        if self._places.locked():
            self._waiting += 1
            if self._waiting == 1:
                self._look_for_slow(loop)
            try:
                await self._places.acquire()
            finally:
                self._waiting -= 1
        else:
            await self._places.acquire()

    def _ended(self, work: Future[T], outcome: asyncio.Future[T]) -> None:
        if self._begun.pop(work, None) is not None:
            self._places.release()
        self._slow.discard(work)
        self._in_pool.discard(work)
        if outcome.done():  # Whoever waited was cancelled.
            return
        error = work.exception()
        if error is None:
            outcome.set_result(work.result())
        else:
            outcome.set_exception(error)

    def _look_for_slow(self, loop: asyncio.AbstractEventLoop) -> None:
        """Gives the places of what takes too long to others, for as long as somebody waits."""
        if not self._waiting:
            return
        for work, since in list(self._begun.items()):
            if since + self._patience_s > loop.time() or len(self._slow) >= SLOW_MAX:
                break
            del self._begun[work]
            self._slow.add(work)
            self._places.release()
        loop.call_later(self._patience_s / 2, self._look_for_slow, loop)


class InlineWorkers:
    """Runs everything at once on the calling thread: for simulations and small tools."""

    async def run(self, function: Callable[[], T]) -> T:
        """Calls `function` after giving other tasks a turn, as a thread hop would."""
        await asyncio.sleep(0)
        return function()
