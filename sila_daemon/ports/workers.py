"""Where blocking work runs: on threads in the real world, inline in a simulated one."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from typing import Protocol, TypeVar

T = TypeVar("T")


class Workers(Protocol):
    """Runs blocking functions without holding the event loop."""

    async def run(self, function: Callable[[], T]) -> T:
        """Returns what `function` returns, or raises what it raises."""
        ...


class ThreadWorkers:
    """A small fixed pool of threads; `close` waits for what runs."""

    def __init__(self, count: int, name: str) -> None:
        self._pool = ThreadPoolExecutor(max_workers=count, thread_name_prefix=name)

    async def run(self, function: Callable[[], T]) -> T:
        """Queues `function` and awaits its end."""
        return await asyncio.get_running_loop().run_in_executor(self._pool, function)

    def close(self) -> None:
        """Ends the threads once their current work is done; queued work is dropped."""
        self._pool.shutdown(wait=True, cancel_futures=True)


class InlineWorkers:
    """Runs everything at once on the calling thread: for simulations and small tools."""

    async def run(self, function: Callable[[], T]) -> T:
        """Calls `function` after giving other tasks a turn, as a thread hop would."""
        await asyncio.sleep(0)
        return function()
