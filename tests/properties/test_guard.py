"""What was held is lost to nobody: after yes a tree is as if nothing had ever been held."""

from __future__ import annotations

import asyncio
import tempfile
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sila_daemon.core.editor import Editor
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store.guard import Guard, GuardSettings
from sila_daemon.store.held import Held, Release
from sila_daemon.store.schema import FOLDER
from sila_daemon.store.space_store import Delivery, SpaceStore
from tests.core.tree_specification import Picture, picture_of
from tests.properties.strategies import small_ops

if TYPE_CHECKING:
    from sila_daemon.core.ops import Op

pytestmark = pytest.mark.slow

TREE = "tree"
SERVER = "https://example.org"
ANY_LOSS = GuardSettings(share=0.0, vertices_min=1)


def merged(ops: list[Op]) -> Picture:
    tree = RepTree(TREE)
    tree.merge(ops)
    return picture_of(tree)


async def stored(store: SpaceStore) -> Picture:
    """What is seen of what the store shows."""
    tree = RepTree(TREE)
    with tree.batch() as batch:
        for rows in await store.load(TREE):
            batch.add_moves(rows.peer, rows.moves)
            batch.add_properties(rows.peer, rows.properties)
    return picture_of(tree)


async def held_and_released(
    path: Path, before: list[Op], parts: list[tuple[str, list[Op]]]
) -> tuple[Picture, Picture, bool]:
    """Returns what is seen while things are held and after, and whether the vector has all."""
    guard = Guard(ANY_LOSS, SystemClock(), TREE)
    store = await SpaceStore.open(InlineDatabases(), path, SystemClock(), guard)
    held, ops = Held(store.database), before + [op for _, part in parts for op in part]
    shown = [(TREE, op) for op in before]
    try:
        await store.set_layers([FOLDER, SERVER])
        await store.commit([Delivery(shown)])
        for layer in (FOLDER, SERVER):
            await store.first_sync.is_over(layer)
        for source, part in parts:
            [committed] = await store.commit([Delivery([(TREE, op) for op in part], source)])
            shown += committed.new
        meanwhile = await stored(store)
        assert meanwhile == merged([op for _, op in shown])
        for hold in await held.holds():
            await store.commit([Delivery(releases=[Release(hold.number, hold.last_seq)])])
        vector = await store.vector(TREE)
        return meanwhile, await stored(store), all(op.id in vector for op in ops)
    finally:
        await store.close()


@given(small_ops(), st.data())
def test_after_yes_everything_is_as_if_nothing_had_been_held(
    ops: list[Op], data: st.DataObject
) -> None:
    count = data.draw(st.integers(0, len(ops)))
    before = ops[:count]
    parts = [(data.draw(st.sampled_from([FOLDER, SERVER])), [op]) for op in ops[count:]]
    with tempfile.TemporaryDirectory() as home:
        meanwhile, after, has_all = asyncio.run(
            held_and_released(Path(home) / "s.sqlite", before, parts)
        )
    assert (after, has_all) == (merged(ops), True)
    living = {vertex for vertex in merged(before).parents if vertex not in merged(before).deleted}
    assert not living & meanwhile.deleted, "nothing is taken away by anybody but us"


@given(small_ops(), st.integers(0, 30))
def test_what_is_kept_stays_as_it_is_whatever_comes(ops: list[Op], count: int) -> None:
    editor = Editor(lambda: "2026-11-21T00:00:00.000Z", lambda: "keeper")
    tree = RepTree(TREE, editor)
    tree.merge(ops[:count])
    before = picture_of(tree)
    against = [op for op in ops[count:] if op.target in tree]
    tree.raise_counter(max((op.counter for op in against), default=0))
    tree.keep(against)
    assert picture_of(tree).parents == before.parents
    tree.merge(against)
    after = picture_of(tree)
    assert (after.parents, after.properties) == (before.parents, before.properties)
