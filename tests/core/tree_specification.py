"""What a tree must look like for a given set of ops, worked out in the plainest way.

Moves come from `move_specification`; properties, order of children, roots, pending counts and
the vector are as the space format tells them.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from tests.core.move_specification import (
    Parents,
    op_order,
    parents_by_replay,
    waiting_moves,
)

if TYPE_CHECKING:
    from sila_daemon.core.rep_tree import RepTree

Ranges = dict[str, list[list[int]]]

_ISO_TIME = re.compile(r"(\d{4})-(\d\d)-(\d\d)T(\d\d):(\d\d):(\d\d)\.(\d{3})Z\Z")


@dataclass
class Picture:
    """Everything that can be seen of a tree."""

    parents: Parents
    children: dict[str, list[str]]
    properties: dict[str, dict[str, Any]]
    root: str | None
    deleted: set[str]
    pending_moves: int
    pending_properties: int
    vector: Ranges


def picture_of(tree: RepTree) -> Picture:
    """Reads a picture off a tree through its public API."""
    vertices = [vertex for id_ in tree.vertex_ids() if (vertex := tree.vertex(id_)) is not None]
    return Picture(
        parents={v.id: v.parent.id if v.parent else None for v in vertices},
        children={v.id: [child.id for child in v.children] for v in vertices},
        properties={v.id: v.properties for v in vertices},
        root=tree.root.id if tree.root else None,
        deleted={v.id for v in vertices if v.is_deleted},
        pending_moves=tree.pending_moves,
        pending_properties=tree.pending_properties,
        vector=tree.vector.to_json(),
    )


def expected_picture(
    tree_id: str,
    ops: Iterable[Op],
    parents_after: Callable[[Iterable[MoveOp]], Parents] = parents_by_replay,
) -> Picture:
    """Works out the picture that a set of persistent ops with distinct ids must give."""
    ops = list(ops)
    moves = [op for op in ops if isinstance(op, MoveOp)]
    properties = [op for op in ops if isinstance(op, PropertyOp)]
    parents = parents_after(moves)
    said: dict[str, list[PropertyOp]] = {}
    for op in sorted(properties, key=op_order):
        said.setdefault(op.target, []).append(op)
    values = {vertex: _values(said.get(vertex, [])) for vertex in parents}
    return Picture(
        parents=parents,
        children={vertex: _children(vertex, parents, values) for vertex in parents},
        properties=values,
        root=_root(tree_id, moves, parents),
        deleted={vertex for vertex in parents if _is_deleted(vertex, parents)},
        pending_moves=len(waiting_moves(moves)[1]),
        pending_properties=sum(op.target not in parents for op in properties),
        vector=ranges_of({(op.counter, op.peer) for op in ops}),
    )


def _values(ops: list[PropertyOp]) -> dict[str, Any]:
    """Returns what holds after ops in their order: of each key the last."""
    winners = {op.key: op for op in ops}
    decoded = {
        key: json.loads(winners[key].value or b"{}")
        for key in sorted(winners)
        if winners[key].value is not None
    }
    return {key: value for key, value in decoded.items() if value not in ({}, [])}


def _children(vertex: str, parents: Parents, values: dict[str, dict[str, Any]]) -> list[str]:
    def key(child: str) -> tuple[bool, float, str]:
        created = _milliseconds(values[child].get("_c"))
        return created is not None, created or 0.0, child

    return sorted((child for child, above in parents.items() if above == vertex), key=key)


def _milliseconds(created: Any) -> float | None:
    if isinstance(created, bool):
        return None
    if isinstance(created, int | float):
        return float(created)
    found = _ISO_TIME.match(created) if isinstance(created, str) else None
    if not found:
        return None
    *parts, millisecond = map(int, found.groups())
    return datetime(*parts, tzinfo=UTC).timestamp() * 1000 + millisecond  # type: ignore[misc,arg-type]


def _root(tree_id: str, moves: list[MoveOp], parents: Parents) -> str | None:
    if tree_id in parents and parents[tree_id] is None:
        return tree_id
    for move in sorted(moves, key=op_order):
        is_root = move.parent is None and parents[move.target] is None
        if is_root and move.target != "0":
            return move.target
    return None


def _is_deleted(vertex: str | None, parents: Parents) -> bool:
    while vertex is not None:
        if vertex == "0":
            return True
        vertex = parents[vertex]
    return False


def ranges_of(op_ids: set[tuple[int, str]]) -> Ranges:
    """Writes a set of op ids as closed ranges of counters for each peer."""
    ranges: Ranges = {}
    for peer in sorted({peer for _, peer in op_ids}):
        pairs: list[list[int]] = []
        for counter in sorted(counter for counter, of in op_ids if of == peer):
            if pairs and pairs[-1][1] == counter - 1:
                pairs[-1][1] = counter
            else:
                pairs.append([counter, counter])
        ranges[peer] = pairs
    return ranges
