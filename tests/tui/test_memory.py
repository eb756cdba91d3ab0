"""What is remembered from one sitting to the next, and which chats have something new."""

from __future__ import annotations

import json
import stat
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import StorageError
from sila_tui.memory import ENTRIES_MAX, Memory
from sila_tui.outline import Entry, Outline
from sila_tui.unread import Unread

if TYPE_CHECKING:
    from pathlib import Path


def test_what_was_put_is_there_next_time_and_only_for_this_user(tmp_path: Path) -> None:
    path = tmp_path / "state/screen.json"
    memory = Memory(path)
    memory.put("drafts", "a/b", "half a thought \ud83d")
    memory.put("seen", "a/b", 7)
    memory.save()
    again = Memory(path)
    assert again.text("drafts", "a/b") == "half a thought \ud83d"
    assert again.number("seen", "a/b") == 7
    assert stat.S_IMODE(path.stat().st_mode) == 0o600
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    assert [child.name for child in path.parent.iterdir()] == ["screen.json"]


def test_none_forgets(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "s.json")
    memory.put("drafts", "x", "y")
    memory.save()
    memory.put("drafts", "x", None)
    memory.save()
    assert Memory(tmp_path / "s.json").text("drafts", "x") == ""


def test_two_screens_keep_what_each_of_them_changed(tmp_path: Path) -> None:
    path = tmp_path / "s.json"
    one, two = Memory(path), Memory(path)
    one.put("drafts", "a", "from the first")
    two.put("drafts", "b", "from the second")
    one.save()
    two.save()
    third = Memory(path)
    assert (third.text("drafts", "a"), third.text("drafts", "b")) == (
        "from the first", "from the second",
    )  # fmt: skip


def test_the_oldest_entries_go_first(tmp_path: Path) -> None:
    memory = Memory()
    for number in range(ENTRIES_MAX["drafts"] + 5):
        memory.put("drafts", str(number), "x")
    assert memory.text("drafts", "4") == ""
    assert memory.text("drafts", "5") == "x"


@pytest.mark.parametrize(
    "content", [b"", b"{torn", b"[]", b'{"drafts": 3, "other": {"a": "b"}}', b"\xff", b"[" * 9999]
)
def test_a_file_that_is_none_of_ours_is_passed_over(tmp_path: Path, content: bytes) -> None:
    path = tmp_path / "s.json"
    path.write_bytes(content)
    memory = Memory(path)
    memory.put("look", "theme", "x")
    memory.save()
    assert json.loads(path.read_text("utf-8")) == {"look": {"theme": "x"}}


def test_what_cannot_be_written_is_said_and_tried_again(tmp_path: Path) -> None:
    place = tmp_path / "place"
    place.write_text("a file where a folder should be", "utf-8")
    memory = Memory(place / "s.json")
    memory.put("drafts", "a", "precious")
    with pytest.raises(StorageError, match="drafts cannot be kept"):
        memory.save()
    place.unlink()
    memory.save()
    assert Memory(place / "s.json").text("drafts", "a") == "precious"


def test_a_repetition_is_no_change(tmp_path: Path) -> None:
    told: list[int] = []
    memory = Memory()
    memory.on_change = lambda: told.append(1)
    memory.put("seen", "a", 1)
    memory.put("seen", "a", 1)
    assert told == [1]


def test_only_what_comes_after_the_first_look_is_unread() -> None:
    memory = Memory()
    unread = Unread(memory, "s")
    assert unread.count("t", 9) == 0
    unread.begin(Outline(chats=(Entry("Chat", 0, "t", 9), Entry("Folder", 0, "", 1))))
    assert (unread.count("t", 9), unread.count("t", 12), unread.count("new", 2)) == (0, 3, 2)
    unread.begin(Outline(chats=(Entry("Chat", 0, "t", 12),)))
    assert unread.count("t", 12) == 3
    with unread.writing("t"):
        assert unread.count("t", 13) == 3
        unread.wrote("t")
    assert unread.count("t", 13) == 3
    unread.shown("t", 12)
    assert (unread.count("t", 12), unread.count("t", 11)) == (0, 0)
    assert Unread(memory, "other").count("t", 5) == 0
