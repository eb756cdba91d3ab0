"""Short ways to ask SQLite."""

from __future__ import annotations

from sila_daemon.store import sql


def test_numbers_that_follow_each_other_are_one_range() -> None:
    assert sql.beginnings(f"{number:02x}" for number in range(256)) == [("00", "ff\x7f")]
    assert sql.beginnings(["3a", "39", "ff", "0f", "10"]) == [
        ("0f", "10\x7f"),
        ("39", "3a\x7f"),
        ("ff", "ff\x7f"),
    ]
    assert sql.beginnings([]) == []


def test_a_range_has_what_begins_so_and_nothing_else() -> None:
    ((first, last),) = sql.beginnings(["3a", "3b"])
    inside = ["3a" + "0" * 62, "3b" + "f" * 62]
    outside = ["39" + "f" * 62, "3c" + "0" * 62]
    assert all(first <= name <= last for name in inside)
    assert not any(first <= name <= last for name in outside)
