"""The one way in: what fails leaves nothing, and no op id is ever used twice."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.editor import Editor
from sila_daemon.core.errors import StorageError
from sila_daemon.core.ops import OpId, PropertyOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.mirror.intake import QUEUE_ITEMS_MAX, Arrival, Intake
from sila_daemon.mirror.tree_use import TreeUse
from sila_daemon.mirror.trees import TreeCache
from sila_daemon.mirror.wakes import Wakes
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.randomness import SystemRandomness, new_id
from sila_daemon.ports.workers import InlineWorkers
from sila_daemon.store.space_store import Committed, Delivery, SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence
    from pathlib import Path

    from sila_daemon.core.rep_tree import RepTree

TREE = "66311b5732f44edab7e16ff76fa16666"


class FailingStore(SpaceStore):
    """A store whose disk fills up when it is told to."""

    is_full = False

    async def commit(self, deliveries: Sequence[Delivery]) -> list[Committed]:
        if self.is_full:
            raise StorageError("no space left")
        return await super().commit(deliveries)


class Place:
    """An intake and all that it needs."""

    def __init__(self, store: FailingStore) -> None:
        self.store = store
        self.arrivals: list[Arrival] = []
        self.trees = TreeCache(
            store, InlineWorkers(), SystemClock(), TreeUse(SystemClock(), 600.0), self.new_editor()
        )
        self.intake = Intake(store, self.trees, Wakes(), self.new_editor, self.arrivals.append)

    def new_editor(self) -> Editor:
        return Editor(lambda: "2026-11-21T00:00:00.000Z", lambda: new_id(SystemRandomness()))


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    opened = await FailingStore.open(InlineDatabases(), tmp_path / "s.sqlite", SystemClock())
    assert isinstance(opened, FailingStore)
    place = Place(opened)
    running = asyncio.ensure_future(place.intake.run())
    yield place
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    with pytest.raises(StorageError):
        await place.intake.edit([TREE], lambda trees: None)
    await opened.close()


async def plant(place: Place) -> None:
    await place.intake.edit([], lambda trees: trees[0].create_root(), fresh_ids=[TREE])


async def name(place: Place) -> object:
    root = (await place.trees.get(TREE)).root
    assert root is not None
    return root.get("name")


async def rename(place: Place, to: str, *, transient: bool = False) -> None:
    def act(trees: list[RepTree]) -> None:
        if transient:
            trees[0].set_transient(TREE, "name", to)
        else:
            trees[0].set(TREE, "name", to)

    await place.intake.edit([TREE], act)


async def test_a_failed_commit_shows_nothing_and_changes_the_author(place: Place) -> None:
    await plant(place)
    await rename(place, "kept")
    author = place.trees.editor.peer
    place.store.is_full = True
    with pytest.raises(StorageError):
        await rename(place, "lost")
    assert await name(place) == "kept"
    place.store.is_full = False
    await rename(place, "again")
    assert await name(place) == "again"
    assert place.trees.editor.peer != author
    assert place.trees.own_peers == {author, place.trees.editor.peer}


async def test_the_clock_is_stored_before_a_counter_is_used_for_live_state(place: Place) -> None:
    await plant(place)
    await rename(place, "typing", transient=True)
    tree = await place.trees.get(TREE)
    assert await place.store.counter(TREE) == tree.highest_counter
    assert [len(arrival.transients) for arrival in place.arrivals] == [0, 1]
    place.trees.drop(TREE)
    again = await place.trees.get(TREE)
    assert again.highest_counter == tree.highest_counter
    assert await name(place) is None


async def test_the_greater_of_two_contents_is_shown_whatever_came_first(place: Place) -> None:
    await plant(place)
    small, great = (PropertyOp(9, "zz", TREE, "name", text) for text in (b'"a"', b'"b"'))
    for op in (great, small):
        await place.intake.deliver(Delivery([(TREE, op)]))
        assert await name(place) == "b"
    other = PropertyOp(10, "zz", TREE, "name", b'"c"')
    await place.intake.deliver(Delivery([(TREE, other)]))
    await place.intake.deliver(Delivery([(TREE, PropertyOp(10, "zz", TREE, "name", b'"d"'))]))
    assert await name(place) == "d"
    assert len(await place.store.log.contested(TREE)) == 2
    assert OpId(9, "zz") in await place.store.log.contested(TREE)


async def test_ops_that_come_while_a_tree_is_loaded_are_in_it(place: Place) -> None:
    await plant(place)
    place.trees.drop(TREE)
    loading = asyncio.ensure_future(place.trees.get(TREE))
    await asyncio.sleep(0)
    await place.intake.deliver(Delivery([(TREE, PropertyOp(50, "zz", TREE, "name", b'"late"'))]))
    await loading
    assert await name(place) == "late"


async def test_deliveries_that_gathered_are_each_answered(place: Place) -> None:
    await plant(place)
    ops = [PropertyOp(n, "zz", TREE, f"k{n}", b"1") for n in range(10, 60)]
    outcomes = await asyncio.gather(
        *(place.intake.deliver(Delivery([(TREE, op)])) for op in ops),
        rename(place, "between"),
    )
    assert [len(outcome.new) for outcome in outcomes if outcome] == [1] * 50
    assert await name(place) == "between"


async def test_whoever_waits_for_a_place_in_the_queue_is_refused_at_the_end(tmp_path: Path) -> None:
    opened = await FailingStore.open(InlineDatabases(), tmp_path / "s.sqlite", SystemClock())
    assert isinstance(opened, FailingStore)
    place = Place(opened)
    edits = [asyncio.ensure_future(plant(place)) for _ in range(3 * QUEUE_ITEMS_MAX)]
    await asyncio.sleep(0)
    running = asyncio.ensure_future(place.intake.run())
    await asyncio.sleep(0)
    running.cancel()
    done, waiting = await asyncio.wait(edits, timeout=5)
    assert not waiting
    assert {type(edit.exception()) for edit in done} == {StorageError}
    await opened.close()
