"""Batches: known ops, ids used twice, ops that wait, live state laid over."""

from __future__ import annotations

import itertools
import random
import time

import pytest

from sila_daemon.core.op_codec import MoveRow, PropertyRow
from sila_daemon.core.ops import MoveOp, Op, PropertyOp, content_bytes
from sila_daemon.core.rep_tree import RepTree
from tests.core.tree_specification import picture_of

ROOT_OP = MoveOp(1, "p", "tree", None)


def put(
    counter: int, text: bytes | None, *, peer: str = "p", key: str = "k", live: bool = False
) -> PropertyOp:
    """A property op on the root."""
    return PropertyOp(counter, peer, "tree", key, text, transient=live)


def planted(*ops: Op) -> RepTree:
    """A tree with a root and some more."""
    tree = RepTree("tree")
    tree.merge([ROOT_OP, *ops])
    return tree


def value(tree: RepTree, key: str = "k") -> object:
    """Reads a property of the root."""
    assert tree.root is not None
    return tree.root.get(key)


def test_known_ops_are_counted_as_duplicates() -> None:
    tree = planted(put(2, b"1"), MoveOp(3, "p", "v", "unborn"))
    again = tree.merge(
        [ROOT_OP, put(2, b"1.0"), MoveOp(3, "p", "v", "unborn"), put(4, b"2", key="x")]
    )
    assert (again.added, again.duplicates, again.conflicts, again.unverified) == (1, 3, [], [])


def test_known_ops_within_one_batch() -> None:
    tree = RepTree("tree")
    result = tree.merge([ROOT_OP, ROOT_OP, put(2, b"1"), put(2, b"1"), put(2, b"2")])
    assert (result.added, result.duplicates, result.conflicts) == (2, 2, [put(2, b"2")])
    assert value(tree) == 1


@pytest.mark.parametrize(
    ("held", "other"),
    [
        (put(5, b"1"), put(5, b"2")),
        (put(5, b"1"), put(5, None)),
        (put(5, b"1"), put(5, b"1", key="other")),
        (put(5, b"1"), PropertyOp(5, "p", "unknown", "k", b"1")),
        (put(5, b"1"), MoveOp(5, "p", "v", "tree")),
        (MoveOp(5, "p", "v", "tree"), MoveOp(5, "p", "v", None)),
        (MoveOp(5, "p", "v", "tree"), MoveOp(5, "p", "w", "tree")),
        (MoveOp(5, "p", "v", "unborn"), MoveOp(5, "p", "v", "tree")),
        (MoveOp(5, "p", "v", "tree"), put(5, b"1")),
        (MoveOp(5, "p", "v", "unborn"), put(5, b"1")),
    ],
    ids=range(10),
)
@pytest.mark.parametrize("together", [True, False])
def test_an_id_with_another_content_is_a_conflict(held: Op, other: Op, together: bool) -> None:
    tree = planted(put(4, b'"old"'))
    if together:
        # Moves of a batch are taken first, whatever the order in which they came.
        first = [held, other] if not isinstance(other, MoveOp) else [other, held]
        conflicts = tree.merge(first).conflicts
        assert len(conflicts) == 1
        assert {content_bytes(op) for op in conflicts} < {content_bytes(held), content_bytes(other)}
        return
    tree.merge([held])
    before = picture_of(tree)
    result = tree.merge([other])
    assert (result.added, result.duplicates, result.unverified) == (0, 0, [])
    assert result.conflicts == [other]
    assert picture_of(tree) == before


def test_an_id_held_by_a_superseded_op_is_left_to_the_op_log() -> None:
    tree = planted(put(5, b"1"), put(6, b"2"))
    same, other = put(5, b"1"), put(5, b"9")
    result = tree.merge([same, other])
    assert (result.added, result.duplicates, result.conflicts) == (0, 0, [])
    assert result.unverified == [same, other]


def test_properties_of_vertices_that_do_not_exist_yet_wait() -> None:
    tree = RepTree("tree")
    waiting: list[Op] = [
        PropertyOp(5, "p", "v", "k", b"1"),
        PropertyOp(6, "p", "v", "k", b"2"),
        PropertyOp(7, "p", "w", "k", None),
    ]
    tree.merge(waiting)
    assert tree.pending_properties == 3
    assert "v" not in tree
    assert list(tree.vertex_ids()) == []
    assert tree.vector.to_json() == {"p": [[5, 7]]}
    tree.merge([ROOT_OP, MoveOp(2, "p", "v", "tree")])
    assert tree.pending_properties == 1
    vertex = tree.vertex("v")
    assert vertex is not None
    assert vertex.properties == {"k": 2}


def test_moves_that_only_create_each_other_wait() -> None:
    tree = planted()
    tree.merge([MoveOp(2, "p", "a", "b"), MoveOp(3, "p", "b", "a"), MoveOp(4, "p", "c", "c")])
    assert tree.pending_moves == 3
    assert tree.op_count == 4
    tree.merge([MoveOp(9, "p", "b", "tree")])
    assert tree.pending_moves == 1
    assert picture_of(tree).parents == {"tree": None, "b": "tree", "a": "b"}


def test_rows_may_come_properties_first() -> None:
    tree = RepTree("tree")
    with tree.batch() as batch:
        batch.add_properties("p", [PropertyRow(2, "tree", "k", b"1")])
        batch.add_properties("p", [])
        batch.add_moves("p", [MoveRow(1, "tree", None), MoveRow(1, "tree", None)])
        batch.add_moves("p", [])
        batch.settle_moves()
        batch.settle_moves()
    assert (batch.result.added, batch.result.duplicates) == (2, 1)
    assert tree.pending_properties == 0
    assert value(tree) == 1


LIVE = [put(5, b"5", live=True), put(7, b"7", live=True), put(6, b"6"), put(8, b"8")]


@pytest.mark.parametrize("count", [1, 2, 3, 4])
def test_live_state_and_stored_state_in_any_order(count: int) -> None:
    for chosen in itertools.combinations(LIVE, count):
        for order in itertools.permutations(chosen):
            for size in (1, 2, 4):
                tree = planted()
                for start in range(0, count, size):
                    tree.merge(order[start : start + size])
                assert value(tree) == max(op.counter for op in chosen)


def test_live_state_is_neither_held_nor_stored() -> None:
    tree = planted(put(2, b"1"))
    result = tree.merge([put(9, b"9", live=True, peer="q")])
    assert result.added == 0
    assert tree.op_count == 2
    assert tree.vector.to_json() == {"p": [[1, 2]]}
    assert tree.highest_counter == 9
    root = tree.root
    assert root is not None
    assert root.properties == {"k": 9}
    assert tree.texts(0, with_transient=False) == [("k", b"1")]
    assert tree.text(0, "k", with_transient=False) == b"1"


def test_live_state_may_hide_a_property() -> None:
    tree = planted(put(2, b"1"), put(2 + 1, b"2", key="other"))
    tree.merge([put(9, b"{}", live=True), put(8, b"8", live=True, key="third")])
    root = tree.root
    assert root is not None
    assert root.properties == {"other": 2, "third": 8}
    tree.merge([put(10, b"10")])
    assert root.properties == {"k": 10, "other": 2, "third": 8}


def test_live_state_of_what_is_not_there_is_let_go() -> None:
    tree = planted()
    tree.merge([PropertyOp(9, "p", "v", "k", b"1", transient=True)])
    tree.merge([MoveOp(10, "p", "v", "tree")])
    vertex = tree.vertex("v")
    assert vertex is not None
    assert vertex.properties == {}
    assert tree.highest_counter == 10


@pytest.mark.slow
@pytest.mark.parametrize("seed", range(100))
def test_random_live_state_ends_with_the_latest(seed: int) -> None:
    rng = random.Random(seed)
    ops = [
        put(
            counter,
            rng.choice((None, b"%d" % counter)),
            peer=rng.choice("pq"),
            live=rng.random() < 0.5,
        )
        for counter in rng.sample(range(2, 30), 10)
    ]
    tree = planted()
    for op in ops:
        tree.merge([op])
    stored = [op.counter for op in ops if not op.transient]
    live = [op.counter for op in ops if op.transient]
    winner = max(ops, key=lambda op: op.counter)
    if live and (not stored or max(live) > max(stored)):
        assert winner.transient
    assert value(tree) == (None if winner.value is None else winner.counter)


def test_a_waiting_move_that_comes_again_is_compared() -> None:
    tree = RepTree("tree")
    moves: list[Op] = [MoveOp(number, "p", f"v{number}", "nowhere") for number in range(1, 4)]
    tree.merge([*moves, PropertyOp(4, "p", "v1", "key", b"1")])
    assert tree.merge(moves).duplicates == 3
    other: list[Op] = [MoveOp(1, "p", "v1", "elsewhere"), MoveOp(2, "p", "v1", "nowhere")]
    assert tree.merge(other).conflicts == other
    # A property op under the id of a move: the winner is newer, so the log has to tell.
    assert tree.merge([PropertyOp(3, "p", "v1", "key", b"1")]).unverified
    assert tree.merge([PropertyOp(3, "p", "v2", "key", b"1")]).conflicts
    assert tree.pending_moves == 3


@pytest.mark.slow
def test_waiting_moves_that_come_again_cost_no_more_than_at_first() -> None:
    tree = RepTree("tree")
    moves = [MoveOp(number, "p", f"v{number}", "nowhere") for number in range(1, 15_000)]
    began = time.perf_counter()
    tree.merge(moves)
    at_first = time.perf_counter() - began
    began = time.perf_counter()
    assert tree.merge(moves).duplicates == len(moves)
    # Looking each one up among all that wait would take hundreds of times as long.
    assert time.perf_counter() - began < 50 * at_first
