"""Transfers beside each other: none waits for another one, nor for what is looked for meanwhile."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import RemoteUnavailableError
from sila_daemon.mirror.side_by_side import (
    FAILURES_MAX,
    LOOKING_S,
    PARALLEL_TRANSFERS,
    SideBySide,
)
from tests.clocks import HandClock

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable, Sequence

    from sila_daemon.ports.clock import Clock


class Pages:
    """What is found, a page each time it is looked for; then nothing."""

    def __init__(self, *pages: Sequence[int]) -> None:
        self.pages = list(pages)

    async def find(self) -> Sequence[int]:
        await asyncio.sleep(0)
        return self.pages.pop(0) if self.pages else []


def several_of(
    pages: Pages, work: Callable[[int], Awaitable[object]], clock: Clock | None = None
) -> SideBySide[int]:
    return SideBySide(pages.find, work, clock or HandClock())


async def each(items: Iterable[int], work: Callable[[int], Awaitable[object]]) -> None:
    await several_of(Pages([*items]), work).run()


async def test_what_fails_does_not_keep_the_others_from_their_turn() -> None:
    done: list[int] = []

    async def work(item: int) -> None:
        await asyncio.sleep(0)
        if item in (0, 7):
            raise RemoteUnavailableError(f"{item} cannot be had")
        done.append(item)

    with pytest.raises(RemoteUnavailableError, match="0 cannot be had"):
        await each(range(20), work)
    assert sorted(done) == [item for item in range(20) if item not in (0, 7)]


async def test_where_everything_fails_it_is_not_tried_with_all() -> None:
    tried: list[int] = []
    pages = Pages(range(1000), range(1000, 2000))

    async def work(item: int) -> None:
        tried.append(item)
        await asyncio.sleep(0)
        raise RemoteUnavailableError("nobody is there")

    with pytest.raises(RemoteUnavailableError):
        await several_of(pages, work).run()
    assert FAILURES_MAX <= len(tried) < FAILURES_MAX + PARALLEL_TRANSFERS
    assert len(pages.pages) == 1


async def test_a_mistake_of_ours_ends_all() -> None:
    done: list[int] = []

    async def work(item: int) -> None:
        if item == 0:
            raise ValueError("a mistake")
        await asyncio.sleep(0)
        done.append(item)

    with pytest.raises(ValueError, match="a mistake"):
        await each(range(100), work)
    assert len(done) < PARALLEL_TRANSFERS


async def test_no_more_are_worked_on_than_may_be() -> None:
    running = most = 0

    async def work(_: int) -> None:
        nonlocal running, most
        running += 1
        most = max(most, running)
        await asyncio.sleep(0)
        running -= 1

    await each(range(50), work)
    assert most == PARALLEL_TRANSFERS


async def test_the_next_page_is_looked_for_while_this_one_is_worked_on() -> None:
    has_second = asyncio.Event()
    done: list[int] = []

    async def work(item: int) -> None:
        if item == 0:
            await has_second.wait()  # One that waits for the next page would wait for ever.
        if item == 1:
            has_second.set()
        done.append(item)

    await asyncio.wait_for(several_of(Pages([0], [1], [2]), work).run(), 10)
    assert sorted(done) == [0, 1, 2]


async def test_not_more_is_looked_for_than_is_soon_needed() -> None:
    pages = Pages(range(100), [100])
    left: list[int] = []

    async def work(item: int) -> None:
        await asyncio.sleep(0)
        if item == 50:
            left.append(len(pages.pages))

    await several_of(pages, work).run()
    assert left == [1]
    assert pages.pages == []


async def test_what_is_rung_for_meanwhile_is_begun_beside_the_rest() -> None:
    pages = Pages([0])
    has_come = asyncio.Event()

    async def work(item: int) -> None:
        if item == 0:
            for _ in range(10):  # Nothing more is there, and it was found out.
                await asyncio.sleep(0)
            pages.pages.append([1])
            several.rung()
            await has_come.wait()
        has_come.set()

    several = several_of(pages, work)
    await asyncio.wait_for(several.run(), 10)
    assert has_come.is_set()
    assert pages.pages == []


async def test_what_cannot_be_looked_for_is_told_after_the_rest() -> None:
    done: list[int] = []
    looks = 0

    async def find() -> Sequence[int]:
        nonlocal looks
        looks += 1
        if looks > 1:
            raise RemoteUnavailableError("nobody answers")
        return [0, 1]

    async def work(item: int) -> None:
        for _ in range(10):
            await asyncio.sleep(0)
        several.rung()
        done.append(item)

    several = SideBySide(find, work, HandClock())
    with pytest.raises(RemoteUnavailableError, match="nobody answers"):
        await several.run()
    assert (done, looks) == ([0, 1], 2)


async def test_it_can_be_run_again_after_it_was_broken_off() -> None:
    begun = asyncio.Event()
    done: list[int] = []

    async def work(item: int) -> None:
        begun.set()
        if item == 0:
            await asyncio.Event().wait()
        done.append(item)

    several = several_of(Pages([0], [1], [2]), work)
    running = asyncio.create_task(several.run())
    await begun.wait()
    running.cancel()
    with pytest.raises(asyncio.CancelledError):
        await running
    done.clear()
    await asyncio.wait_for(several.run(), 10)
    assert done
    assert 0 not in done


async def test_nobody_looks_for_more_for_ever() -> None:
    clock = HandClock()
    done: list[int] = []

    async def find() -> Sequence[int]:
        return [len(done)]

    async def work(item: int) -> None:
        done.append(item)
        clock.now += LOOKING_S / 10

    several = SideBySide(find, work, clock)
    assert await several.run()
    assert 10 <= len(done) <= 10 + PARALLEL_TRANSFERS
    assert await several.run()


async def test_where_all_is_done_there_is_no_more() -> None:
    done: list[int] = []

    async def work(item: int) -> None:
        done.append(item)

    assert not await several_of(Pages([0], [1]), work).run()
    assert done == [0, 1]
