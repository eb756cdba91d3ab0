"""Debts to an original server, which shows what it has and acknowledges nothing."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.ops import PropertyOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store.sightings import Sightings
from sila_daemon.store.space_store import Delivery, SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TREE = "66311b5732f44edab7e16ff76fa16666"
SERVER = "https://example.org"
NOW_MS = 1_780_000_000_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SpaceStore]:
    opened = await SpaceStore.open(InlineDatabases(), tmp_path / "space.sqlite", SystemClock())
    await opened.set_layers([SERVER])
    yield opened
    await opened.close()


async def commit(store: SpaceStore, *ops: tuple[int, bytes]) -> None:
    """Stores properties under the counters given; each has the next number, from 1 on."""
    changes = [
        (TREE, PropertyOp(counter, "a", "v", f"key {counter}", value)) for counter, value in ops
    ]
    await store.commit([Delivery(changes)])


async def owed(store: SpaceStore) -> list[int]:
    return [entry.seq for entry in await store.owed(SERVER, 0, 100)]


async def test_what_is_not_shown_any_more_is_owed_again(store: SpaceStore) -> None:
    sightings = Sightings(store.database, SERVER)
    await commit(store, (1, b"1"), (2, b"2"), (3, b"3"))
    await sightings.settle([1, 2], NOW_MS)
    assert await owed(store) == [3]
    assert await sightings.owe_unless(TREE, {1}, 3, NOW_MS) == [2]
    assert await owed(store) == [2, 3]


async def test_of_an_id_with_two_contents_one_that_is_shown_is_enough(store: SpaceStore) -> None:
    sightings = Sightings(store.database, SERVER)
    await commit(store, (1, b"1"), (2, b"2"), (2, b"20"))
    await sightings.settle([1, 2, 3], NOW_MS)
    # Sent again, each would take the other's place at such a server, for ever.
    assert await sightings.owe_unless(TREE, {1, 3}, 3, NOW_MS) == []
    assert await owed(store) == []
    assert await sightings.owe_unless(TREE, {1}, 3, NOW_MS) == [2, 3]
    assert await owed(store) == [2, 3]
