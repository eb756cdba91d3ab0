"""Reading one part ahead."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Iterator

import pytest

from sila_daemon.mirror.read_ahead import ReadAhead
from sila_daemon.ports.workers import InlineWorkers, ThreadWorkers


async def test_parts_come_in_order_and_end() -> None:
    ahead = ReadAhead(iter(["one", "two"]), InlineWorkers())
    assert [await ahead.next() for _ in range(3)] == ["one", "two", None]
    await ahead.end()


async def test_an_error_comes_after_what_was_read_before_it() -> None:
    def parts() -> Iterator[str]:
        yield "one"
        raise OSError("gone")

    ahead = ReadAhead(parts(), InlineWorkers())
    assert await ahead.next() == "one"
    with pytest.raises(OSError, match="gone"):
        await ahead.next()
    await ahead.end()


async def test_who_is_cancelled_waits_for_the_thread_that_reads() -> None:
    workers = ThreadWorkers(1, "read")
    may_end, began = threading.Event(), threading.Event()
    ended: list[str] = []

    def parts() -> Iterator[str]:
        began.set()
        may_end.wait(10)
        ended.append("read")
        yield "one"

    async def work() -> None:
        ahead = ReadAhead(parts(), workers)
        try:
            await ahead.next()
        finally:
            await ahead.end()
            ended.append("over")

    task = asyncio.create_task(work())
    await asyncio.to_thread(began.wait, 10)
    task.cancel()
    await asyncio.sleep(0)
    assert ended == []
    may_end.set()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["read", "over"]
    workers.close()
