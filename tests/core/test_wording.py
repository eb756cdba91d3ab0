"""How numbers of things are put into words."""

from __future__ import annotations

from sila_daemon.core.wording import counted


def test_one_is_one_and_others_are_many() -> None:
    assert [counted(count, "op file") for count in (0, 1, 2)] == [
        "0 op files",
        "1 op file",
        "2 op files",
    ]
    assert counted(12480, "op") == "12,480 ops"


def test_verbs_agree() -> None:
    assert counted(1, "file", "are") == "1 file is"
    assert counted(2, "file", "were") == "2 files were"
    assert counted(1, "file", "were") == "1 file was"
    assert counted(1, "change", "wait") == "1 change waits"
    assert counted(3, "change", "wait") == "3 changes wait"
