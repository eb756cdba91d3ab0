"""State vectors are sets of op ids, whatever happens to them."""

from __future__ import annotations

import json

import pytest
from hypothesis import given
from hypothesis import strategies as st

from sila_daemon.core.state_vector import StateVector
from tests.core.tree_specification import ranges_of

pytestmark = pytest.mark.slow

OpIds = set[tuple[int, str]]

PEERS = st.sampled_from(["p", "q"])
OP_IDS: st.SearchStrategy[OpIds] = st.sets(st.tuples(st.integers(1, 40), PEERS), max_size=60)
RANGES = st.lists(
    st.tuples(st.integers(1, 40), st.integers(0, 6)).map(lambda pair: (pair[0], sum(pair))),
    max_size=8,
)


def vector_of(op_ids: OpIds) -> StateVector:
    """Builds a vector one id at a time, in the set's own order."""
    vector = StateVector()
    for counter, peer in op_ids:
        vector.add(peer, counter)
    return vector


def set_of(vector: StateVector) -> OpIds:
    """Lists every id that a vector holds."""
    return {
        (counter, peer)
        for peer in vector.peers
        for first, last in vector.ranges(peer)
        for counter in range(first, last + 1)
    }


def check(vector: StateVector, expected: OpIds) -> None:
    """Compares a vector with a plain set in every way that it can be read."""
    assert vector.to_json() == ranges_of(expected)
    assert len(vector) == len(expected)
    for peer in ("p", "q"):
        counters = [counter for counter, of in expected if of == peer]
        assert vector.highest(peer) == max(counters, default=0)
        assert [(c, peer) in vector for c in range(50)] == [c in counters for c in range(50)]


@given(OP_IDS)
def test_adding_one_by_one(op_ids: OpIds) -> None:
    check(vector_of(op_ids), op_ids)
    vector = vector_of(op_ids)
    assert not any(vector.add(peer, counter) for counter, peer in op_ids)


@given(OP_IDS, st.lists(st.sets(st.integers(1, 40), max_size=30), max_size=4))
def test_adding_sorted_counters(op_ids: OpIds, groups: list[set[int]]) -> None:
    vector, expected = vector_of(op_ids), set(op_ids)
    for group in groups:
        known = vector.add_sorted("p", sorted(group))
        assert known == sorted(counter for counter in group if (counter, "p") in expected)
        expected |= {(counter, "p") for counter in group}
        check(vector, expected)


@given(OP_IDS, RANGES)
def test_adding_ranges(op_ids: OpIds, ranges: list[tuple[int, int]]) -> None:
    vector = vector_of(op_ids)
    vector.add_ranges("q", ranges)
    added = {(counter, "q") for first, last in ranges for counter in range(first, last + 1)}
    check(vector, op_ids | added)
    assert vector.ranges("p") == vector_of(op_ids).ranges("p"), "other peers are left alone"


@given(OP_IDS, OP_IDS)
def test_union_and_difference(ours: OpIds, theirs: OpIds) -> None:
    left, right = vector_of(ours), vector_of(theirs)
    check(left.minus(right), ours - theirs)
    check(right.minus(left), theirs - ours)
    merged = left.copy()
    merged.merge(right)
    check(merged, ours | theirs)
    check(left, ours)
    check(right, theirs)
    assert (left == right) == (ours == theirs)
    # Whoever sends what the other lacks makes both equal.
    right.merge(left.minus(right))
    assert right == merged


@given(OP_IDS)
def test_the_wire_form_leads_back(op_ids: OpIds) -> None:
    vector = vector_of(op_ids)
    text = json.dumps(vector.to_json())
    again = StateVector.from_json(json.loads(text))
    assert again == vector
    assert set_of(again) == op_ids
    assert StateVector({peer: vector.ranges(peer) for peer in vector.peers}) == vector
