"""Transfers beside each other: one that fails is no reason for the others to wait for ever."""

from __future__ import annotations

import asyncio

import pytest

from sila_daemon.core.errors import RemoteUnavailableError
from sila_daemon.mirror.side_by_side import FAILURES_MAX, PARALLEL_TRANSFERS, each


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

    async def work(item: int) -> None:
        tried.append(item)
        await asyncio.sleep(0)
        raise RemoteUnavailableError("nobody is there")

    with pytest.raises(RemoteUnavailableError):
        await each(range(1000), work)
    assert FAILURES_MAX <= len(tried) < FAILURES_MAX + PARALLEL_TRANSFERS


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
