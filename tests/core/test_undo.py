"""Taking an edit back."""

from __future__ import annotations

from collections.abc import Callable
from itertools import count
from random import Random
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.editor import Editor
from sila_daemon.core.errors import ProtectionError
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.core.undo import EditStep, recorded, undo

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json
    from sila_daemon.core.vertex import Vertex

Shown = dict[str, tuple[str | None, "dict[str, Json]"]]


def planted() -> tuple[RepTree, dict[str, str]]:
    """A tree with folders a, b (below it c) and a thing x in a."""
    numbers = count()
    moments = count()
    editor = Editor(
        lambda: f"2026-01-01T00:00:00.{next(moments):03d}Z", lambda: f"{next(numbers):032x}"
    )
    tree = RepTree("5f" * 16, editor)
    root = tree.create_root()
    a, b = (root.new_child({"name": name}) for name in "ab")
    c = b.new_child({"name": "c"})
    x = a.new_child({"name": "x", "size": 1})
    return tree, {"root": root.id, "a": a.id, "b": b.id, "c": c.id, "x": x.id}


def shown(tree: RepTree) -> Shown:
    """What is not deleted, with its place and properties."""
    return {
        tree.id_of(index): (
            None if (parent := tree.parent_of(index)) is None else tree.id_of(parent),
            dict(tree.texts(index)),
        )
        for index in tree.indices()
        if not tree.is_deleted(index)
    }


def did(tree: RepTree, change: Callable[[RepTree], object]) -> EditStep:
    return recorded(tree, change)[1]


def every_kind(tree: RepTree, at: dict[str, str]) -> None:
    tree.set(at["x"], "size", 2)
    tree.set(at["x"], "size", 3)
    tree.unset(at["x"], "name")
    tree.set(at["a"], "fresh", True)
    tree.move(at["c"], at["a"])
    made = tree.create(at["c"], {"name": "made"})
    made.new_child({"name": "below"})
    made.set("name", "named again")
    tree.delete(at["x"])


def test_an_edit_of_every_kind_is_taken_back() -> None:
    tree, at = planted()
    before = shown(tree)
    step = did(tree, lambda tree: every_kind(tree, at))
    assert shown(tree) != before
    undone = undo(tree, step)
    assert shown(tree) == before
    assert sorted({each.what for each in undone}) == ["deleted", "made", "moved", "set"]
    assert [each.key for each in undone if each.what == "set"] == ["size", "name", "fresh"]


def test_what_is_undone_reaches_a_replica_as_ops() -> None:
    tree, at = planted()
    replica = RepTree(tree.tree_id)
    replica.merge(tree.take_local_ops())
    before = shown(replica)
    step = did(tree, lambda tree: every_kind(tree, at))
    replica.merge(tree.take_local_ops())
    undo(tree, step)
    replica.merge(tree.take_local_ops())
    assert shown(replica) == shown(tree) == before


def test_an_edit_that_changes_nothing_is_no_step() -> None:
    tree, _ = planted()
    assert not did(tree, lambda tree: tree.root)


def test_a_restored_thing_goes_back_to_the_trash() -> None:
    tree, at = planted()
    tree.delete(at["x"])
    step = did(tree, lambda tree: tree.restore(at["x"]))
    [undone] = undo(tree, step)
    assert (undone.what, undone.name) == ("restored", "x")
    assert tree.is_deleted(tree.index_of(at["x"]) or 0)


@pytest.mark.parametrize(
    "by_others",
    [
        lambda tree, at: tree.set(at["c"], "text", "theirs"),
        lambda tree, at: vertex(tree, at["c"]).new_child({"name": "theirs"}),
        lambda tree, at: tree.move(at["x"], at["b"]),
    ],
    ids=["a property below", "something new below", "something that was moved there"],
)
def test_what_others_did_below_a_restored_thing_does_not_go_to_the_trash_with_it(
    by_others: Callable[[RepTree, dict[str, str]], None],
) -> None:
    tree, at = planted()
    tree.delete(at["b"])
    step = did(tree, lambda tree: tree.restore(at["b"]))
    by_others(tree, at)
    after = shown(tree)
    with pytest.raises(ProtectionError, match="changed since"):
        undo(tree, step)
    assert undo(tree, step, partly=True) == []
    assert shown(tree) == after


def vertex(tree: RepTree, vertex_id: str) -> Vertex:
    found = tree.vertex(vertex_id)
    assert found is not None
    return found


@pytest.mark.parametrize(
    "by_others",
    [
        lambda tree, at: tree.set(at["x"], "size", 99),
        lambda tree, at: tree.move(at["c"], at["root"]),
        lambda tree, at: tree.delete(at["b"]),
    ],
    ids=["a property", "a place", "the place it came from"],
)
def test_what_others_changed_since_is_refused_and_left(
    by_others: Callable[[RepTree, dict[str, str]], None],
) -> None:
    tree, at = planted()

    def change(tree: RepTree) -> None:
        tree.set(at["x"], "size", 2)
        tree.move(at["c"], at["a"])
        tree.set(at["a"], "color", "red")

    step = did(tree, change)
    by_others(tree, at)
    before = shown(tree)
    with pytest.raises(ProtectionError) as refusal:
        undo(tree, step)
    assert refusal.value.code == "changed_since"
    assert shown(tree) == before
    undone = undo(tree, step, partly=True)
    assert len(undone) == 2
    assert vertex(tree, at["a"]).get("color") is None, "the rest is taken back"


def test_what_was_made_stays_where_others_put_something_below() -> None:
    tree, at = planted()
    made = [""]

    def change(tree: RepTree) -> None:
        made[0] = tree.create(at["a"], {"name": "made"}).new_child({"name": "inner"}).id

    step = did(tree, change)
    theirs = tree.create(made[0], {"name": "theirs"})
    with pytest.raises(ProtectionError):
        undo(tree, step)
    assert undo(tree, step, partly=True) == []
    assert not theirs.is_deleted


def test_steps_are_taken_back_one_after_the_other() -> None:
    """Also those whose outcome an undo has put back meanwhile."""
    for seed in range(60):
        rng = Random(seed)
        tree, _ = planted()
        states, steps = [shown(tree)], []
        for _ in range(6):
            steps.append(did(tree, lambda tree, rng=rng: random_edits(tree, rng)))  # type: ignore[misc]
            states.append(shown(tree))
        for step, before in zip(reversed(steps), reversed(states[:-1]), strict=True):
            undo(tree, step)
            assert shown(tree) == before, f"seed {seed}"


def random_edits(tree: RepTree, rng: Random) -> None:
    for _ in range(rng.randrange(1, 4)):
        living = sorted(shown(tree))
        target, other = rng.choice(living), rng.choice(living)
        above = [one.id for one in (vertex(tree, other), *vertex(tree, other).ancestors)]
        match rng.randrange(4):
            case 0:
                tree.set(target, rng.choice("kl"), rng.randrange(3))
            case 1:
                tree.create(target, {"name": f"n{rng.randrange(100)}"})
            case 2 if target not in above and tree.parent_of(tree.index_of(target) or 0):
                tree.move(target, other)
            case 3 if vertex(tree, target).parent is not None:
                tree.delete(target)
