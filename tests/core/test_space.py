"""What a space tree means."""

from __future__ import annotations

import random

import pytest

from sila_daemon.core.errors import InvalidIdError
from sila_daemon.core.ops import MoveOp, PropertyOp
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.core.space import Space
from tests.core.histories import new_editor


def new_space() -> Space:
    """A fresh space."""
    return Space.create("space", new_editor(random.Random(1)), "Mine")


def test_a_fresh_space_has_what_the_original_makes() -> None:
    space = new_space()
    root = space.tree.root
    assert root is not None
    assert (space.id, space.name, root.id) == ("space", "Mine", "space")
    assert (root.get("version"), root.get("onboarding")) == ("0", False)
    assert sorted(child.name or "" for child in root.children) == [
        "assets", "configs", "providers", "threads",
    ]  # fmt: skip
    assert [*space.threads(), *space.configs(), *space.app_tree_ids()] == []


def test_a_space_without_a_tree_yet() -> None:
    space = Space(RepTree("space"))
    assert (space.name, space.section("threads")) == ("", None)
    assert [*space.threads(), *space.configs(), *space.app_tree_ids()] == []
    assert space.app_tree_ids(with_deleted=True) == []


def test_a_name_that_is_no_text() -> None:
    space = new_space()
    space.tree.set("space", "name", 5)
    assert space.name == ""


def test_threads_stand_in_folders() -> None:
    space = new_space()
    folder = space.add_tree("tree-1", "One")
    inner = folder.new_child({"tid": "tree-2", "_n": "Two"})
    inner.new_child({"name": "only a folder"})
    bad = inner.new_child({"tid": "../x", "name": "bad"})
    (one,) = space.threads()
    assert (one.vertex_id, one.name, one.tree_id) == (folder.id, "One", "tree-1")
    assert one.created_ms == folder.created_ms is not None
    (two,) = one.children
    assert (two.name, two.tree_id) == ("Two", "tree-2")
    assert {(entry.name, entry.tree_id) for entry in two.children} == {
        ("only a folder", None),
        ("bad", None),
    }
    assert space.app_tree_ids() == ["tree-1", "tree-2"]
    bad.set("tid", "tree-1")
    assert space.app_tree_ids() == ["tree-1", "tree-2"]


def test_deleted_references_are_found_when_asked_for() -> None:
    space = new_space()
    space.add_tree("tree-1", "One").delete()
    space.add_tree("tree-2", "Two")
    assert space.app_tree_ids() == ["tree-2"]
    assert space.app_tree_ids(with_deleted=True) == ["tree-2", "tree-1"]


def test_a_section_is_made_where_it_is_missing() -> None:
    space = Space(RepTree("space", new_editor(random.Random(1))))
    space.add_tree("tree-1", "One", section="assets")
    space.add_tree("tree-2", "Two", section="assets")
    section = space.section("assets")
    assert section is not None
    assert section.child_count == 2
    with pytest.raises(InvalidIdError):
        space.add_tree("../x", "bad")


def test_assistants() -> None:
    space = new_space()
    section = space.section("configs")
    assert section is not None
    first = section.new_child({"id": "chat", "name": "Chat", "visible": True})
    second = section.new_child({"id": 5})
    found = {config.vertex_id: config for config in space.configs()}
    assert (found[first.id].config_id, found[first.id].name) == ("chat", "Chat")
    assert found[first.id].properties["visible"] is True
    assert (found[second.id].config_id, found[second.id].name) == ("", "")


def test_folders_may_be_nested_beyond_any_recursion() -> None:
    tree = RepTree("space")
    count = 20_000
    tree.merge([MoveOp(1, "p", "space", None), MoveOp(2, "p", "v2", "space")])
    tree.merge([PropertyOp(count + 1, "p", "v2", "name", b'"threads"')])
    tree.merge(MoveOp(i, "p", f"v{i}", f"v{i - 1}") for i in range(3, count))
    entries = Space(tree).threads()
    depth = 0
    while entries:
        entries = entries[0].children
        depth += 1
    assert depth == count - 3
    assert Space(tree).app_tree_ids() == []
