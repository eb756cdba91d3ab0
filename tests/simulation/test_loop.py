"""The loop itself: virtual time, an order that the seed decides, deadlocks."""

from __future__ import annotations

import asyncio
from random import Random

import pytest

from tests.simulation.loop import DeadlockError, SimLoop


async def _order() -> list[int]:
    order: list[int] = []

    async def work(number: int) -> None:
        await asyncio.sleep(3600 * (number % 2))
        order.append(number)

    async with asyncio.TaskGroup() as group:
        for number in range(8):
            group.create_task(work(number))
    return order


def _run(seed: int, *, first_in_first_out: bool = False) -> tuple[list[int], float]:
    loop = SimLoop(Random(seed), first_in_first_out=first_in_first_out)
    try:
        return loop.run_until_complete(_order()), loop.time()
    finally:
        loop.close()


def test_time_passes_without_waiting() -> None:
    assert _run(1, first_in_first_out=True) == ([0, 2, 4, 6, 1, 3, 5, 7], 3600.0)


def test_the_seed_decides_the_order() -> None:
    assert _run(1) == _run(1)
    assert len({tuple(_run(seed)[0]) for seed in range(8)}) > 4


def test_everybody_waiting_for_somebody_is_a_deadlock() -> None:
    loop = SimLoop(Random(1))
    waiting = loop.create_task(asyncio.Event().wait())
    with pytest.raises(DeadlockError):
        loop.run_until_complete(waiting)
    waiting.cancel()
    loop.run_until_complete(asyncio.gather(waiting, return_exceptions=True))
    loop.close()
