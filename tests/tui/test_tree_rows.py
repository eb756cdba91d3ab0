"""Opening and closing a lazy tree."""

from __future__ import annotations

from sila_tui.contents import VertexFacts
from sila_tui.tree_rows import TreeRow, TreeRows


def vertex(name: str, children: int = 0) -> VertexFacts:
    return VertexFacts(name, "", name, children, False, name, {})


def names(rows: TreeRows) -> list[str]:
    return ["  " * row.depth + ("…" if row.is_more else row.vertex.name) for row in rows.rows]


def test_children_come_below_and_go_again() -> None:
    rows = TreeRows()
    rows.start([vertex("root", 2), vertex("trash", 1)])
    rows.open(0, [vertex("a", 1), vertex("b")], None)
    rows.open(1, [vertex("deep")], None)
    assert names(rows) == ["root", "  a", "    deep", "  b", "trash"]
    assert list(rows.opened) == ["root", "a"]
    assert (rows.parent_of(2), rows.parent_of(0)) == (1, None)
    rows.close(0)
    assert names(rows) == ["root", "trash"]
    assert rows.opened == {}


def test_more_children_take_the_place_of_the_row_that_stood_for_them() -> None:
    rows = TreeRows()
    rows.start([vertex("root", 4)])
    rows.open(0, [vertex("a", 1), vertex("b")], "b")
    assert names(rows) == ["root", "  a", "  b", "  …"]
    rows.open(1, [vertex("deep")], None)
    rows.extend(4, [vertex("c"), vertex("d")], None)
    assert names(rows) == ["root", "  a", "    deep", "  b", "  c", "  d"]


async def test_a_way_down_is_opened_as_far_as_needed() -> None:
    rows = TreeRows()
    rows.start([vertex("root", 4), vertex("trash", 1)])
    pages: dict[str, list[tuple[list[VertexFacts], str | None]]] = {
        "root": [([vertex("a"), vertex("b")], "b"), ([vertex("c", 2), vertex("d")], None)],
        "c": [([vertex("deep", 1)], None)],
        "deep": [([vertex("deeper")], None)],
    }

    async def opened(row: TreeRow) -> None:
        children, after = pages[row.vertex.id].pop(0)
        at = rows.rows.index(row)
        rows.extend(at, children, after) if row.is_more else rows.open(at, children, after)

    assert await rows.open_down(["root", "c", "deep"], opened) == 4
    assert names(rows) == ["root", "  a", "  b", "  c", "    deep", "  d", "trash"]
    assert await rows.open_down(["root", "c", "deep", "deeper"], opened) == 5
    assert await rows.open_down(["root", "gone"], opened) is None


def test_opening_what_is_open_shows_it_anew() -> None:
    rows = TreeRows()
    rows.start([vertex("root", 1)])
    rows.open(0, [vertex("a")], None)
    rows.open(0, [vertex("b")], None)
    assert names(rows) == ["root", "  b"]
    assert rows.index_of("a") is None
    assert rows.index_of("b") == 1
