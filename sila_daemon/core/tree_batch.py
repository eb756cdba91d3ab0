"""Merging by the batch: everything is sorted once, undone once, replayed once.

Properties take effect as they are added (last writer wins in any order, and what loses is let
go at once); moves are collected and merged at the end. Feeding moves before properties saves
work but changes nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from types import TracebackType
from typing import TYPE_CHECKING, Self, TypeVar

from sila_daemon.core.hierarchy import ROOT
from sila_daemon.core.op_codec import MoveRow, PropertyRow, to_op
from sila_daemon.core.ops import MoveOp, Op, OpId, PropertyOp, content_bytes
from sila_daemon.core.peer_order import LABEL_BITS

if TYPE_CHECKING:
    from sila_daemon.core.merging_tree import MergingTree

R = TypeVar("R", MoveRow, PropertyRow)


@dataclass(slots=True)
class MergeResult:
    """What a batch brought."""

    added: int = 0
    """Ops that were not here."""
    duplicates: int = 0
    """Ops that were here with the same content."""
    conflicts: list[Op] = field(default_factory=list)
    """Ops whose id is held with another content. The tree keeps the content that it has; the
    owner looks both up in the op log and loads the tree anew with the greater one."""
    unverified: list[Op] = field(default_factory=list)
    """Ops whose id is held by a superseded op, which only the op log can compare."""


class TreeBatch:
    """Collects ops of one tree; they are merged when the `with` block ends."""

    def __init__(self, tree: MergingTree) -> None:
        self._tree = tree
        self._staged: list[tuple[int, int, int]] = []
        self._seen: dict[str, set[int]] = {}
        self._held: list[Op] = []
        self._transients: list[PropertyOp] = []
        self._touched: dict[tuple[int, str], None] = {}
        self._old_parents: dict[int, int] = {}
        self._created: list[int] = []
        self.result = MergeResult()

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        # Also after an error: what was added so far are whole ops, and half of their effects
        # are there already.
        self._finish()

    def add_moves(self, peer: str, rows: Sequence[MoveRow]) -> None:
        """Adds move ops of one peer; the rows must be valid and may repeat what is held."""
        tree = self._tree
        rows = self._only_new(peer, rows)
        label = tree._labels.label(peer)
        targets = tree._hierarchy.intern_all(row.target for row in rows)
        intern = tree._hierarchy.intern
        self._staged += [
            (
                row.counter << LABEL_BITS | label,
                target,
                ROOT if row.parent is None else intern(row.parent),
            )
            for target, row in zip(targets, rows, strict=True)
        ]

    def add_properties(self, peer: str, rows: Sequence[PropertyRow]) -> None:
        """Adds persistent property ops of one peer, likewise."""
        tree = self._tree
        rows = self._only_new(peer, rows)
        if not rows:
            return
        vertices = tree._hierarchy.intern_all(row.target for row in rows)
        tree._properties.apply(vertices, rows, tree._labels.label(peer))
        is_created, waiting = tree._hierarchy.is_created, tree._waiting_properties
        for vertex in vertices:
            if not is_created[vertex]:
                waiting[vertex] = waiting.get(vertex, 0) + 1
        if tree._observers or len(rows) < len(tree._sorted_children):
            self._touched.update(
                ((vertex, row.key), None) for vertex, row in zip(vertices, rows, strict=True)
            )
        else:
            tree._sorted_children.clear()

    def add_ops(self, ops: Iterable[Op]) -> None:
        """Adds valid ops of any kinds and peers, in any order."""
        moves: dict[str, list[MoveRow]] = {}
        properties: dict[str, list[PropertyRow]] = {}
        for op in ops:
            if isinstance(op, MoveOp):
                row = MoveRow(op.counter, op.target, op.parent)
                moves.setdefault(op.peer, []).append(row)
            elif op.transient:
                self._transients.append(op)
            else:
                property_row = PropertyRow(op.counter, op.target, op.key, op.value)
                properties.setdefault(op.peer, []).append(property_row)
        for peer, rows in moves.items():
            self.add_moves(peer, rows)
        self.settle_moves()
        for peer, property_rows in properties.items():
            self.add_properties(peer, property_rows)

    def settle_moves(self) -> None:
        """Merges the moves added so far; spares a bulk load the counting of waiting ops."""
        if not self._staged:
            return
        tree = self._tree
        old_parents = tree._moves.merge(self._staged)
        self._staged = []
        self._created += tree._moves.newly_created
        for vertex, old in old_parents.items():
            self._old_parents.setdefault(vertex, old)
        for vertex in tree._moves.newly_created:
            tree._waiting_properties.pop(vertex, None)

    def _only_new(self, peer: str, rows: Sequence[R]) -> Sequence[R]:
        """Returns the rows whose ids are not held; sets the others aside."""
        self._tree._admit_peer(peer, self._staged)
        seen = self._seen.setdefault(peer, set())
        counters = {row.counter for row in rows}
        if not counters:
            return rows
        vector = self._tree.vector
        is_past_the_vector = min(counters) > vector.highest(peer)
        if is_past_the_vector and len(counters) == len(rows) and seen.isdisjoint(counters):
            seen |= counters
            return rows
        fresh = []
        for row in rows:
            if row.counter in seen or (row.counter, peer) in vector:
                self._held.append(to_op(peer, row))
            else:
                seen.add(row.counter)
                fresh.append(row)
        return fresh

    def _finish(self) -> None:
        self.settle_moves()
        tree = self._tree
        for peer, counters in self._seen.items():
            if counters:
                tree.vector.add_sorted(peer, sorted(counters))
                tree.raise_counter(max(counters))
                self.result.added += len(counters)
        for op in self._held:
            self._judge(op)
        for op in self._transients:
            self._overlay(op)
        tree._note_changes(self._old_parents, self._created, self._touched)

    def _overlay(self, op: PropertyOp) -> None:
        tree = self._tree
        tree._admit_peer(op.peer, self._staged)
        tree.raise_counter(op.counter)
        vertex = tree.index_of(op.target)
        if vertex is None:
            return  # Live state of something that is not here is of no use later.
        stamp = tree._labels.stamp(op.counter, op.peer)
        if tree._properties.apply_transient(vertex, op.key, stamp, op.value):
            self._touched[vertex, op.key] = None

    def _judge(self, op: Op) -> None:
        """Compares an op with the one that is held under its id."""
        held = self._held_content(op)
        if held is None:
            self.result.unverified.append(op)
        elif held == content_bytes(op):
            self.result.duplicates += 1
        else:
            self.result.conflicts.append(op)

    def _held_content(self, op: Op) -> bytes | None:
        """Returns the content held for an id; None when only the op log has it.

        All moves are in memory, and of property ops the winners. So an op that is not where it
        would have to be was held with another content: any bytes that differ will do.
        """
        tree = self._tree
        stamp = tree._labels.stamp(op.counter, op.peer)
        above = op.parent if isinstance(op, MoveOp) else None
        missing = ROOT if above is None else tree._hierarchy.index_by_id.get(above, ROOT)
        move = tree._moves.find(stamp, missing)
        if move is not None:
            parent = None if move[2] < 0 else tree.id_of(move[2])
            return content_bytes(MoveOp(op.counter, op.peer, tree.id_of(move[1]), parent))
        if isinstance(op, MoveOp):
            return b""
        vertex = tree._hierarchy.index_by_id.get(op.target)
        winner = None if vertex is None else tree._properties.winner(vertex, op.key)
        if winner is None or winner[0] < stamp:
            return b""
        if winner[0] > stamp:
            return None
        return content_bytes(PropertyOp(op.counter, op.peer, op.target, op.key, winner[1]))


def winning_contents(ops: Iterable[Op]) -> dict[OpId, Op]:
    """Returns for each id the content that counts: the one with the greatest bytes."""
    winners: dict[OpId, Op] = {}
    for op in ops:
        rival = winners.get(op.id)
        if rival is None or content_bytes(op) > content_bytes(rival):
            winners[op.id] = op
    return winners
