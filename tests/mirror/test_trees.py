"""Trees in memory: loaded on demand, unloaded when idle or beyond the budget, never mid-edit."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.editor import Editor
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.mirror.intake import Intake
from sila_daemon.mirror.tree_use import TreeUse
from sila_daemon.mirror.trees import REPLAY_INLINE_OPS_MAX, TreeCache
from sila_daemon.mirror.wakes import Wakes
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.workers import InlineWorkers
from sila_daemon.store.space_store import Delivery, SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sila_daemon.core.rep_tree import RepTree

A, B, C, D, BIG = (letter * 32 for letter in "abcde")
IDLE_S = 100.0
OPS_MAX = 30


class HandClock:
    """Time that passes when a test says so."""

    def __init__(self) -> None:
        self.now = 0.0
        self._passed = asyncio.Condition()

    def time(self) -> float:
        return self.now

    def monotonic(self) -> float:
        return self.now

    async def sleep(self, seconds: float) -> None:
        until = self.now + seconds
        async with self._passed:
            await self._passed.wait_for(lambda: self.now >= until)

    async def advance(self, seconds: float) -> None:
        self.now += seconds
        async with self._passed:
            self._passed.notify_all()
        for _ in range(20):
            await asyncio.sleep(0)


class Place:
    """A store with trees of ten ops each, and a cache of it."""

    def __init__(self, store: SpaceStore) -> None:
        self.store = store
        self.clock = HandClock()
        use = TreeUse(self.clock, IDLE_S, OPS_MAX)
        self.trees = TreeCache(store, InlineWorkers(), self.clock, use, editor())
        self.intake = Intake(store, self.trees, Wakes(), editor, lambda arrival: None)

    async def plant(self, *tree_ids: str, count: int = 10) -> None:
        for tree_id in tree_ids:
            ops = [(tree_id, op) for op in moves(count)]
            await self.store.commit([Delivery(ops)])

    async def loaded_anew(self, tree_id: str, before: RepTree) -> bool:
        return await self.trees.get(tree_id) is not before


def editor() -> Editor:
    return Editor(lambda: "2026-01-01T00:00:00.000Z", iter(f"peer{n}" for n in range(99)).__next__)


def moves(count: int) -> list[Op]:
    return [MoveOp(n, "aa", f"v{n}", None if n == 1 else "v1") for n in range(1, count + 1)]


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    store = await SpaceStore.open(InlineDatabases(), tmp_path / "space.sqlite", SystemClock())
    place = Place(store)
    running = [asyncio.ensure_future(service.run()) for service in (place.intake, place.trees)]
    yield place
    for task in running:
        task.cancel()
    await asyncio.gather(*running, return_exceptions=True)
    await store.close()


async def test_an_idle_tree_is_unloaded_and_a_used_one_is_not(place: Place) -> None:
    await place.plant(A, B)
    a, b = await place.trees.get(A), await place.trees.get(B)
    for _ in range(6):
        await place.clock.advance(IDLE_S / 4)
        assert await place.trees.get(B) is b
    assert await place.loaded_anew(A, a)


async def test_beyond_the_budget_the_longest_unused_goes(place: Place) -> None:
    await place.plant(A, B, C, D)
    a, b, _ = [await place.trees.get(tree_id) for tree_id in (A, B, C)]
    assert await place.trees.get(A) is a
    await place.trees.get(D)
    assert await place.trees.get(A) is a
    assert await place.loaded_anew(B, b)


async def test_a_tree_larger_than_the_budget_is_kept_while_it_is_used(place: Place) -> None:
    await place.plant(A, count=OPS_MAX + 1)
    a = await place.trees.get(A)
    assert await place.trees.get(A) is a


async def test_a_tree_is_not_unloaded_in_the_middle_of_an_edit(place: Place) -> None:
    await place.plant(A)
    await place.plant(BIG, count=OPS_MAX + 1)
    a = await place.trees.get(A)
    with place.trees.held([A]):
        await place.trees.get(BIG)
        await place.clock.advance(2 * IDLE_S)
        assert await place.trees.get(A) is a
    await place.intake.edit([A], lambda trees: trees[0].set("v1", "name", "kept"))
    await place.clock.advance(2 * IDLE_S)
    again = await place.trees.get(A)
    root = again.vertex("v1")
    assert again is not a and root is not None and root.get("name") == "kept"


async def test_an_edit_holds_its_trees_until_it_is_committed(place: Place) -> None:
    await place.plant(A, B)

    def act(trees: list[RepTree]) -> RepTree:
        place.clock.now += 2 * IDLE_S  # The next look at idle trees comes during the commit.
        trees[0].set("v1", "name", "kept")
        return trees[0]

    edited = asyncio.ensure_future(place.intake.edit([A], act))
    unloading = asyncio.ensure_future(place.clock.advance(2 * IDLE_S))
    tree = await edited
    await unloading
    root = (await place.trees.get(A)).vertex("v1")
    assert root is not None and root.get("name") == "kept"
    assert tree.op_count == 11


async def test_what_would_replay_much_is_left_to_a_worker(place: Place) -> None:
    """Undoing and doing again a long history takes longer than the event loop may be held."""
    await place.plant(A, count=REPLAY_INLINE_OPS_MAX + 100)
    a = await place.trees.get(A)
    late: Op = MoveOp(5, "zz", "v9", "v8")
    recent: Op = MoveOp(REPLAY_INLINE_OPS_MAX + 101, "zz", "v9", "v8")
    value: Op = PropertyOp(5, "yy", "v9", "name", b'"x"')
    await place.intake.deliver(Delivery([(A, recent), (A, value)]))
    assert await place.trees.get(A) is a
    await place.intake.deliver(Delivery([(A, late)]))
    again = await place.trees.get(A)
    assert again is not a and again.op_count == a.op_count + 1
