"""Files that were changed in two places, seen to by commands, against a real server."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from tests.daemon.machine import Machine, serving, wait_until

pytestmark = pytest.mark.slow

UUID = "6a2f41a3c54c4fceb5e3ed1f0b7b3e5d"


def place(folder: Path) -> Path:
    """Where the mutable file stands in a folder."""
    path = folder / "space-v1/files/var/uuid" / UUID[:2] / UUID[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def test_a_person_sees_what_was_kept_and_chooses(tmp_path: Path) -> None:
    one, two = Machine(tmp_path / "one"), Machine(tmp_path / "two")
    here, there = tmp_path / "here", tmp_path / "there"
    with serving(tmp_path / "server", "ann@example.org", "a long password") as url:
        with one.daemon(), two.daemon():
            for machine in (one, two):
                machine.data("login", url, "--email", "ann@example.org", "--password-stdin",
                             stdin="a long password\n")  # fmt: skip
            space = one.data("space", "create", str(here), "--name", "S", "--server", url)["id"]
            one.data("file", "put", space, __file__, "notes.txt")
            [file] = one.data("file", "list", space)["files"]
            at = (space, file["tree"], file["vertex"])
            one.data("vertex", "set", *at, "id", UUID)
            one.data("vertex", "unset", *at, "hash")
            place(here).write_bytes(b"first")
            one.data("space", "sync", space)
            two.data("space", "clone", url, space, str(there))
            two.data("space", "sync", space)
            assert place(there).read_bytes() == b"first"
            two.data("space", "pause", space)
            place(there).write_bytes(b"mine, on the train")
            place(here).write_bytes(b"yours, at home")
            one.data("space", "sync", space)
            two.data("space", "resume", space)
            wait_until(lambda: two.status(space)["conflictedFiles"] == 1)
            wait_until(lambda: place(there).read_bytes() == b"yours, at home")
            [waiting] = two.data("file", "conflicts", space)["conflicts"]
            assert (waiting["path"], waiting["size"], waiting["server"]) == ("notes.txt", 18, url)
            said = two.sila("file", "conflicts", space).stdout
            assert "notes.txt" in said and "file choose" in said
            assert "changed in two places" in two.sila("status").stdout
            assert two.refusal("file", "choose", space, "other.txt", "own") == (4, "no_conflict")
            two.data("file", "choose", space, "notes.txt", "own")
            two.until_current(space)
            wait_until(lambda: place(here).read_bytes() == b"mine, on the train")
            assert two.data("file", "conflicts", space) == {"conflicts": []}
            assert json.loads(one.sila("file", "conflicts", space, "--json").stdout)["data"] == {
                "conflicts": []
            }
