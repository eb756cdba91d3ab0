"""Files and folders of a running daemon's space: what is in them, and how they are told apart."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING

import pytest

from sila_daemon.control.handlers.files import HEAD_BYTES_MAX
from sila_daemon.core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from pathlib import Path

    from tests.daemon.machine import Machine

pytestmark = pytest.mark.slow


def put(machine: Machine, space: str, source: Path, content: bytes, path: str) -> tuple[str, str]:
    """Puts a file into the space; returns its tree and vertex."""
    source.write_bytes(content)
    kept = machine.data("file", "put", space, str(source), path)
    return str(kept["tree"]), str(kept["vertex"])


def test_folders_are_listed_with_their_paths_empty_ones_too(
    machine: Machine, space: str, tmp_path: Path
) -> None:
    tree, _ = put(machine, space, tmp_path / "a", b"x", "recipes/bread/rye.md")
    listed = machine.call("file.list", space=space)
    paths = {folder["path"]: folder["vertex"] for folder in listed["folders"]}
    assert sorted(paths) == ["", "recipes", "recipes/bread"]
    assert {folder["tree"] for folder in listed["folders"]} == {tree}
    new = {"do": "new", "parent": paths["recipes"], "properties": {"name": "cakes"}}
    machine.call("edit.apply", space=space, tree=tree, edits=[new])
    [file] = listed["files"]
    move = {"do": "move", "vertex": file["vertex"], "parent": paths[""]}
    rename = {"do": "set", "vertex": file["vertex"], "key": "name", "value": "loaf.md"}
    machine.call("edit.apply", space=space, tree=tree, edits=[move, rename])
    listed = machine.call("file.list", space=space)
    assert [file["path"] for file in listed["files"]] == ["loaf.md"]
    assert {folder["path"] for folder in listed["folders"]} == {
        "",
        "recipes",
        "recipes/bread",
        "recipes/cakes",
    }


@pytest.mark.parametrize(
    ("size", "limit", "is_whole"), [(10, 10, True), (11, 10, False), (0, 5, True), (9, 10, True)]
)
def test_the_first_bytes_of_a_file_and_whether_they_are_all(
    machine: Machine, space: str, tmp_path: Path, size: int, limit: int, *, is_whole: bool
) -> None:
    content = bytes(range(size))
    tree, vertex = put(machine, space, tmp_path / "a", content, f"{size}-{limit}.bin")
    head = machine.call("file.head", space=space, tree=tree, vertex=vertex, limit=limit)
    assert b64decode(head["data"]) == content[:limit]
    assert head["isWhole"] is is_whole


def test_no_more_than_is_allowed_is_read_of_a_large_file(
    machine: Machine, space: str, tmp_path: Path
) -> None:
    content = bytes(3 * HEAD_BYTES_MAX)
    tree, vertex = put(machine, space, tmp_path / "a", content, "large.bin")
    where = {"space": space, "tree": tree, "vertex": vertex}
    head = machine.call("file.head", **where, limit=HEAD_BYTES_MAX)
    assert (len(b64decode(head["data"])), head["isWhole"]) == (HEAD_BYTES_MAX, False)
    for limit in (0, -1, HEAD_BYTES_MAX + 1):
        with pytest.raises(UsageError, match="bytes are given at once"):
            machine.call("file.head", **where, limit=limit)


def test_what_is_no_file_is_told_apart(machine: Machine, space: str, tmp_path: Path) -> None:
    tree, _ = put(machine, space, tmp_path / "a", b"x", "recipes/rye.md")
    [folder] = [
        row for row in machine.call("file.list", space=space)["folders"] if row["path"] == "recipes"
    ]
    with pytest.raises(NotFoundError, match="is no file"):
        machine.call("file.head", space=space, tree=tree, vertex=folder["vertex"])
    with pytest.raises(NotFoundError, match="no such thing"):
        machine.call("file.head", space=space, tree=tree, vertex="nowhere")
