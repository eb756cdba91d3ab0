"""The executable specification of moves: plain and slow, the oracle of the tests.

Source: Kleppmann, Mulligan, Gomes, Beresford: "A highly-available move operation for replicated
trees" (IEEE TPDS 2021), whose functions do, undo, redo and apply are written down here as they
stand in the paper, one op at a time on a sorted log; and the sections "Ops and order" and
"Moves" of the space format. Shares nothing with `sila_daemon.core` but the op types.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from functools import lru_cache
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.core.ops import MoveOp, Op

_LETTERS = "_-0123456789aAbBcCdDeEfFgGhHiIjJkKlLmMnNoOpPqQrRsStTuUvVwWxXyYzZ"

Parents = dict[str, str | None]
"""For each vertex that a move has put somewhere: its parent, None under null."""


def op_order(op: Op) -> tuple[int, list[int], list[int]]:
    """Returns a key that sorts ops: by counter, then by peer as JavaScript compares text."""
    return op.counter, *_peer_order(op.peer)


@lru_cache(maxsize=1024)
def _peer_order(peer: str) -> tuple[list[int], list[int]]:
    without_case = [_LETTERS.index(letter.lower()) for letter in peer]
    with_case = [_LETTERS.index(letter) for letter in peer]
    return without_case, with_case


def is_under(vertex: str | None, above: str, parents: Parents) -> bool:
    """Tells whether `above` is `vertex` or one of its ancestors."""
    while vertex is not None:
        if vertex == above:
            return True
        vertex = parents.get(vertex)
    return False


@dataclass
class LoggedMove:
    """A move and what it would take to undo it."""

    move: MoveOp
    was_placed: bool
    parent_before: str | None


@dataclass
class MoveState:
    """The log, sorted by op order, and the tree that it leads to."""

    log: list[LoggedMove] = field(default_factory=list)
    parents: Parents = field(default_factory=dict)

    def apply(self, move: MoveOp) -> None:
        """Undoes every later move, does this one, redoes the others."""
        undone: list[LoggedMove] = []
        while self.log and op_order(self.log[-1].move) > op_order(move):
            undone.append(self.log.pop())
            self._undo(undone[-1])
        self._do(move)
        for entry in reversed(undone):
            self._do(entry.move)

    def _do(self, move: MoveOp) -> None:
        target = move.target
        self.log.append(LoggedMove(move, target in self.parents, self.parents.get(target)))
        if not is_under(move.parent, target, self.parents):
            self.parents[target] = move.parent

    def _undo(self, entry: LoggedMove) -> None:
        if entry.was_placed:
            self.parents[entry.move.target] = entry.parent_before
        else:
            self.parents.pop(entry.move.target, None)


def waiting_moves(moves: Sequence[MoveOp]) -> tuple[list[MoveOp], list[MoveOp]]:
    """Parts moves into those that count and those that wait, both in the order given.

    A move counts if its parent is null or the target of another move that counts. The least
    set with this property is meant: moves that only create each other all wait.
    """
    created: set[str] = set()
    counting: set[tuple[int, str]] = set()
    grows = True
    while grows:
        grows = False
        for move in moves:
            is_founded = move.parent is None or move.parent in created
            if is_founded and move.id not in counting:
                counting.add(move.id)
                created.add(move.target)
                grows = True
    return (
        [move for move in moves if move.id in counting],
        [move for move in moves if move.id not in counting],
    )


def parents_by_undo_do_redo(moves: Iterable[MoveOp]) -> Parents:
    """Returns every vertex's parent after applying moves one by one as they came."""
    counting, _ = waiting_moves(list(moves))
    state = MoveState()
    for move in counting:
        state.apply(move)
    return _with_unplaced(counting, state.parents)


def parents_by_replay(moves: Iterable[MoveOp]) -> Parents:
    """Returns every vertex's parent after applying moves once, in op order."""
    counting, _ = waiting_moves(list(moves))
    parents: Parents = {}
    for move in sorted(counting, key=op_order):
        if not is_under(move.parent, move.target, parents):
            parents[move.target] = move.parent
    return _with_unplaced(counting, parents)


def _with_unplaced(counting: list[MoveOp], parents: Parents) -> Parents:
    """Adds the vertices that exist although every move of theirs was skipped."""
    return {move.target: parents.get(move.target) for move in counting}
