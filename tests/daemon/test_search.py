"""Searching a running daemon's spaces."""

from __future__ import annotations

import shutil
from pathlib import Path

import pytest

from tests.daemon.machine import FIXTURES, Machine

pytestmark = pytest.mark.slow


def hits(machine: Machine, space: str, query: str) -> list[tuple[str, str]]:
    """Kinds and matches, of one space."""
    found = machine.data("search", "--space", space, *query.split())["hits"]
    return [(hit["kind"], hit["excerpt"]) for hit in found]


def test_names_texts_and_values_are_found_while_they_are_so(machine: Machine, space: str) -> None:
    note = machine.data(
        "vertex", "new", space, "space", "--set", "name=Sourdough notes", "--set", "body=rest it"
    )["vertex"]
    assert hits(machine, space, "SOURDOUGH") == [("name", "Sourdough notes")]
    assert hits(machine, space, "rest") == [("property", "rest it")]
    machine.data("vertex", "set", space, "space", note, "name", "Rye")
    assert hits(machine, space, "sourdough") == []
    assert hits(machine, space, "rye") == [("name", "Rye")]
    machine.data("vertex", "delete", space, "space", note)
    assert hits(machine, space, "rye") == []
    machine.data("trash", "restore", space, "space", note)
    assert hits(machine, space, "rye") == [("name", "Rye")]
    assert machine.refusal("search", "--space", space, "r") == (2, "too_short")


def test_pages_follow_each_other(machine: Machine, space: str) -> None:
    for number in range(5):
        machine.data("vertex", "new", space, "space", "--set", f"name=leaf {number}")
    seen, before = [], None
    while True:
        page = machine.call("space.search", space=space, query="leaf", before=before, limit=2)
        seen.append([hit["excerpt"] for hit in page["hits"]])
        before = page["next"]
        if before is None:
            break
    assert seen == [["leaf 4", "leaf 3"], ["leaf 2", "leaf 1"], ["leaf 0"]]


def test_chats_of_the_original_app_are_searched(machine: Machine, tmp_path: Path) -> None:
    shutil.copytree(FIXTURES / "workspace-main", tmp_path / "space")
    space = str(machine.data("space", "add", str(tmp_path / "space"))["id"])
    machine.until_current(space)
    chat = max(machine.data("chat", "list", space)["chats"], key=lambda chat: chat["messages"])
    [message, *_] = machine.data("chat", "show", space, chat["tree"])["messages"]
    word = max(message["text"].split(), key=len)
    found = machine.data("search", word)["hits"]
    [hit] = [hit for hit in found if hit["vertex"] == message["id"]]
    assert (hit["space"], hit["tree"], hit["kind"], hit["path"]) == (
        space, chat["tree"], "message", ""
    )  # fmt: skip
    assert hit["treeName"] == chat["title"]
    start, length = hit["match"]
    assert hit["excerpt"][start : start + length].casefold() == word.casefold()

    [name, *_] = [hit for hit in machine.data("search", chat["title"])["hits"] if hit["refers"]]
    assert (name["kind"], name["refers"]) == ("name", chat["tree"])
    machine.data("vertex", "delete", space, "space", name["vertex"])
    assert all(hit["tree"] != chat["tree"] for hit in machine.data("search", word)["hits"])
    machine.data("space", "remove", space)
