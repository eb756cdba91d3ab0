"""What a files tree means."""

from __future__ import annotations

import random
from collections.abc import Iterator
from typing import Any

import pytest

from sila_daemon.core.files_view import (
    BlobKind,
    BlobReference,
    FilesView,
    blob_references,
    file_entry,
)
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.core.rep_tree import RepTree
from tests.core.histories import new_editor

HASH, UUID = "0123456789abcdef" * 4, "0123456789abcdef" * 2
STATIC, VAR = BlobReference(BlobKind.STATIC, HASH), BlobReference(BlobKind.VAR, UUID)


def new_files() -> FilesView:
    """A fresh files tree."""
    return FilesView.plant(RepTree("files", new_editor(random.Random(1))))


def test_folders_and_files() -> None:
    files = new_files()
    folder = files.make_folders(["a", "b"])
    assert files.make_folders(["a", "b"]) == folder
    files.add_file(folder, "photo.png", STATIC, 5, "image/png")
    files.add_file(folder, "Notes", VAR, 6, "text/plain")
    folder.new_child({"name": "zfolder"})
    entries = files.entries(folder.id)
    assert [(entry.name, entry.is_folder) for entry in entries] == [
        ("zfolder", True),
        ("Notes", False),
        ("photo.png", False),
    ]
    assert [entry.blob for entry in entries] == [None, VAR, STATIC]
    assert [entry.size for entry in entries] == [None, 6, 5]
    assert [entry.name for entry in files.entries()] == ["a"]
    assert files.entries("nothing") == []


def test_finding_by_path() -> None:
    files = new_files()
    photo = files.add_file(files.make_folders(["a"]), "photo.png", STATIC, 5, "image/png")
    found = files.find("/a//photo.png")
    assert found is not None
    assert (found.vertex_id, found.mime_type) == (photo.id, "image/png")
    assert files.find("a/nothing/deeper") is None
    assert files.find("") is None
    assert FilesView(RepTree("files")).find("a") is None


def test_a_tree_without_files() -> None:
    files = FilesView(RepTree("files", new_editor(random.Random(1))))
    assert (files.top, files.entries()) == (None, [])
    assert files.make_folders([]) == files.top
    assert files.tree.root is not None
    assert files.tree.root.children == [files.top]


def test_a_chat_keeps_its_files_under_assets() -> None:
    tree = RepTree("chat", new_editor(random.Random(1)))
    assets = tree.create_root().new_child({"name": "assets"})
    assert FilesView(tree).top == assets


@pytest.mark.parametrize(
    ("properties", "blob", "is_folder"),
    [
        ({"hash": HASH}, STATIC, False),
        ({"hash": HASH, "id": UUID, "mimeType": "x"}, STATIC, False),
        ({"hash": "bad", "id": UUID}, VAR, False),
        ({"hash": "bad"}, None, False),
        ({"mimeType": "x", "id": UUID}, VAR, False),
        ({"mimeType": "x", "id": "01234567-89AB-cdef-0123-456789abcdef"}, VAR, False),
        ({"mimeType": "x", "id": "../x"}, None, False),
        ({"mimeType": "x", "id": 5}, None, False),
        ({"id": UUID}, None, True),
        ({"mimeType": 5, "hash": 5}, None, True),
        ({}, None, True),
    ],
    ids=range(11),
)
def test_references_to_blobs(
    properties: dict[str, Any], blob: BlobReference | None, is_folder: bool
) -> None:
    files = new_files()
    entry = file_entry(files.make_folders([]).new_child(properties))
    assert (entry.blob, entry.is_folder) == (blob, is_folder)
    # Whatever a list shows is among what a mirror brings.
    assert blob is None or blob in set(blob_references(files.tree))


@pytest.mark.parametrize("size", [None, "5", True, 5.5])
def test_a_size_that_is_no_integer(size: Any) -> None:
    files = new_files()
    assert file_entry(files.make_folders([]).new_child({"size": size})).size is None


def test_names_are_shown_without_lone_surrogates() -> None:
    entry = file_entry(new_files().make_folders([]).new_child({"name": "cut \ud83d"}))
    assert entry.name == "cut \ufffd"


def test_blobs_of_a_tree_deleted_files_included() -> None:
    files = new_files()
    files.add_file(files.make_folders([]), "a", STATIC, 1, "x").delete()
    files.add_file(files.make_folders([]), "b", VAR, 1, "x")
    files.make_folders([]).new_child({"id": UUID})
    files.make_folders([]).new_child({"mimeType": "x"})
    assert sorted(blob_references(files.tree)) == [STATIC, VAR]


def test_references_in_a_deep_tree_are_not_walked_up_from_each() -> None:
    tree = RepTree("tree")
    count = 20_000
    ops: list[Op] = [MoveOp(1, "p", "tree", None), MoveOp(2, "p", "0", None)]
    above = "tree"
    for number in range(count):
        ops.append(MoveOp(number + 3, "p", f"v{number}", above))
        ops.append(PropertyOp(number + 3, "q", f"v{number}", "hash", b'"%064x"' % number))
        above = f"v{number}"
    tree.merge(ops)
    asked = _CountedAncestors(tree)
    assert len(list(blob_references(tree, with_deleted=False))) == count
    tree.merge([MoveOp(count + 3, "p", f"v{count // 2}", "0")])
    assert len(list(blob_references(tree, with_deleted=False))) == count // 2
    assert len(list(blob_references(tree))) == count
    assert asked.count == 0


class _CountedAncestors:
    """Counts how often a tree is asked what stands above a vertex."""

    def __init__(self, tree: RepTree) -> None:
        self.count = 0
        ask = tree.ancestors_of

        def counted(index: int) -> Iterator[int]:
            self.count += 1
            return ask(index)

        tree.ancestors_of = counted  # type: ignore[method-assign]
