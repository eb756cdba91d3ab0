"""Who said last how a vertex is: the ops that count for its place and for its properties.

An op bears the peer that made it and a Lamport counter, and no time: counters tell which of two ops
came after the other had been seen, not when either was made.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.core.ops import OpId

if TYPE_CHECKING:
    from sila_daemon.core.tree_state import TreeState


class Placing(NamedTuple):
    """The move that a vertex stands where it does by."""

    op: OpId
    is_first: bool
    """Whether it is the one that made the vertex: nothing moved it since."""


def placing_of(tree: TreeState, index: int) -> Placing | None:
    """Returns the last move of a vertex that counts. O(n) in the moves, some ns for each."""
    found = tree._moves.last_of(index)
    return None if found is None else Placing(_op_id(tree, found[0]), found[1])


def setters_of(tree: TreeState, index: int) -> dict[str, OpId]:
    """Returns for every property that is set the op that it has its value by."""
    stamps = tree._properties.stamps(index)
    return {key: _op_id(tree, stamp) for key, stamp in stamps}


def _op_id(tree: TreeState, stamp: int) -> OpId:
    return OpId(*tree._labels.counter_and_peer(stamp))
