"""A handle on one vertex of a tree: pleasant to read and edit with, owns nothing."""

from __future__ import annotations

from collections.abc import Mapping
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json
    from sila_daemon.core.rep_tree import RepTree

NAME_KEYS = ("name", "_n")
"""Where a vertex's name stands: first in `name`, else in `_n`."""


class Vertex:
    """One vertex. Handles are cheap, compare by vertex, and always show the present state."""

    __slots__ = ("_index", "_tree")

    def __init__(self, tree: RepTree, index: int) -> None:
        self._tree = tree
        self._index = index

    def __eq__(self, other: object) -> bool:
        return (
            isinstance(other, Vertex) and other._tree is self._tree and other._index == self._index
        )

    def __hash__(self) -> int:
        return hash((id(self._tree), self._index))

    def __repr__(self) -> str:
        return f"Vertex({self.id!r})"

    @property
    def id(self) -> str:
        """The vertex's id."""
        return self._tree.id_of(self._index)

    @property
    def tree(self) -> RepTree:
        """The tree that the vertex is in."""
        return self._tree

    @property
    def parent(self) -> Vertex | None:
        """The vertex above; None for a root."""
        above = self._tree.parent_of(self._index)
        return None if above is None else Vertex(self._tree, above)

    @property
    def children(self) -> list[Vertex]:
        """The vertices below, in display order."""
        return [Vertex(self._tree, child) for child in self._tree.children_of(self._index)]

    @property
    def child_count(self) -> int:
        """The number of children."""
        return self._tree.child_count(self._index)

    @property
    def ancestors(self) -> list[Vertex]:
        """What stands above, nearest first."""
        return [Vertex(self._tree, above) for above in self._tree.ancestors_of(self._index)]

    @property
    def name(self) -> str | None:
        """The property `name`, else `_n`; None when neither is a string."""
        for key in NAME_KEYS:
            name = self._tree.value(self._index, key)
            if isinstance(name, str):
                return name
        return None

    @property
    def created_ms(self) -> float | None:
        """When the vertex was created, in Unix milliseconds; None when it does not say."""
        return self._tree.created_ms(self._index)

    @property
    def is_deleted(self) -> bool:
        """Whether the vertex is the null vertex or under it."""
        return self._tree.is_deleted(self._index)

    @property
    def properties(self) -> dict[str, Json]:
        """Every property that is set, transient ones laid over, in order of the keys."""
        return self._tree.values(self._index)

    def get(self, key: str, default: Json = None) -> Json:
        """Returns a property's value, or `default` when it is not set."""
        text = self._tree.text(self._index, key)
        return default if text is None else self._tree.value(self._index, key)

    def child_named(self, name: str) -> Vertex | None:
        """Returns the first child with that name, in display order."""
        return next((child for child in self.children if child.name == name), None)

    def new_child(self, properties: Mapping[str, Json] | None = None) -> Vertex:
        """Creates a vertex below this one."""
        return self._tree.create(self.id, properties)

    def set(self, key: str, value: Json) -> None:
        """Sets a property."""
        self._tree.set(self.id, key, value)

    def unset(self, key: str) -> None:
        """Deletes a property."""
        self._tree.unset(self.id, key)

    def move_to(self, parent: Vertex) -> None:
        """Moves this vertex under another."""
        self._tree.move(self.id, parent.id)

    def delete(self) -> None:
        """Moves this vertex under the null vertex."""
        self._tree.delete(self.id)
