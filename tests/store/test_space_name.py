"""The name of a space as its store knows it."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.ops import PropertyOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store import held, sql
from sila_daemon.store.space_name import space_name
from sila_daemon.store.space_store import Delivery, SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SPACE = "25f87e271fb347078ec4fbaad528d1b8"


def named(counter: int, value: bytes | None, target: str = SPACE, key: str = "name") -> Delivery:
    return Delivery([(SPACE, PropertyOp(counter, "a", target, key, value))])


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SpaceStore]:
    opened = await SpaceStore.open(InlineDatabases(), tmp_path / "space.sqlite", SystemClock())
    yield opened
    await opened.close()


async def noted(store: SpaceStore) -> bool:
    return bool(
        await store.database.read(
            lambda connection: sql.first(
                connection, "SELECT count(*) FROM note WHERE name = 'space_name'"
            )
        )
    )


async def test_the_newest_name_counts_whenever_it_came(store: SpaceStore) -> None:
    assert await space_name(store.database, SPACE) is None
    await store.commit([named(5, b'"Work"')])
    assert await space_name(store.database, SPACE) == "Work"
    await store.commit([named(3, b'"Before"')])
    assert await space_name(store.database, SPACE) == "Work"
    await store.commit([named(6, b'"cut \\ud83d"')])
    assert await space_name(store.database, SPACE) == "cut \ud83d"
    await store.commit([named(7, None)])
    assert await space_name(store.database, SPACE) is None


async def test_what_is_no_name_of_the_space_leaves_the_note(store: SpaceStore) -> None:
    await store.commit([named(1, b'"Work"')])
    assert await space_name(store.database, SPACE) == "Work"
    await store.commit([named(2, b'"x"', target="other"), named(3, b'"x"', key="text")])
    assert await noted(store)
    assert await space_name(store.database, SPACE) == "Work"


async def test_a_name_that_was_held_counts_once_it_is_let_go(store: SpaceStore) -> None:
    await store.commit([named(1, b'"Work"')])
    await store.commit([named(2, b'"Taken"')])
    await store.database.write(lambda connection: held.hold(connection, "folder", [2], (1, 1), 1))
    await store.database.write(lambda connection: connection.execute("DELETE FROM note"))
    assert await space_name(store.database, SPACE) == "Work"
    await store.commit([Delivery(releases=[held.Release(1, 2)])])
    assert await space_name(store.database, SPACE) == "Taken"


async def test_a_failed_commit_leaves_the_name(store: SpaceStore) -> None:
    await store.commit([named(1, b'"Work"')])
    assert await space_name(store.database, SPACE) == "Work"
    with pytest.raises(TypeError):
        await store.commit([named(2, b'"Other"'), Delivery([None])])  # type: ignore[list-item]
    assert await noted(store)
    assert await space_name(store.database, SPACE) == "Work"
