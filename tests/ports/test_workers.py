"""Threads for blocking work: what hangs holds up nobody else, and places come back."""

from __future__ import annotations

import asyncio
import gc
import threading
import weakref

import pytest

from sila_daemon.ports.workers import ThreadWorkers


class Held:
    """Work that hangs until it is let go."""

    def __init__(self) -> None:
        self.begun = threading.Semaphore(0)
        self.may_end = threading.Event()

    def __call__(self) -> str:
        self.begun.release()
        assert self.may_end.wait(30)
        return "late"


async def test_what_hangs_holds_up_nobody_else() -> None:
    workers, held = ThreadWorkers(2, "test", patience_s=0.05), Held()
    hanging = [asyncio.ensure_future(workers.run(held)) for _ in range(5)]
    try:
        async with asyncio.timeout(20):
            assert await workers.run(lambda: "now") == "now"
        assert not any(one.done() for one in hanging)
    finally:
        held.may_end.set()
    assert await asyncio.gather(*hanging) == ["late"] * 5
    workers.close()


async def test_no_more_run_at_once_than_there_are_places_whatever_hung_before() -> None:
    workers, held = ThreadWorkers(2, "test", patience_s=0.01), Held()
    hanging = [asyncio.ensure_future(workers.run(held)) for _ in range(4)]
    await workers.run(lambda: None)
    held.may_end.set()
    await asyncio.gather(*hanging)
    patient = ThreadWorkers(2, "test", patience_s=3600)
    for some in (workers, patient):
        some._patience_s = 3600
        assert await _most_at_once(some) == 2
        some.close()


async def _most_at_once(workers: ThreadWorkers) -> int:
    lock, running, most = threading.Lock(), 0, 0
    meet = threading.Barrier(2)

    def work() -> None:
        nonlocal running, most
        with lock:
            running += 1
            most = max(most, running)
        meet.wait(30)
        with lock:
            running -= 1

    await asyncio.gather(*(workers.run(work) for _ in range(10)))
    return most


async def test_who_is_cancelled_keeps_the_place_until_the_thread_is_free() -> None:
    workers, held = ThreadWorkers(1, "test", patience_s=3600), Held()
    first = asyncio.ensure_future(workers.run(held))
    await asyncio.to_thread(held.begun.acquire)
    waiting = asyncio.ensure_future(workers.run(lambda: "never"))
    await asyncio.sleep(0)
    first.cancel()
    waiting.cancel()
    await asyncio.gather(first, waiting, return_exceptions=True)
    assert waiting.cancelled() and first.cancelled()
    later = asyncio.ensure_future(workers.run(lambda: "later"))
    await asyncio.sleep(0)
    assert not later.done(), "the only thread still works"
    held.may_end.set()
    assert await later == "later"
    workers.close()


async def test_errors_arrive_and_free_the_place() -> None:
    workers = ThreadWorkers(1, "test")
    for _ in range(3):
        with pytest.raises(ZeroDivisionError):
            await workers.run(lambda: 1 // 0)
    assert await workers.run(lambda: 7) == 7
    workers.close()


async def test_where_nothing_hangs_there_are_no_more_threads_than_places() -> None:
    # Each has a heap of its own, and a server that decodes much would grow with their number.
    workers, threads = ThreadWorkers(2, "test"), set()
    for _ in range(50):
        await asyncio.gather(
            *(workers.run(lambda: threads.add(threading.get_ident())) for _ in "abcdef")
        )
    assert len(threads) == 2
    workers.close()


async def test_what_was_returned_is_let_go_of_at_once() -> None:
    # It may be a message of a megabyte, and the next collection far away.
    class Result:
        pass

    workers, held = ThreadWorkers(1, "test"), Held()
    gc.disable()
    try:
        waiting = asyncio.ensure_future(workers.run(lambda: held() and Result()))
        await asyncio.to_thread(held.begun.acquire)  # It did not end before anybody listened.
        held.may_end.set()
        result = weakref.ref(await waiting)
        del waiting
        await workers.run(lambda: None)
        assert result() is None
    finally:
        gc.enable()
    workers.close()
