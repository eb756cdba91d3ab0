"""Vertices as a pleasant way to read and edit, and the order in which they are shown."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core.editor import Editor
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.core.rep_tree import RepTree

if TYPE_CHECKING:
    from sila_daemon.core.vertex import Vertex


def planted() -> Vertex:
    """The root of a tree that can be edited."""
    names = iter(["me", *(f"v{number}" for number in range(1, 100))])
    editor = Editor(lambda: "2026-01-01T00:00:00.000Z", lambda: next(names))
    return RepTree("tree", editor).create_root()


def test_handles_are_equal_when_they_mean_the_same_vertex() -> None:
    root, other_root = planted(), planted()
    assert root == root.tree.root
    assert root is not root.tree.root
    assert len({root, root.tree.root, other_root}) == 2
    assert root != other_root
    assert root != object()
    assert repr(root) == "Vertex('tree')"


def test_edits_through_a_vertex() -> None:
    root = planted()
    folder = root.new_child({"name": "folder"})
    file = root.new_child()
    file.set("_n", "file")
    file.move_to(folder)
    assert [child.name for child in root.children] == ["folder"]
    assert root.child_count == 1
    assert folder.children == [file]
    assert file.parent == folder
    assert file.ancestors == [folder, root]
    assert root.parent is None
    assert root.child_named("folder") == folder
    assert root.child_named("nothing") is None
    file.unset("_n")
    assert file.name is None
    file.delete()
    assert file.is_deleted
    assert not root.is_deleted
    null = root.tree.vertex("0")
    assert null is not None
    assert null.is_deleted
    assert null.children == [file]
    file.move_to(root)
    assert not file.is_deleted


def test_a_handle_shows_the_present() -> None:
    root = planted()
    vertex = root.new_child()
    root.tree.merge([PropertyOp(50, "p", vertex.id, "name", b'"later"')])
    assert vertex.name == "later"


@pytest.mark.parametrize(
    ("properties", "name"),
    [
        ({}, None), ({"name": "a"}, "a"), ({"_n": "b"}, "b"), ({"name": "a", "_n": "b"}, "a"),
        ({"name": 5, "_n": "b"}, "b"), ({"name": None}, None), ({"_n": ["x"]}, None),
    ],
)  # fmt: skip
def test_names(properties: dict[str, Any], name: str | None) -> None:
    assert planted().new_child(properties).name == name


def test_a_property_that_is_null_is_not_one_that_is_missing() -> None:
    root = planted()
    root.set("k", None)
    assert root.get("k", "default") is None
    assert root.get("missing", "default") == "default"
    assert root.get("missing") is None
    assert "k" in root.properties
    root.unset("k")
    assert root.get("k", "default") == "default"


def test_properties_come_in_order_of_their_keys() -> None:
    root = planted()
    for key in ("b", "a", "Z", "_c"):
        root.set(key, 1)
    assert list(root.properties) == ["Z", "_c", "a", "b"]


CREATED: list[tuple[bytes | None, float | None]] = [
    (None, None),
    (b'"soon"', None),
    (b'""', None),
    (b"true", None),
    (b"null", None),
    (b'{"a":1}', None),
    (b'["2026-01-01T00:00:00.000Z"]', None),
    (b"-5", -5.0),
    (b"0", 0.0),
    (b"1.5", 1.5),
    (b'"1969-12-31T23:59:59.999Z"', -1.0),
    (b'"1970-01-01T00:00:00.001Z"', 1.0),
    (b'"2026-01-02T03:04:05.006Z"', 1767323045006.0),
    (b'"2026-01-02T03:04:05.006"', 1767323045006.0),
    (b'"2026-01-02T03:04:05.006999Z"', 1767323045006.0),
    (b'"2026-01-02T04:04:05.006+01:00"', 1767323045006.0),
    (b"1e300", 1e300),
    (b"123456789012345678901234567890", 123456789012345678901234567890.0),
]


@pytest.mark.parametrize(("text", "milliseconds"), CREATED)
def test_creation_times(text: bytes | None, milliseconds: float | None) -> None:
    tree = RepTree("tree")
    tree.merge([MoveOp(1, "p", "tree", None), PropertyOp(2, "p", "tree", "_c", text)])
    assert tree.root is not None
    assert tree.root.created_ms == milliseconds


def test_children_are_listed_by_creation_those_without_first_then_by_id() -> None:
    ops: list[Op] = [MoveOp(1, "p", "tree", None)]
    expected: list[tuple[bool, float, str]] = []
    for number, (text, milliseconds) in enumerate(reversed(CREATED)):
        for name in (f"b{number}", f"a{number}"):
            counter = len(ops) + 1
            ops.append(MoveOp(counter, "p", name, "tree"))
            ops.append(PropertyOp(counter + 1, "p", name, "_c", text))
            expected.append((milliseconds is not None, milliseconds or 0.0, name))
    tree = RepTree("tree")
    tree.merge(ops)
    assert tree.root is not None
    assert [child.id for child in tree.root.children] == [name for *_, name in sorted(expected)]


def test_the_order_follows_creation_times_that_change() -> None:
    tree = RepTree("tree")
    tree.merge(
        [MoveOp(1, "p", "tree", None), MoveOp(2, "p", "a", "tree"), MoveOp(3, "p", "b", "tree")]
    )
    root = tree.root
    assert root is not None
    assert [child.id for child in root.children] == ["a", "b"]
    tree.merge([PropertyOp(4, "p", "a", "_c", b"5")])
    assert [child.id for child in root.children] == ["b", "a"]
    tree.merge([PropertyOp(5, "p", "b", "_c", b"4", transient=True)])
    assert [child.id for child in root.children] == ["b", "a"]
    tree.merge([PropertyOp(6, "p", "b", "_c", b"6")])
    assert [child.id for child in root.children] == ["a", "b"]


def test_the_root_is_the_vertex_named_as_the_tree_else_the_first() -> None:
    tree = RepTree("tree")
    tree.merge([MoveOp(1, "p", "0", None), MoveOp(3, "p", "b", None), MoveOp(4, "p", "c", None)])
    assert tree.root is not None
    assert tree.root.id == "b"
    tree.merge([MoveOp(2, "p", "c", None)])
    assert tree.root.id == "c"
    tree.merge([MoveOp(5, "p", "c", "b")])
    assert tree.root.id == "b"
    tree.merge([MoveOp(9, "p", "tree", None)])
    assert tree.root.id == "tree"
    tree.merge([MoveOp(10, "p", "tree", "b")])
    assert tree.root.id == "b"
