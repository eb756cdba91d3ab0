"""Which vertex is under which: the state that moves act on.

Vertices are interned as small integers; everything is a column, so that a million vertices cost
a few dozen bytes each. Siblings are linked in no particular order: what a person sees is sorted
when it is read.
"""

from __future__ import annotations

from array import array
from collections.abc import Iterable, Iterator
from typing import cast

from sila_daemon.core.link_cut import LinkCutForest

ROOT = -1
"""The parent of a vertex that was moved under null."""
UNPLACED = -2
"""The parent of a vertex that is only named so far, or all of whose moves were skipped."""

_LOOK_BELOW_MAX = 32
_WALK_STEPS_FREE = 100_000
_WALK_STEPS_PER_CHECK = 1_000
"""Walking up costs about 40 ns a step, the link-cut forest about 30 µs a check: beyond this
many steps a check on average, building the forest pays."""


class Hierarchy:
    """Interned vertices, their parents and children."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.index_by_id: dict[str, int] = {}
        self.parents: list[int] = []
        """A list, not an array: walking up reads it about twice as fast."""
        self.is_created = bytearray()
        """1 once a move that does not wait has named the vertex as its target."""
        self.may_have_children = bytearray()
        """0 only if the vertex was never a parent: then it is nobody's ancestor."""
        self._first_child = array("i")
        self._next_sibling = array("i")
        self._previous_sibling = array("i")
        self._forest: LinkCutForest | None = None
        """Stands in for walking while a batch of moves is replayed in a deep tree."""
        self._check_count = 0
        self._step_count = 0

    def intern(self, vertex_id: str) -> int:
        """Returns the index of a vertex, known or new."""
        index = self.index_by_id.get(vertex_id)
        return self.intern_all((vertex_id,))[0] if index is None else index

    def intern_all(self, vertex_ids: Iterable[str]) -> list[int]:
        """Returns the indices of many vertices, known or new."""
        vertex_ids = list(vertex_ids)
        index_by_id = self.index_by_id
        found = list(map(index_by_id.get, vertex_ids))
        if None not in found:
            return cast("list[int]", found)
        added = []
        for vertex_id in vertex_ids:
            if vertex_id not in index_by_id:
                index_by_id[vertex_id] = len(index_by_id)
                added.append(vertex_id)
        count = len(added)
        self.ids += added
        self.parents.extend([UNPLACED] * count)
        self.is_created.extend(bytes(count))
        self.may_have_children.extend(bytes(count))
        for column in (self._first_child, self._next_sibling, self._previous_sibling):
            column.extend(array("i", [-1]) * count)
        return [index_by_id[vertex_id] for vertex_id in vertex_ids]

    def begin_moves(self) -> None:
        """Starts a batch of moves; the budget for walking is counted anew."""
        self._forest = None
        self._check_count = self._step_count = 0

    def end_moves(self) -> None:
        """Ends a batch of moves; the link-cut forest is not kept up between batches."""
        self._forest = None

    def is_ancestor(self, above: int, vertex: int) -> bool:
        """Tells whether `above` is `vertex` or stands anywhere above it.

        Most vertices have little below them, however deep they are: a short look there comes
        first, then a walk up. When a batch of moves in a deep tree makes that quadratic, a
        link-cut forest takes over for the rest of the batch.
        """
        if self._forest is not None:
            return self._forest.is_ancestor(above, vertex)
        answer = self._look_below(above, vertex)
        return self._walk_up(above, vertex) if answer is None else answer

    def _look_below(self, above: int, vertex: int) -> bool | None:
        """Looks for `vertex` below `above`, in preorder; None when there is too much to see."""
        first, following, parents = self._first_child, self._next_sibling, self.parents
        node = first[above]
        for _ in range(_LOOK_BELOW_MAX):
            if node < 0:
                return above == vertex
            if node == vertex:
                return True
            child = first[node]
            while child < 0 and node != above:
                child = following[node]
                node = parents[node]
            node = child
        return None

    def _walk_up(self, above: int, vertex: int) -> bool:
        parents = self.parents
        node = vertex
        steps = 0
        for steps in range(len(parents) + 1):  # noqa: B007 (counting costs nothing this way)
            if node == above or node < 0:
                break
            node = parents[node]
        self._check_count += 1
        self._step_count += steps
        if self._step_count > _WALK_STEPS_FREE + _WALK_STEPS_PER_CHECK * self._check_count:
            self._forest = LinkCutForest(parents)
        return node == above

    def place(self, vertex: int, parent: int) -> None:
        """Takes a vertex from its parent's children and puts it among those of another."""
        old = self.parents[vertex]
        first, following, previous = self._first_child, self._next_sibling, self._previous_sibling
        if old >= 0:
            before, after = previous[vertex], following[vertex]
            if before >= 0:
                following[before] = after
            else:
                first[old] = after
            if after >= 0:
                previous[after] = before
        self.parents[vertex] = parent
        if parent >= 0:
            head = first[parent]
            if head >= 0:
                previous[head] = vertex
            following[vertex] = head
            previous[vertex] = -1
            first[parent] = vertex
        if self._forest is not None:
            self._forest.move(vertex, parent)

    def children(self, vertex: int) -> Iterator[int]:
        """Yields the children of a vertex in no particular order."""
        child = self._first_child[vertex]
        while child >= 0:
            yield child
            child = self._next_sibling[child]

    def ancestors(self, vertex: int) -> Iterator[int]:
        """Yields what stands above a vertex, nearest first."""
        node = self.parents[vertex]
        while node >= 0:
            yield node
            node = self.parents[node]
