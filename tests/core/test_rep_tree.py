"""Edits, what they refuse, and what observers are told."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator
from typing import Any

import pytest

from sila_daemon.core import ids
from sila_daemon.core.changes import Change, PropertyChanged, VertexCreated, VertexMoved
from sila_daemon.core.editor import Editor
from sila_daemon.core.errors import (
    InvalidIdError,
    InvalidValueError,
    NotFoundError,
    SilaError,
    UsageError,
)
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.core.rep_tree import RepTree
from tests.core.histories import new_editor
from tests.core.tree_specification import picture_of

NOW = "2026-01-02T03:04:05.006Z"
NOW_TEXT = b'"2026-01-02T03:04:05.006Z"'


def planted() -> RepTree:
    """A tree with a root, whose peer is `me` and whose new ids are v1, v2, ..."""
    names = iter(["me", *(f"v{number}" for number in range(1, 100))])
    tree = RepTree("tree", Editor(lambda: NOW, lambda: next(names)))
    assert tree.create_root().id == "tree"
    return tree


def test_an_empty_tree() -> None:
    tree = RepTree("tree")
    assert tree.root is None
    assert tree.vertex("tree") is None
    assert "tree" not in tree
    assert list(tree.vertex_ids()) == []
    assert (tree.op_count, tree.vertex_count, tree.highest_counter) == (0, 0, 0)
    assert (tree.pending_moves, tree.pending_properties) == (0, 0)
    assert tree.merge([]).added == 0
    with pytest.raises(InvalidIdError):
        RepTree("../x")


def test_a_fresh_tree_begins_as_the_original_does() -> None:
    tree = planted()
    assert tree.take_local_ops() == [
        MoveOp(1, "me", "0", None),
        PropertyOp(2, "me", "0", "_c", NOW_TEXT),
        MoveOp(3, "me", "tree", None),
        PropertyOp(4, "me", "tree", "_c", NOW_TEXT),
    ]
    assert tree.take_local_ops() == []
    with pytest.raises(UsageError, match="has a root already"):
        tree.create_root()


def test_a_root_joins_a_null_vertex_that_is_there() -> None:
    tree = RepTree("tree", new_editor(random.Random(1)))
    tree.merge([MoveOp(5, "p", "0", None)])
    tree.create_root()
    assert [op.counter for op in tree.take_local_ops()] == [6, 7]


def test_edits_make_ops() -> None:
    tree = planted()
    tree.take_local_ops()
    vertex = tree.create("tree", {"name": "one", "n": 1.0})
    other = tree.create("tree")
    tree.move(vertex.id, other.id)
    tree.set(vertex.id, "name", None)
    tree.unset(vertex.id, "n")
    tree.delete(other.id)
    assert tree.take_local_ops() == [
        MoveOp(5, "me", "v1", "tree"),
        PropertyOp(6, "me", "v1", "_c", NOW_TEXT),
        PropertyOp(7, "me", "v1", "name", b'"one"'),
        PropertyOp(8, "me", "v1", "n", b"1"),
        MoveOp(9, "me", "v2", "tree"),
        PropertyOp(10, "me", "v2", "_c", NOW_TEXT),
        MoveOp(11, "me", "v1", "v2"),
        PropertyOp(12, "me", "v1", "name", b"null"),
        PropertyOp(13, "me", "v1", "n", None),
        MoveOp(14, "me", "v2", "0"),
    ]
    assert vertex.is_deleted
    assert vertex.properties == {"_c": NOW, "name": None}


def test_a_vertex_and_its_properties_are_one_edit() -> None:
    tree = planted()
    told: list[list[Change]] = []
    tree.observe(told.append)
    tree.create("tree", {"name": "one", "n": 1})
    assert told == [[VertexCreated("v1", "tree")]]
    tree.raise_counter(2**53 - 4)
    tree.take_local_ops()
    with pytest.raises(UsageError):
        tree.create("tree", {"name": "one", "n": 1})
    assert "v2" not in tree
    assert tree.take_local_ops() == []


def test_an_edit_is_kept_for_the_store_whatever_an_observer_does() -> None:
    tree = planted()
    tree.take_local_ops()

    def fail(changes: list[Change]) -> None:
        raise RuntimeError("a screen is broken")

    tree.observe(fail)
    with pytest.raises(RuntimeError):
        tree.set("tree", "name", "x")
    assert tree.take_local_ops() == [PropertyOp(5, "me", "tree", "name", b'"x"')]


@pytest.mark.parametrize("value", [2**53, -(2**53), [2**60], {"a": [{"b": 2**64}]}])
def test_integers_that_another_replica_would_change_are_refused(value: Any) -> None:
    tree = planted()
    with pytest.raises(InvalidValueError, match=r"2\^53-1"):
        tree.set("tree", "n", value)
    tree.set("tree", "n", 2**53 - 1)
    tree.set("tree", "n", float(2**60))


def test_what_was_deleted_goes_back_to_where_it_was() -> None:
    tree = planted()
    folder, other = tree.create("tree", {"name": "folder"}), tree.create("tree")
    note = tree.create(folder.id, {"name": "note"})
    tree.move(note.id, other.id)
    tree.move(note.id, folder.id)
    for _ in range(2):
        tree.delete(note.id)
        assert tree.trashed() == {note.index: folder.index}
        tree.delete(note.id)  # once more in the trash: that is not where it came from
        assert tree.place_before(note.id) == folder.id
        tree.restore(note.id)
        assert (note.parent, tree.trashed()) == (folder, {})


def test_what_has_no_place_to_go_back_to_needs_to_be_given_one() -> None:
    tree = planted()
    folder = tree.create("tree")
    note = tree.create(folder.id)
    tree.delete(note.id)
    tree.delete(folder.id)
    with pytest.raises(UsageError, match="is not there any more") as refused:
        tree.restore(note.id)
    assert refused.value.code == "no_place"
    tree.restore(note.id, "tree")
    assert note.parent == tree.root
    with pytest.raises(NotFoundError, match="not in the trash"):
        tree.restore(note.id)
    tree.restore(folder.id)
    assert tree.trashed() == {}


def test_what_was_made_in_the_trash_has_no_earlier_place() -> None:
    tree = planted()
    tree.merge([MoveOp(50, "peer", "stray", ids.NULL_VERTEX)])
    stray = tree.vertex("stray")
    assert stray is not None
    assert tree.trashed() == {stray.index: None}
    with pytest.raises(UsageError, match="is not there any more"):
        tree.restore("stray")


def test_a_delete_makes_the_null_vertex_where_it_is_missing() -> None:
    tree = RepTree("tree", new_editor(random.Random(1), "me"))
    tree.merge([MoveOp(1, "p", "tree", None), MoveOp(2, "p", "v", "tree")])
    tree.delete("v")
    moves = [op for op in tree.take_local_ops() if isinstance(op, MoveOp)]
    assert moves == [MoveOp(3, "me", "0", None), MoveOp(5, "me", "v", "0")]
    vertex = tree.vertex("v")
    assert vertex is not None
    assert vertex.is_deleted


def test_the_peer_is_taken_at_the_first_edit() -> None:
    editor = new_editor(random.Random(1), "me")
    tree = RepTree("tree", editor)
    tree.merge([MoveOp(1, "p", "tree", None)])
    before = editor.has_edited
    tree.set("tree", "name", "x")
    assert (before, editor.has_edited, editor.peer) == (False, True, "me")


def test_edits_that_cannot_be_are_refused_in_words() -> None:
    tree = planted()
    one = tree.create("tree")
    two = tree.create(one.id)
    before = picture_of(tree)
    tree.take_local_ops()
    for vertex, parent in ((one, one), (one, two), (one, tree.vertex("v2"))):
        assert parent is not None
        with pytest.raises(UsageError, match="cannot be moved into itself or below itself"):
            tree.move(vertex.id, parent.id)
    for root in ("tree", "0"):
        with pytest.raises(UsageError, match="root of a tree cannot be deleted"):
            tree.delete(root)
        with pytest.raises(UsageError, match="root of a tree cannot be moved"):
            tree.move(root, one.id)
    with pytest.raises(NotFoundError, match="no vertex 'nope'"):
        tree.create("nope")
    edits: list[Callable[[], None]] = [
        lambda: tree.move("nope", "tree"),
        lambda: tree.move("v1", "nope"),
        lambda: tree.delete("nope"),
        lambda: tree.set("nope", "k", 1),
        lambda: tree.unset("nope", "k"),
        lambda: tree.set_transient("nope", "k", 1),
    ]
    for edit in edits:
        with pytest.raises(NotFoundError, match="no vertex 'nope'"):
            edit()
    assert tree.take_local_ops() == []
    assert picture_of(tree) == before


@pytest.mark.parametrize(
    ("value", "error"),
    [
        ({}, "means deletion"), ([], "means deletion"), (float("nan"), "not finite"),
        (object(), "not JSON"), ((1,), "not JSON"), ({1: 2}, "not a string"),
    ],
    ids=range(6),
)  # fmt: skip
def test_values_that_not_every_replica_keeps_are_refused(value: Any, error: str) -> None:
    tree = planted()
    tree.take_local_ops()
    with pytest.raises(InvalidValueError, match=error):
        tree.set("tree", "k", value)
    with pytest.raises(InvalidValueError, match=error):
        tree.create("tree", {"fine": 1, "k": value})
    assert tree.take_local_ops() == []
    assert tree.vertex_count == 2


@pytest.mark.parametrize("key", ["", "k" * 257])
def test_keys_are_checked(key: str) -> None:
    tree = planted()
    tree.take_local_ops()
    with pytest.raises(InvalidIdError):
        tree.set("tree", key, 1)
    with pytest.raises(SilaError):
        tree.unset("tree", key)
    assert tree.take_local_ops() == []


def test_a_tree_without_an_editor_is_for_reading() -> None:
    tree = RepTree("tree")
    tree.merge([MoveOp(1, "p", "tree", None)])
    with pytest.raises(UsageError, match="for reading only"):
        tree.set("tree", "k", 1)
    with pytest.raises(UsageError, match="for reading only"):
        tree.create("tree")


def test_counters_go_on_from_the_highest_ever_seen() -> None:
    tree = planted()
    tree.take_local_ops()
    tree.merge([PropertyOp(50, "p", "tree", "k", b"1", transient=True)])
    tree.set("tree", "a", 1)
    tree.raise_counter(100)
    tree.raise_counter(60)
    tree.set("tree", "a", 2)
    assert [op.counter for op in tree.take_local_ops()] == [51, 101]


def test_the_last_counter_is_not_passed() -> None:
    tree = planted()
    tree.take_local_ops()
    tree.raise_counter(2**53 - 2)
    tree.set("tree", "k", "last")
    with pytest.raises(UsageError, match="used up"):
        tree.set("tree", "k", "one too many")
    assert [op.counter for op in tree.take_local_ops()] == [2**53 - 1]


def test_live_state_is_an_op_of_its_own_kind() -> None:
    tree = planted()
    tree.take_local_ops()
    tree.set_transient("tree", "typing", True)
    assert tree.take_local_ops() == [PropertyOp(5, "me", "tree", "typing", b"true", transient=True)]
    assert tree.root is not None
    assert tree.root.get("typing") is True


def told(tree: RepTree, ops: list[Op]) -> list[Change]:
    """Merges ops and returns what an observer was told."""
    told: list[list[Change]] = []
    end = tree.observe(told.append)
    tree.merge(ops)
    end()
    assert len(told) <= 1
    return told[0] if told else []


def test_changes_of_a_batch_are_coalesced() -> None:
    tree = planted()
    tree.create("tree")
    tree.create("tree")
    changes = told(
        tree,
        [
            MoveOp(20, "p", "new", "v1"),
            PropertyOp(21, "p", "new", "name", b'"x"'),
            MoveOp(22, "p", "v1", "v2"),
            MoveOp(23, "p", "v1", "0"),
            PropertyOp(24, "p", "v2", "k", b"1"),
            PropertyOp(25, "p", "v2", "k", b"2"),
            PropertyOp(26, "p", "unborn", "k", b"1"),
            MoveOp(27, "p", "v2", "tree"),
        ],
    )
    assert changes == [
        VertexCreated("new", "v1"),
        VertexMoved("v1", "tree", "0"),
        PropertyChanged("v2", "k"),
    ]


def test_nothing_new_is_not_told() -> None:
    tree = planted()
    ops = tree.take_local_ops()
    assert told(tree, ops) == []
    assert told(tree, [MoveOp(9, "p", "v", "unborn")]) == []
    assert told(tree, [PropertyOp(10, "p", "unborn", "k", b"1")]) == []
    assert told(tree, [PropertyOp(11, "p", "unborn", "k", b"1", transient=True)]) == []


def test_a_vertex_that_waited_is_told_with_its_parent() -> None:
    tree = planted()
    tree.merge([MoveOp(9, "p", "v", "unborn"), PropertyOp(10, "p", "v", "k", b"1")])
    assert tree.vertex("v") is None
    assert told(tree, [MoveOp(8, "p", "unborn", "tree")]) == [
        VertexCreated("unborn", "tree"),
        VertexCreated("v", "unborn"),
    ]


def test_a_vertex_that_only_became_a_root_in_earnest_did_not_move() -> None:
    tree = RepTree("tree")
    # "a" exists, though its only move is skipped: it would go below itself.
    tree.merge([MoveOp(2, "p", "b", None), MoveOp(3, "p", "a", "b"), MoveOp(1, "q", "b", "a")])
    picture = picture_of(tree)
    tree = RepTree("tree")
    tree.merge([MoveOp(5, "p", "a", None), MoveOp(4, "p", "a", "a")])
    assert picture.parents == {"a": "b", "b": None}
    assert told(tree, [MoveOp(3, "p", "a", None)]) == []


def test_observers_come_and_go() -> None:
    tree = planted()
    first: list[list[Change]] = []
    second: list[list[Change]] = []
    end_first = tree.observe(first.append)
    tree.observe(second.append)
    tree.set("tree", "k", 1)
    end_first()
    tree.set("tree", "k", 2)
    assert (len(first), len(second)) == (1, 2)


def test_an_error_inside_a_batch_leaves_whole_ops() -> None:
    tree = planted()
    tree.take_local_ops()

    def ops() -> Iterator[Op]:
        yield MoveOp(10, "p", "v", "tree")
        raise RuntimeError("the source broke")

    with pytest.raises(RuntimeError), tree.batch() as batch:
        batch.add_ops([MoveOp(9, "p", "w", "tree")])
        batch.add_ops(ops())
    assert tree.vertex("w") is not None
    assert (9, "p") in tree.vector
    assert tree.vertex("v") is None
    assert (10, "p") not in tree.vector


def test_the_cost_of_a_merge_counts_the_moves_that_it_replays() -> None:
    tree = RepTree("tree")
    tree.merge([MoveOp(counter, "peer", f"v{counter}", None) for counter in range(1, 11)])

    assert tree.merge_cost([]) == 0
    assert tree.merge_cost([PropertyOp(1, "late", "v1", "key", b"1")]) == 1
    assert tree.merge_cost([MoveOp(11, "live", "v1", "v2")]) == 1
    assert tree.merge_cost([MoveOp(9, "late", "v1", "v2"), MoveOp(11, "late", "v2", "v3")]) == 4
