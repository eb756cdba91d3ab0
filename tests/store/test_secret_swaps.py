"""Secrets that travel in circles, over a carrier that knows neither times nor bases."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.database.database import InlineDatabases
from sila_daemon.store.secret_merge import SecretSet, fingerprint
from sila_daemon.store.secret_swaps import WINDOW_S
from sila_daemon.store.secrets import Secrets
from sila_daemon.store.space_store import SpaceStore
from tests.clocks import HandClock

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

LESSER, GREATER = sorted(["1", "2"], key=fingerprint)


@pytest.fixture
def clock() -> HandClock:
    return HandClock()


@pytest.fixture
async def devices(tmp_path: Path, clock: HandClock) -> AsyncIterator[list[Secrets]]:
    stores = [
        await SpaceStore.open(InlineDatabases(), tmp_path / f"{name}.sqlite", clock)
        for name in ("a", "b")
    ]
    for store in stores:
        await store.set_layers(["folder"])
    yield [Secrets(store.database, clock) for store in stores]
    for store in stores:
        await store.close()


async def carried(secrets: Secrets, value: str) -> str:
    """Has a carrier bring a value; returns the one that stands then."""
    theirs = SecretSet({"key": value})
    return (await secrets.merge_from("folder", theirs, prefer_theirs=True)).values["key"]


async def change_places(devices: list[Secrets], clock: HandClock, rounds: int) -> list[list[str]]:
    """Has both folders' values carried to the other one in the same moment, again and again."""
    values = [(await secrets.load()).values["key"] for secrets in devices]
    seen = []
    for _ in range(rounds):
        clock.now += 1.0
        values = [await carried(devices[0], values[1]), await carried(devices[1], values[0])]
        seen.append(values)
    return seen


async def test_two_values_that_change_places_come_to_rest_with_the_same_one_everywhere(
    devices: list[Secrets], clock: HandClock
) -> None:
    await devices[0].set("key", LESSER)
    await devices[1].set("key", GREATER)
    seen = await change_places(devices, clock, 8)
    assert seen[0] == [GREATER, LESSER], "both were news to the other"
    assert seen[-1] == [GREATER, GREATER]


async def test_three_values_in_a_circle_come_to_rest_too(
    devices: list[Secrets], clock: HandClock
) -> None:
    values = ["x", "y", "z"]
    secrets = devices[0]
    for value in values * 3:
        clock.now += 1.0
        await carried(secrets, value)
    assert (await secrets.load()).values["key"] == max(values, key=fingerprint)


async def test_who_sets_a_value_and_goes_back_to_the_former_one_keeps_that(
    devices: list[Secrets], clock: HandClock
) -> None:
    secrets = devices[0]
    await secrets.set("key", GREATER)
    assert await carried(secrets, LESSER) == LESSER
    clock.now += 5.0
    assert await carried(secrets, GREATER) == GREATER
    clock.now += WINDOW_S + 1
    assert await carried(secrets, LESSER) == LESSER, "a later day is another matter"


async def test_what_a_person_sets_here_stands_whatever_changed_places_before(
    devices: list[Secrets], clock: HandClock
) -> None:
    await devices[0].set("key", LESSER)
    await devices[1].set("key", GREATER)
    await change_places(devices, clock, 8)
    await devices[0].set("key", LESSER)
    assert await carried(devices[0], GREATER) == LESSER, "it is what was there before"
    assert (await devices[0].load()).values["key"] == LESSER
