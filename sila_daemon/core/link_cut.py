"""A forest that answers "who is above whom" in amortised O(log n), however deep it is.

Source: Sleator and Tarjan, "A Data Structure for Dynamic Trees" (1983), in the form with splay
trees ("Self-Adjusting Binary Search Trees", 1985). Each vertex sits in the splay tree of its
preferred path, ordered by depth; a splay tree's root remembers the vertex above its path.
"""

from __future__ import annotations

from collections.abc import Sequence

_NONE = -1


class LinkCutForest:
    """The ancestor relation of a forest that changes one parent at a time."""

    def __init__(self, parents: Sequence[int]) -> None:
        """Starts from the parent of each vertex; a negative number stands for none. O(n)."""
        # To begin with every vertex is a path of its own below its parent.
        self._up = [parent if parent >= 0 else _NONE for parent in parents]
        self._left = [_NONE] * len(self._up)
        self._right = [_NONE] * len(self._up)

    def is_ancestor(self, above: int, vertex: int) -> bool:
        """Tells whether `above` is `vertex` or stands anywhere above it."""
        self._expose(vertex)
        if above == vertex:
            return True
        # `vertex` roots the splay tree of the path from its root down to itself. Splaying
        # `above` takes that place from it exactly if both are on that path.
        self._splay(above)
        return self._up[vertex] != _NONE and self._is_below(vertex, above)

    def move(self, vertex: int, parent: int) -> None:
        """Cuts `vertex` from its parent and puts it below another, or below none."""
        self._expose(vertex)
        upper = self._left[vertex]
        if upper != _NONE:
            self._up[upper] = _NONE
            self._left[vertex] = _NONE
        self._up[vertex] = parent if parent >= 0 else _NONE

    def _is_below(self, node: int, top: int) -> bool:
        """Tells whether `node` is in the splay tree that `top` is the root of."""
        left, right, up = self._left, self._right, self._up
        while node != top:
            above = up[node]
            if above == _NONE or (left[above] != node and right[above] != node):
                return False
            node = above
        return True

    def _expose(self, vertex: int) -> None:
        """Makes the path from the root down to `vertex` preferred, `vertex` its splay root."""
        below = _NONE
        node = vertex
        while node != _NONE:
            self._splay(node)
            self._right[node] = below
            below = node
            node = self._up[node]
        self._splay(vertex)

    def _splay(self, node: int) -> None:
        left, right, up = self._left, self._right, self._up
        while True:
            parent = up[node]
            if parent == _NONE or (left[parent] != node and right[parent] != node):
                return
            above = up[parent]
            if above != _NONE and (left[above] == parent or right[above] == parent):
                zig_zig = (left[parent] == node) == (left[above] == parent)
                self._rotate(parent if zig_zig else node)
            self._rotate(node)

    def _rotate(self, node: int) -> None:
        left, right, up = self._left, self._right, self._up
        parent = up[node]
        above = up[parent]
        if left[parent] == node:
            middle = right[node]
            left[parent] = middle
            right[node] = parent
        else:
            middle = left[node]
            right[parent] = middle
            left[node] = parent
        if middle != _NONE:
            up[middle] = parent
        if above != _NONE:
            if left[above] == parent:
                left[above] = node
            elif right[above] == parent:
                right[above] = node
        up[parent] = node
        up[node] = above
