"""A thread does what it was asked for, in order, and tells whoever still waits."""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Iterator
from functools import partial

import pytest

from sila_daemon.database.work_thread import WorkThread


@pytest.fixture
def thread() -> Iterator[WorkThread]:
    made = WorkThread("test")
    yield made
    made.close()


async def test_work_is_done_in_order_on_one_other_thread(thread: WorkThread) -> None:
    def work(number: int) -> Callable[[], tuple[int, int]]:
        return lambda: (number, threading.get_ident())

    done = await asyncio.gather(*(thread.run(work(number)) for number in range(100)))
    assert [number for number, _ in done] == list(range(100))
    assert len({ident for _, ident in done}) == 1
    assert done[0][1] != threading.get_ident()


async def test_what_work_raises_is_raised_and_the_thread_goes_on(thread: WorkThread) -> None:
    def fail() -> None:
        raise KeyError("here")

    with pytest.raises(KeyError, match="here"):
        await thread.run(fail)
    assert await thread.run(lambda: 7) == 7


@pytest.mark.parametrize("may_be_dropped", [True, False])
async def test_what_nobody_waits_for_is_dropped_only_if_it_may_be(
    thread: WorkThread, may_be_dropped: bool
) -> None:
    go, done = threading.Event(), list[str]()
    first = asyncio.create_task(thread.run(go.wait))
    second = asyncio.create_task(
        thread.run(lambda: done.append("second"), may_be_dropped=may_be_dropped)
    )
    await asyncio.sleep(0)
    second.cancel()
    await asyncio.wait([second])
    go.set()
    assert await first
    await thread.run(lambda: done.append("third"))
    assert done == (["third"] if may_be_dropped else ["second", "third"])


async def test_closing_waits_for_all_that_was_asked_for(thread: WorkThread) -> None:
    go, done = threading.Event(), list[int]()
    tasks = [asyncio.create_task(thread.run(go.wait))]
    work = partial(done.append, 1)
    others = [asyncio.create_task(thread.run(work)) for _ in range(5)]
    await asyncio.sleep(0)
    go.set()
    thread.close()
    assert done == [1] * 5
    await asyncio.wait([*tasks, *others])
    with pytest.raises(RuntimeError, match="closed"):
        await thread.run(lambda: None)


def test_a_loop_that_is_gone_does_not_end_the_thread(thread: WorkThread) -> None:
    go = threading.Event()

    async def leave() -> None:
        asyncio.create_task(thread.run(go.wait))  # noqa: RUF006
        await asyncio.sleep(0)

    asyncio.run(leave())
    go.set()
    assert asyncio.run(thread.run(lambda: 7)) == 7
