"""Devices of a space are told of each other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.server.sync.presence import introduced
from tests.server.memory_client import Client, join
from tests.server.world_fixture import SPACE, SteppedClock, eventually, inline_ports, open_world

if TYPE_CHECKING:
    from sila_daemon.server.world import World

LAPTOP = {"id": "d1", "name": "laptop", "platform": "linux"}
PHONE = {"id": "d2", "name": "phone", "platform": "android"}


class AtOnceClock(SteppedClock):
    """A clock that lets nobody wait."""

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(0)


@pytest.fixture
async def world(tmp_path: Path) -> AsyncIterator[World]:
    async with open_world(tmp_path / "data", inline_ports(AtOnceClock())) as world:
        owner = await world.accounts.add_user("ann@example.org", None)
        await world.create_space(owner, "Space", SPACE)
        task = asyncio.create_task(world.site.presence.run())
        yield world
        task.cancel()
        for session in list(world.connections.living):
            session.end("gone")
        await eventually(lambda: not world.connections.living, "everybody left")


async def joined(world: World, protocol: int = 2, **auth: object) -> Client:
    token = await world.accounts.make_token("ann@example.org", 1)
    return await join(world, token, SPACE, protocol, **auth)


def names(client: Client) -> list[str]:
    """The devices that a client was told of last."""
    told = client.events("devices")
    return [device["name"] for device in told[-1]["devices"]] if told else []


async def test_who_comes_and_who_goes_is_told(world: World) -> None:
    laptop = await joined(world, device=LAPTOP)
    await eventually(lambda: names(laptop) == ["laptop"], "itself")
    phone = await joined(world, device=PHONE)
    await eventually(lambda: names(laptop) == names(phone) == ["laptop", "phone"], "both")
    [one, _] = phone.events("devices")[-1]["devices"]
    assert one == {**LAPTOP, "userId": phone.session.grant.user_id}
    phone.session.end("gone")
    await eventually(lambda: names(laptop) == ["laptop"], "one left")


async def test_two_connections_of_a_device_are_one_device(world: World) -> None:
    first, second = await joined(world, device=LAPTOP), await joined(world, device=LAPTOP)
    await eventually(lambda: names(first) == names(second) == ["laptop"], "one device")
    third = await joined(world, device=PHONE)
    await eventually(lambda: len(names(third)) == 2, "two devices")
    assert sorted(names(third)) == ["laptop", "phone"]


async def test_clients_without_a_part_in_it_are_neither_told_nor_told_of(world: World) -> None:
    hidden = await joined(world, device=PHONE, presence=False)
    original = await joined(world, 1, device=PHONE)
    nameless = await joined(world)
    laptop = await joined(world, device=LAPTOP)
    await eventually(lambda: names(laptop) == ["laptop"], "itself")
    assert [client.events("devices") for client in (hidden, original, nameless)] == [[], [], []]


@pytest.mark.parametrize(
    "device", [None, 1, [], {}, {"id": ""}, {"id": 7, "name": "x"}, {"id": "a\nb"}, {"id": None}]
)
def test_what_is_no_device_is_none(device: Any) -> None:
    assert introduced({"device": device}, "u") is None


def test_words_are_bounded_and_printable() -> None:
    found = introduced({"device": {"id": "d", "name": "n" * 10_000, "platform": "a\x1b[31m"}}, "u")
    assert found is not None
    assert (found.id, len(found.name), found.platform) == ("d", 100, "")
