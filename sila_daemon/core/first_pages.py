"""The first pages of a large tree: what a person sees of it before it is loaded.

From the root down, level by level, until there is enough: the root's children, and as many of
their children as fit.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core import json_value

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.core.vertex import Vertex

OPS_MIN = 20_000
"""Smaller trees are loaded faster than anybody waits for."""
PAGE_MAX = 200
"""Children of one vertex."""
ROWS_MAX = 2000
BYTES_MAX = 400_000


@dataclass(frozen=True, slots=True)
class FirstPage:
    """Children of one vertex in display order."""

    rows: list[dict[str, Any]]
    """`id`, `name`, `childCount`, `created` and `properties` of each."""
    is_whole: bool
    """There are no more."""


def gather_pages(tree: RepTree) -> dict[str, Json]:
    """Returns pages by vertex, that of the root first; nothing for a tree that is not large."""
    root = tree.root
    if root is None or tree.op_count < OPS_MIN:
        return {}
    pages: dict[str, Json] = {}
    rows_left, bytes_left = ROWS_MAX, BYTES_MAX
    waiting = [root]
    for vertex in waiting:
        if vertex.child_count > PAGE_MAX and pages:
            continue  # Sorting many children is not worth it below the root.
        children = vertex.children
        rows: list[Json] = [_row(child) for child in children[:PAGE_MAX]]
        size = len(json_value.encode(rows))
        if len(rows) > rows_left or size > bytes_left:
            break
        rows_left, bytes_left = rows_left - len(rows), bytes_left - size
        pages[vertex.id] = [len(children) <= PAGE_MAX, rows]
        if len(waiting) < ROWS_MAX:
            waiting += [child for child in children[:PAGE_MAX] if child.child_count]
    return pages


def page_of(pages: dict[str, Json], vertex_id: str | None) -> FirstPage | None:
    """Returns the page of a vertex, by default the root; None when it is not among them."""
    found: Any = pages.get(next(iter(pages), "") if vertex_id is None else vertex_id)
    return None if found is None else FirstPage(found[1], bool(found[0]))


def _row(vertex: Vertex) -> dict[str, Json]:
    return {
        "id": vertex.id,
        "name": vertex.name,
        "childCount": vertex.child_count,
        "created": vertex.created_ms,
        "properties": vertex.properties,
    }
