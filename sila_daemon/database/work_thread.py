"""One thread that works for an event loop, made for short units of work.

An executor's futures have a lock each, and tell another future of their end: a small commit costs
a fifth less without them.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable
from contextlib import suppress
from queue import SimpleQueue
from typing import Any, TypeVar

T = TypeVar("T")

_Job = tuple["asyncio.Future[Any]", Callable[[], Any], bool]
"""Who is told, what is done, and whether it is left out when nobody waits for it any more."""


class WorkThread:
    """Runs functions one after the other, in the order in which they were asked for."""

    def __init__(self, name: str) -> None:
        self._name = name
        self._jobs: SimpleQueue[_Job | None] = SimpleQueue()
        self._thread: threading.Thread | None = None
        self._is_closed = False

    async def run(self, function: Callable[[], T], *, may_be_dropped: bool = False) -> T:
        """Returns what `function` returns, or raises what it raises.

        A caller that is cancelled does not undo what was asked for, unless that had not begun and
        may be dropped. Raises RuntimeError once this is closed.
        """
        if self._is_closed:
            raise RuntimeError(f"the thread {self._name} is closed")
        if self._thread is None:
            # A daemon, so that a program which fails before it closes this ends nevertheless.
            self._thread = threading.Thread(target=self._work, name=self._name, daemon=True)
            self._thread.start()
        future: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        self._jobs.put((future, function, may_be_dropped))
        return await future

    def close(self) -> None:
        """Returns when everything that was asked for is done."""
        self._is_closed = True
        if self._thread is not None:
            self._jobs.put(None)
            self._thread.join()

    def _work(self) -> None:
        while (job := self._jobs.get()) is not None:
            future, function, may_be_dropped = job
            if may_be_dropped and future.cancelled():
                continue
            result, error = None, None
            try:
                result = function()
            except BaseException as raised:
                error = raised
            # A loop that is closed waits for nothing.
            with suppress(RuntimeError):
                future.get_loop().call_soon_threadsafe(_tell, future, result, error)
            # Or the last job would be held on to until the next one.
            del job, future, function, result, error


def _tell(future: asyncio.Future[Any], result: object, error: BaseException | None) -> None:
    if future.done():
        return
    if error is None:
        future.set_result(result)
    else:
        future.set_exception(error)
