"""Spaces are opened once however many ask, and closed when memory is needed or nobody comes."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import apsw
import pytest

from sila_daemon.core.errors import NotFoundError, StorageError
from sila_daemon.server.ops.op_store import Batch
from sila_daemon.server.spaces import open_spaces as spaces_module
from sila_daemon.server.spaces.open_spaces import SPACE_BYTES
from tests.server.world_fixture import TREE, SteppedClock, inline_ports, moves, open_world

if TYPE_CHECKING:
    from sila_daemon.server.world import World

IDS = [f"{number:032x}" for number in range(8)]


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "data", inline_ports(SteppedClock())) as opened:
        for space_id in IDS:
            await opened.spaces.make(space_id)
        yield opened


async def test_many_who_ask_at_once_get_the_same_space(world: World) -> None:
    lent = await asyncio.gather(*(world.spaces.acquire(IDS[0]) for _ in range(20)))
    assert len({id(space) for space in lent}) == 1 and lent[0].users == 20
    for space in lent:
        world.spaces.release(space)
    assert lent[0].users == 0


async def test_the_longest_idle_are_closed_when_memory_is_needed(
    world: World, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(spaces_module, "OPEN_BYTES_MAX", 4 * SPACE_BYTES)
    used = await world.spaces.acquire(IDS[0])
    for space_id in IDS[1:]:
        async with world.spaces.use(space_id) as space:
            await space.store.commit([Batch(TREE, moves(1, 3), "me")])
    assert list(world.spaces.open_spaces) == [IDS[0], *IDS[-3:]], "never one that is in use"
    async with world.spaces.use(IDS[1]) as space:
        assert space.hub.head.seq == 3
    world.spaces.release(used)


async def test_work_in_flight_ends_before_a_space_is_closed(world: World) -> None:
    outcomes: list[object] = []
    async with world.spaces.use(IDS[0]) as space:
        for number in range(1, 40):
            space.hub.submit(Batch(TREE, moves(number, number), "me"), outcomes.append)
    closing = asyncio.create_task(world.spaces._close_idle(IDS[0]))
    await asyncio.sleep(0)
    closing.cancel()
    async with world.spaces.use(IDS[0]) as again:
        assert again is not space and len(outcomes) == 39
        assert again.hub.head.seq == 39, "opened anew only once everything was written"


async def test_a_space_that_is_being_closed_is_not_opened_beside(world: World) -> None:
    spaces = world.spaces
    async with spaces.use(IDS[0]) as space:
        space.hub.submit(Batch(TREE, moves(1, 1), "me"), lambda _: None)
    opening = asyncio.create_task(spaces.acquire(IDS[1]))
    await asyncio.sleep(0)
    closing = asyncio.create_task(spaces.close())
    await asyncio.sleep(0)
    with pytest.raises(StorageError, match="the server is stopping") as refused:
        await spaces.acquire(IDS[0])
    assert refused.value.code == "shutting_down"
    late = await opening
    await closing
    assert not spaces.open_spaces
    with pytest.raises(apsw.ConnectionClosedError):
        await late.store.database.read(lambda connection: connection.execute("SELECT 1"))


async def test_use_and_removal_of_one_space_at_once(world: World) -> None:
    async def visit() -> str:
        try:
            async with world.spaces.use(IDS[0]) as space:
                await space.store.commit([Batch(TREE, moves(1, 1), "me")])
                return "used"
        except NotFoundError:
            return "gone"

    async def remove() -> str:
        try:
            await world.spaces.remove(IDS[0])
            return "removed"
        except StorageError as error:
            return error.code

    async def make() -> str:
        await world.spaces.make(IDS[0])
        return "made"

    for _ in range(10):
        work = [visit(), remove(), visit(), make(), visit(), remove(), visit()]
        said = await asyncio.gather(*work)
        assert set(said) <= {"used", "gone", "removed", "space_busy", "made"}
    await world.spaces.make(IDS[0])
    assert await visit() == "used"


async def test_idle_spaces_are_closed_and_others_tidied_up(world: World) -> None:
    clock = world.ports.clock
    assert isinstance(clock, SteppedClock)
    async with world.spaces.use(IDS[1]):
        pass
    busy = await world.spaces.acquire(IDS[0])
    await busy.store.commit([Batch(TREE, moves(1, 2000), "me")])
    log = busy.layout.version_dir / "ops.sqlite-wal"
    assert log.stat().st_size > 0
    clock.ahead += 100
    await world.spaces.look_after()
    assert list(world.spaces.open_spaces) == [IDS[0]]
    assert log.stat().st_size == 0
    world.spaces.release(busy)
