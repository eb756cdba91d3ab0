"""The materialised state of one tree, for reading: vertices, order, properties, what is held."""

from __future__ import annotations

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING

from sila_daemon.core import json_value
from sila_daemon.core.hierarchy import ROOT, Hierarchy
from sila_daemon.core.ids import NULL_VERTEX
from sila_daemon.core.move_log import MoveLog
from sila_daemon.core.peer_order import PeerLabels
from sila_daemon.core.property_table import PropertyTable
from sila_daemon.core.state_vector import StateVector

if TYPE_CHECKING:
    from sila_daemon.core.json_value import Json

CREATED_KEY = "_c"
_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLISECOND = timedelta(milliseconds=1)


class TreeState:
    """What a tree looks like once every op that is here has been merged.

    Vertices are addressed by index inside the core; `sila_daemon.core.vertex.Vertex` is the
    handle for everyone else. A tree never decodes a value before somebody reads it.
    """

    def __init__(self, tree_id: str) -> None:
        self.tree_id = tree_id
        self.vector = StateVector()
        """Every op held, losers and waiting ones included; read only for others."""
        self.highest_counter = 0
        """The Lamport clock: the highest counter seen, transient ops included."""
        self._labels = PeerLabels()
        self._hierarchy = Hierarchy()
        self._moves = MoveLog(self._hierarchy)
        self._properties = PropertyTable()
        self._waiting_properties: dict[int, int] = {}
        self._sorted_children: dict[int, list[int]] = {}

    @property
    def op_count(self) -> int:
        """The number of op ids held."""
        return len(self.vector)

    @property
    def pending_moves(self) -> int:
        """Moves that wait for their parent to be created."""
        return self._moves.waiting_count

    @property
    def pending_properties(self) -> int:
        """Property ops that wait for their vertex to be created."""
        return sum(self._waiting_properties.values())

    @property
    def vertex_count(self) -> int:
        """The number of vertices, deleted ones and the null vertex included. O(n), a byte each."""
        return self._hierarchy.is_created.count(1)

    def __contains__(self, vertex_id: str) -> bool:
        return self.index_of(vertex_id) is not None

    def index_of(self, vertex_id: str) -> int | None:
        """Returns the index of a vertex that exists; None for one that is only named in ops."""
        index = self._hierarchy.index_by_id.get(vertex_id)
        return index if index is not None and self._hierarchy.is_created[index] else None

    def id_of(self, index: int) -> str:
        """Returns the id of a vertex."""
        return self._hierarchy.ids[index]

    def indices(self) -> Iterator[int]:
        """Yields the vertices that exist, in the order in which they were first named."""
        return (index for index, there in enumerate(self._hierarchy.is_created) if there)

    def root_index(self) -> int | None:
        """Returns the root: the vertex named as the tree, else the first one put under null."""
        own = self.index_of(self.tree_id)
        if own is not None and self._hierarchy.parents[own] < 0:
            return own
        first = self._moves.first_root(self._hierarchy.index_by_id.get(NULL_VERTEX, ROOT))
        return first if first >= 0 else None

    def parent_of(self, index: int) -> int | None:
        """Returns the parent of a vertex; None for a root."""
        parent = self._hierarchy.parents[index]
        return parent if parent >= 0 else None

    def ancestors_of(self, index: int) -> Iterator[int]:
        """Yields what stands above a vertex, nearest first."""
        return self._hierarchy.ancestors(index)

    def is_deleted(self, index: int) -> bool:
        """Tells whether a vertex is the null vertex or anywhere under it."""
        null = self._hierarchy.index_by_id.get(NULL_VERTEX)
        return index == null or any(above == null for above in self.ancestors_of(index))

    def children_of(self, index: int) -> list[int]:
        """Returns the children in display order: by creation, those without one first, by id.

        The list is kept until something in it changes; callers must not change it.
        """
        ordered = self._sorted_children.get(index)
        if ordered is None:
            ordered = sorted(self._hierarchy.children(index), key=self._display_key)
            self._sorted_children[index] = ordered
        return ordered

    def child_count(self, index: int) -> int:
        """Returns the number of children, without sorting them."""
        ordered = self._sorted_children.get(index)
        return sum(1 for _ in self._hierarchy.children(index)) if ordered is None else len(ordered)

    def text(self, index: int, key: str, *, with_transient: bool = True) -> bytes | None:
        """Returns the JSON text of a property; None when it is not set."""
        return self._properties.text(index, key, with_transient=with_transient)

    def value(self, index: int, key: str) -> Json:
        """Returns the decoded value of a property; None when it is not set or null."""
        text = self._properties.text(index, key)
        return None if text is None else json_value.decode(text)

    def texts(self, index: int, *, with_transient: bool = True) -> list[tuple[str, bytes]]:
        """Returns every property that is set, as JSON text."""
        return list(self._properties.texts(index, with_transient=with_transient))

    def created_ms(self, index: int) -> float | None:
        """Returns when a vertex was created, in Unix milliseconds, as its `_c` tells it."""
        text = self._properties.text(index, CREATED_KEY, with_transient=False)
        return None if text is None else milliseconds_of(json_value.decode(text))

    def _display_key(self, index: int) -> tuple[bool, float, str]:
        created = self.created_ms(index)
        return created is not None, created or 0.0, self._hierarchy.ids[index]


def milliseconds_of(created: Json) -> float | None:
    """Reads a `_c`: an ISO 8601 string or a number of milliseconds; else None."""
    if isinstance(created, str):
        try:
            moment = datetime.fromisoformat(created)
        except ValueError:
            return None
        if moment.tzinfo is None:
            moment = moment.replace(tzinfo=UTC)
        return float((moment - _EPOCH) // _MILLISECOND)
    if isinstance(created, int | float) and not isinstance(created, bool):
        return float(created)
    return None
