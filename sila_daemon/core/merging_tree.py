"""A tree that merges ops in any order and tells observers what changed."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence

from sila_daemon.core import ids
from sila_daemon.core.changes import Change, PropertyChanged, VertexCreated, VertexMoved
from sila_daemon.core.hierarchy import ROOT
from sila_daemon.core.ops import MoveOp, Op
from sila_daemon.core.peer_order import LABEL_BITS, translated
from sila_daemon.core.tree_batch import MergeResult, TreeBatch
from sila_daemon.core.tree_state import CREATED_KEY, TreeState

Observer = Callable[[list[Change]], None]


class MergingTree(TreeState):
    """The state of a tree, and the two ways in which it changes: one merge, or one batch."""

    def __init__(self, tree_id: str) -> None:
        super().__init__(tree_id)
        self._observers: list[Observer] = []

    def vertex_ids(self) -> Iterator[str]:
        """Yields the ids of all vertices, deleted ones included, in no promised order."""
        return (self.id_of(index) for index in self.indices())

    def batch(self) -> TreeBatch:
        """Returns a batch to be used in a `with` block; observers are told once, at its end."""
        return TreeBatch(self)

    def merge(self, ops: Iterable[Op]) -> MergeResult:
        """Merges valid ops, in any order, known ones included."""
        with self.batch() as batch:
            batch.add_ops(ops)
        return batch.result

    def merge_cost(self, ops: Sequence[Op]) -> int:
        """Returns how many steps merging takes, each some microseconds, so that the caller can
        decide where to do it: one for each op, and one for each move that must be replayed."""
        first_move = min((op.counter for op in ops if isinstance(op, MoveOp)), default=None)
        replayed = 0 if first_move is None else self._moves.count_from(first_move << LABEL_BITS)
        return len(ops) + replayed

    @property
    def has_live_state(self) -> bool:
        """Whether it shows something transient."""
        return self._properties.has_overlay

    def raise_counter(self, counter: int) -> None:
        """Notes that a counter was seen, stored or used; the clock never goes back."""
        self.highest_counter = max(self.highest_counter, counter)

    def observe(self, observer: Observer) -> Callable[[], None]:
        """Calls `observer` after each merge and edit that changed something.

        Returns a function that ends it. An observer must not change the tree.
        """
        self._observers.append(observer)
        return lambda: self._observers.remove(observer)

    def _admit_peer(self, peer: str, staged: list[tuple[int, int, int]]) -> None:
        """Makes sure that a peer has a label; `staged` moves are translated with the rest."""
        if peer in self._labels:
            return
        renamed = self._labels.add([ids.checked_peer_id(peer)])
        if renamed is not None:
            self._moves.restamp(renamed)
            self._properties.restamp(renamed)
            staged[:] = [
                (translated(stamp, renamed), target, parent) for stamp, target, parent in staged
            ]

    def _note_changes(
        self,
        old_parents: dict[int, int],
        created: list[int],
        touched: dict[tuple[int, str], None],
    ) -> None:
        """Drops what is cached about touched vertices and tells the observers."""
        parents, name = self._hierarchy.parents, self._name
        if len(old_parents) > len(self._sorted_children):
            self._sorted_children.clear()
        for vertex, old in old_parents.items() if self._sorted_children else ():
            self._sorted_children.pop(old, None)
            self._sorted_children.pop(parents[vertex], None)
        for vertex, key in touched:
            if key == CREATED_KEY:
                self._sorted_children.pop(parents[vertex], None)
        if not self._observers:
            return
        fresh = set(created)
        changes: list[Change] = [
            VertexCreated(self.id_of(vertex), name(parents[vertex])) for vertex in created
        ]
        changes += [
            VertexMoved(self.id_of(vertex), name(old), name(parents[vertex]))
            for vertex, old in old_parents.items()
            if vertex not in fresh and max(old, ROOT) != max(parents[vertex], ROOT)
        ]
        is_created = self._hierarchy.is_created
        changes += [
            PropertyChanged(self.id_of(vertex), key)
            for vertex, key in touched
            if vertex not in fresh and is_created[vertex]
        ]
        if changes:
            for observer in tuple(self._observers):
                observer(changes)

    def _name(self, index: int) -> str | None:
        return self.id_of(index) if index >= 0 else None
