"""The register of files on their way: rates, time left, and who is told when."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sila_daemon.mirror.transfers import DOWN, UP, Meter, Transfers, seconds_for
from sila_daemon.store.blobs import BlobName
from tests.clocks import HandClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

BLOB = BlobName("static", "ab" * 32)
SERVER = "https://a.example"


def test_a_rate_is_that_of_the_last_seconds() -> None:
    clock = HandClock(100.0)
    meter = Meter(clock)
    assert meter.rate == 0
    for _ in range(20):
        meter.add(100)
        clock.now += 0.1
    assert meter.rate == pytest.approx(1000, rel=0.01)
    clock.now += 2.0
    assert meter.rate == pytest.approx(500, rel=0.01)
    clock.now += 5.0
    assert meter.rate == 0


def test_a_meter_keeps_little_however_many_bytes_come() -> None:
    clock = HandClock(100.0)
    meter = Meter(clock)
    for _ in range(10_000):
        meter.add(1)
        clock.now += 0.001
    assert len(meter._samples) < 50
    assert meter.rate == pytest.approx(1000, rel=0.1)


def test_time_left_is_what_is_missing_at_this_rate() -> None:
    assert seconds_for(100, 10) == 10
    assert seconds_for(0, 0) == 0
    assert seconds_for(100, 0) is None
    clock = HandClock(100.0)
    with Transfers(clock).of(BLOB, UP, SERVER, 1000) as transfer:
        assert transfer.seconds_left is None
        for _ in range(5):
            clock.now += 1.0
            transfer.advance(100)
        assert (transfer.done, transfer.total) == (500, 1000)
        assert transfer.seconds_left == pytest.approx(4, rel=0.3)


def test_what_arrived_counts_and_what_broke_off_does_not() -> None:
    transfers = Transfers(HandClock(100.0))
    with transfers.of(BLOB, DOWN, SERVER, None) as transfer:
        transfer.advance(7)
        assert transfers.under_way(DOWN) == 7
        assert [one.blob for one in transfers.active] == [BLOB]
    with pytest.raises(ValueError, match="cut"), transfers.of(BLOB, DOWN, SERVER, 9) as transfer:
        transfer.advance(3)
        raise ValueError("cut")
    assert transfers.active == []
    assert transfers.under_way(DOWN) == 0
    moved = transfers.moved(DOWN)
    assert (moved.files, moved.bytes) == (1, 7)
    assert transfers.moved(UP).files == 0


def test_listeners_hear_of_begin_and_end_at_once_and_of_progress_now_and_then() -> None:
    clock = HandClock(100.0)
    transfers = Transfers(clock)
    heard: list[int] = []
    unlisten = transfers.listen(lambda: heard.append(transfers.revision))
    with transfers.of(BLOB, UP, SERVER, 1000) as transfer:
        assert heard == [1]
        for _ in range(100):
            clock.now += 0.01
            transfer.advance(1)
        assert 3 <= len(heard) <= 6
    assert heard[-1] == transfers.revision
    before = len(heard)
    unlisten()
    with transfers.of(BLOB, UP, SERVER, 1000):
        pass
    assert len(heard) == before


async def test_bytes_are_counted_as_they_pass() -> None:
    transfers = Transfers(HandClock(100.0))

    async def chunks() -> AsyncIterator[bytes]:
        for size in (3, 4):
            yield b"." * size
            await asyncio.sleep(0)

    with transfers.of(BLOB, DOWN, SERVER, 7) as transfer:
        assert [len(chunk) async for chunk in transfer.counted(chunks())] == [3, 4]
        assert transfer.done == 7
