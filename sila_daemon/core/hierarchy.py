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
        self._check_count = 0
        self._step_count = 0

    def intern(self, vertex_id: str) -> int:
        """Returns the index of a vertex, known or new."""
        index = self.index_by_id.get(vertex_id)
        if index is None:
            index = self.index_by_id[vertex_id] = len(self.ids)
            self.ids.append(vertex_id)
            self.parents.append(UNPLACED)
            self.is_created.append(0)
            self.may_have_children.append(0)
            self._first_child.append(-1)
            self._next_sibling.append(-1)
            self._previous_sibling.append(-1)
        return index

    def intern_all(self, vertex_ids: Iterable[str]) -> list[int]:
        """Returns the indices of many vertices, known or new."""
        vertex_ids = list(vertex_ids)
        found = list(map(self.index_by_id.get, vertex_ids))
        if None not in found:
            return cast("list[int]", found)
        intern = self.intern
        return [
            intern(vertex_id) if index is None else index
            for index, vertex_id in zip(found, vertex_ids, strict=True)
        ]

    def begin_moves(self) -> None:
        """Starts a batch of moves; the budget for walking is counted anew."""
        self._forest = None
        self._check_count = self._step_count = 0

    def end_moves(self) -> None:
        """Ends a batch of moves; the link-cut forest is not kept up between batches."""
        self._forest = None

    def is_ancestor(self, above: int, vertex: int) -> bool:
        """Tells whether `above` is `vertex` or stands anywhere above it.

        Walks while that is cheap. When a batch of moves in a deep tree makes it quadratic, a
        link-cut forest takes over for the rest of the batch.
        """
        if self._forest is not None:
            return self._forest.is_ancestor(above, vertex)
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

    def set_parent(self, vertex: int, parent: int) -> None:
        """Changes a parent without touching the lists of children: see `relink`."""
        self.parents[vertex] = parent
        if self._forest is not None:
            self._forest.move(vertex, parent)

    def relink(self, old_parents: dict[int, int]) -> None:
        """Brings the lists of children in line with the parents of the vertices named."""
        parents = self.parents
        first, following, previous = self._first_child, self._next_sibling, self._previous_sibling
        for vertex, old in old_parents.items():
            new = parents[vertex]
            if new == old:
                continue
            if old >= 0:
                before, after = previous[vertex], following[vertex]
                if before >= 0:
                    following[before] = after
                else:
                    first[old] = after
                if after >= 0:
                    previous[after] = before
            previous[vertex] = -1
            if new >= 0:
                head = first[new]
                following[vertex] = head
                if head >= 0:
                    previous[head] = vertex
                first[new] = vertex
            else:
                following[vertex] = -1

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
