"""Merging is commutative, associative and idempotent, and so replicas converge."""

from __future__ import annotations

import random
from typing import TYPE_CHECKING

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sila_daemon.core.rep_tree import RepTree
from tests.core.tree_specification import Picture, expected_picture, picture_of
from tests.properties.strategies import small_ops

if TYPE_CHECKING:
    from sila_daemon.core.ops import Op

pytestmark = pytest.mark.slow


def merged(*batches: list[Op]) -> Picture:
    """The picture after merging batches one after the other, looked at after each."""
    tree = RepTree("tree")
    for batch in batches:
        tree.merge(batch)
        picture_of(tree)
    return picture_of(tree)


@given(small_ops())
def test_a_tree_is_what_the_specification_says(ops: list[Op]) -> None:
    assert merged(ops) == expected_picture("tree", ops)


@given(small_ops(), st.randoms(use_true_random=False))
def test_merging_is_commutative(ops: list[Op], rng: random.Random) -> None:
    shuffled = sorted(ops, key=lambda _: rng.random())
    assert merged(*([op] for op in shuffled)) == merged(ops)


@given(small_ops(), st.integers(0, 30), st.integers(0, 30))
def test_merging_is_associative(ops: list[Op], one: int, two: int) -> None:
    first, second = sorted((one, two))
    a, b, c = ops[:first], ops[first:second], ops[second:]
    assert merged(a + b, c) == merged(a, b + c) == merged(a, b, c)


@given(small_ops(), st.integers(0, 30))
def test_merging_is_idempotent(ops: list[Op], count: int) -> None:
    assert merged(ops, ops) == merged(ops[count:], ops + ops[:count]) == merged(ops)


@given(small_ops(), st.data())
def test_replicas_that_hold_the_same_ops_converge(ops: list[Op], data: st.DataObject) -> None:
    sides = [[], []]  # type: list[list[Op]]
    for op in ops:
        for side in data.draw(st.sampled_from([(0,), (1,), (0, 1)])):
            sides[side].append(op)
    left, right = RepTree("tree"), RepTree("tree")
    left.merge(sides[0])
    right.merge(sides[1])
    missing_left = right.vector.minus(left.vector)
    missing_right = left.vector.minus(right.vector)
    left.merge([op for op in sides[1] if op.id in missing_left])
    right.merge([op for op in sides[0] if op.id in missing_right])
    assert picture_of(left) == picture_of(right) == merged(ops)
    assert left.vector == right.vector
