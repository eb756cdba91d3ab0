"""What was deleted, listed and put back by commands against a running daemon."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.daemon.machine import FIXTURES, Machine

pytestmark = pytest.mark.slow


def test_what_was_deleted_is_listed_and_put_back(machine: Machine, space: str) -> None:
    folder = machine.data("vertex", "new", space, "space", "--set", "name=folder")["vertex"]
    names = ("a", "b", "c")
    notes = [
        machine.data("vertex", "new", space, "space", "--parent", folder, "--set", f"name={name}")[
            "vertex"
        ]
        for name in names
    ]
    assert machine.data("trash", "list", space) == {"deleted": []}
    for note in notes:
        machine.data("vertex", "delete", space, "space", note)
    listed = machine.data("trash", "list", space)["deleted"]
    assert [(one["vertex"], one["name"], one["parent"], one["path"]) for one in listed] == [
        (note, name, folder, "/folder") for note, name in zip(notes, names, strict=True)
    ]
    pages, after = [], None
    while True:
        page = machine.call("trash.list", space=space, tree="space", after=after, limit=2)
        pages.append([one["name"] for one in page["deleted"]])
        after = page["next"]
        if after is None:
            break
    assert pages == [["a", "b"], ["c"]]

    machine.data("trash", "restore", space, "space", notes[0])
    assert machine.data("vertex", "get", space, "space", notes[0])["path"] == "/folder/a"
    machine.data("vertex", "delete", space, "space", folder)
    assert machine.refusal("trash", "restore", space, "space", notes[1]) == (2, "no_place")
    machine.data("trash", "restore", space, "space", notes[1], "--to", space)
    assert machine.data("vertex", "get", space, "space", notes[1])["path"] == "/b"
    assert machine.refusal("trash", "restore", space, "space", notes[0]) == (4, "not_in_trash")

    both = [{"do": "restore", "vertex": folder}, {"do": "restore", "vertex": notes[2]}]
    machine.call("edit.apply", space=space, tree="space", edits=both)
    assert machine.data("vertex", "get", space, "space", notes[2])["path"] == "/folder/c"
    assert machine.data("trash", "list", space, "space") == {"deleted": []}


def test_a_chat_in_the_trash_is_not_listed(machine: Machine, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "workspace-main", tmp_path / "space")
    space = str(machine.data("space", "add", str(tmp_path / "space"))["id"])
    machine.until_current(space)
    chats = {chat["tree"] for chat in machine.data("chat", "list", space)["chats"]}
    entries = machine.data("tree", space, "space/threads")["children"]
    [entry, *_] = [
        (child["id"], details["properties"]["tid"])
        for child in entries
        if child["childCount"] == 0
        and (details := machine.data("vertex", "get", space, "space", child["id"]))
        and details["properties"].get("tid") in chats
    ]
    machine.data("vertex", "delete", space, "space", entry[0])
    left = {chat["tree"] for chat in machine.data("chat", "list", space)["chats"]}
    assert left == chats - {entry[1]}
    machine.data("trash", "restore", space, "space", entry[0])
    assert {chat["tree"] for chat in machine.data("chat", "list", space)["chats"]} == chats
    machine.data("space", "remove", space)
