"""Filtering the rows of a list by words."""

from __future__ import annotations

import pytest

from sila_tui.shown_rows import ShownRows

TREE = [
    (0, "Chats"), (1, "Projects"), (2, "Coffee roasting"), (2, "Shop layout"), (1, "Trip to Ghent"),
    (0, "Files"),
]  # fmt: skip


def filtered(wish: str) -> list[str]:
    """The rows of the tree that are left."""
    rows = ShownRows()
    rows.wish = wish
    rows.look_through(len(TREE), lambda at: TREE[at][1], lambda at: TREE[at][0])
    return [TREE[rows.row_at(line)][1] for line in range(rows.line_count(len(TREE)))]


@pytest.mark.parametrize(
    ("wish", "left"),
    [
        ("", [text for _, text in TREE]),
        ("   ", [text for _, text in TREE]),
        ("shop", ["Chats", "Projects", "Shop layout"]),
        ("LAYOUT sh", ["Chats", "Projects", "Shop layout"]),
        ("o", ["Chats", "Projects", "Coffee roasting", "Shop layout", "Trip to Ghent"]),
        ("files", ["Files"]),
        ("chats", ["Chats"]),
        ("nothing", []),
    ],
)
def test_rows_that_fit_stand_below_their_headings(wish: str, left: list[str]) -> None:
    assert filtered(wish) == left


def test_lines_and_rows_lead_to_each_other() -> None:
    rows = ShownRows()
    rows.wish = "shop"
    rows.look_through(len(TREE), lambda at: TREE[at][1], lambda at: TREE[at][0])
    assert [rows.has(at) for at in range(len(TREE))] == [True, True, False, True, False, False]
    assert [rows.line_of(row) for row in (0, 1, 3)] == [0, 1, 2]
    assert (rows.found, rows.is_filtered) == (1, True)
    assert [rows.nearest_found(row) for row in (0, 3, 5)] == [3, 3, 3]


def test_a_row_that_fits_is_counted_once_and_headings_are_not_counted() -> None:
    rows = ShownRows()
    rows.wish = "o"
    rows.look_through(len(TREE), lambda at: TREE[at][1], lambda at: TREE[at][0])
    assert rows.found == 4
    assert rows.line_count(len(TREE)) == 5
