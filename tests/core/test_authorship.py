"""Who put a vertex where it is, and who set its properties."""

from __future__ import annotations

import random

import pytest

from sila_daemon.core.authorship import Placing, placing_of, setters_of
from sila_daemon.core.ops import MoveOp, Op, OpId, PropertyOp
from sila_daemon.core.rep_tree import RepTree

OPS: list[Op] = [
    MoveOp(1, "ann", "0", None),
    MoveOp(2, "ann", "tree", None),
    MoveOp(3, "ann", "a", "tree"),
    MoveOp(4, "ann", "b", "tree"),
    PropertyOp(5, "ann", "a", "name", b'"one"'),
    PropertyOp(5, "bob", "a", "name", b'"two"'),
    PropertyOp(6, "ann", "a", "gone", b"1"),
    PropertyOp(7, "bob", "a", "gone", None),
    PropertyOp(8, "cid", "a", "live", b"1", transient=True),
    MoveOp(9, "bob", "a", "b"),
    MoveOp(10, "cid", "b", "a"),
]
"""The last one would make a cycle, and is skipped."""


def merged(ops: list[Op]) -> RepTree:
    tree = RepTree("tree")
    tree.merge(ops)
    return tree


def placing(tree: RepTree, vertex_id: str) -> Placing | None:
    index = tree.index_of(vertex_id)
    assert index is not None
    return placing_of(tree, index)


@pytest.mark.parametrize("seed", range(20))
def test_the_op_that_counts_is_named_in_whatever_order_ops_come(seed: int) -> None:
    ops = random.Random(seed).sample(OPS, len(OPS))
    tree = RepTree("tree")
    for op in ops:
        tree.merge([op])
    assert placing(tree, "tree") == Placing(OpId(2, "ann"), is_first=True)
    assert placing(tree, "a") == Placing(OpId(9, "bob"), is_first=False)
    assert placing(tree, "b") == Placing(OpId(4, "ann"), is_first=True)
    index = tree.index_of("a")
    assert index is not None
    setters = setters_of(tree, index)
    assert setters["name"] == OpId(5, "bob")
    assert "gone" not in setters, "a property that is not set has nobody who set it"
    assert set(setters) == {key for key, _ in tree.texts(index)}


def test_live_state_names_who_showed_it() -> None:
    tree = merged(OPS)
    index = tree.index_of("a")
    assert index is not None
    assert setters_of(tree, index)["live"] == OpId(8, "cid")


def test_the_last_move_is_found_whatever_bytes_the_numbers_of_vertices_have() -> None:
    ops: list[Op] = [MoveOp(1, "p", "tree", None)]
    ops += [MoveOp(at + 2, "p", f"v{at}", "tree") for at in range(70_000)]
    tree = merged(ops)
    # With 256 and its multiples, four bytes across two numbers look like another number.
    for at in (0, 1, 254, 255, 256, 257, 511, 65_279, 65_534, 65_535, 65_536, 69_999):
        assert placing(tree, f"v{at}") == Placing(OpId(at + 2, "p"), is_first=True)
    assert placing(tree, "tree") == Placing(OpId(1, "p"), is_first=True)
