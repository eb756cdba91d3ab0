"""A handle on one vertex of a tree: pleasant to read and edit with, owns nothing."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.json_value import decode

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json
    from sila_daemon.core.rep_tree import RepTree

NAME_KEYS = ("name", "_n")
"""Where a vertex's name stands: first in `name`, else in `_n`."""


@dataclass(frozen=True, slots=True, repr=False)
class Vertex:
    """One vertex. Handles are cheap, compare by vertex, and always show the present state."""

    tree: RepTree
    index: int
    """Where the tree keeps the vertex; means nothing outside it."""

    def __repr__(self) -> str:
        return f"Vertex({self.id!r})"

    @property
    def id(self) -> str:
        """The vertex's id."""
        return self.tree.id_of(self.index)

    @property
    def parent(self) -> Vertex | None:
        """The vertex above; None for a root."""
        above = self.tree.parent_of(self.index)
        return None if above is None else Vertex(self.tree, above)

    @property
    def children(self) -> list[Vertex]:
        """The vertices below, in display order."""
        return [Vertex(self.tree, child) for child in self.tree.children_of(self.index)]

    @property
    def child_count(self) -> int:
        """The number of children."""
        return self.tree.child_count(self.index)

    @property
    def ancestors(self) -> list[Vertex]:
        """What stands above, nearest first."""
        return [Vertex(self.tree, above) for above in self.tree.ancestors_of(self.index)]

    @property
    def name(self) -> str | None:
        """The property `name`, else `_n`; None when neither is a string."""
        for key in NAME_KEYS:
            name = self.tree.value(self.index, key)
            if isinstance(name, str):
                return name
        return None

    @property
    def created_ms(self) -> float | None:
        """When the vertex was created, in Unix milliseconds; None when it does not say."""
        return self.tree.created_ms(self.index)

    @property
    def is_deleted(self) -> bool:
        """Whether the vertex is the null vertex or under it."""
        return self.tree.is_deleted(self.index)

    @property
    def properties(self) -> dict[str, Json]:
        """Every property that is set, transient ones laid over, in order of the keys."""
        return {key: decode(text) for key, text in sorted(self.texts)}

    @property
    def texts(self) -> list[tuple[str, bytes]]:
        """Every property that is set, transient ones laid over, as JSON text."""
        return self.tree.texts(self.index)

    def get(self, key: str, default: Json = None) -> Json:
        """Returns a property's value, or `default` when it is not set."""
        text = self.tree.text(self.index, key)
        return default if text is None else self.tree.value(self.index, key)

    def child_named(self, name: str) -> Vertex | None:
        """Returns the first child with that name, in display order."""
        return next((child for child in self.children if child.name == name), None)

    def new_child(self, properties: Mapping[str, Json] | None = None) -> Vertex:
        """Creates a vertex below this one."""
        return self.tree.create(self.id, properties)

    def set(self, key: str, value: Json) -> None:
        """Sets a property."""
        self.tree.set(self.id, key, value)

    def unset(self, key: str) -> None:
        """Deletes a property."""
        self.tree.unset(self.id, key)

    def move_to(self, parent: Vertex) -> None:
        """Moves this vertex under another."""
        self.tree.move(self.id, parent.id)

    def delete(self) -> None:
        """Moves this vertex under the null vertex."""
        self.tree.delete(self.id)
