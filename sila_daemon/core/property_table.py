"""The properties of vertices: last writer wins, transient ones laid over.

Source: the section "Properties" of the space format. Values stay JSON text until they are read.
Only winners are held; what they superseded is in the op log.
"""

from __future__ import annotations

import sys
from collections.abc import Iterator, Sequence
from typing import TYPE_CHECKING

from sila_daemon.core import json_value
from sila_daemon.core.peer_order import LABEL_BITS, translated

if TYPE_CHECKING:
    from sila_daemon.core.op_codec import PropertyRow

Winner = tuple[int, bytes | None]
"""Stamp and JSON text; None, `{}` and `[]` are deletions, which win like any other value."""

_NOTHING: dict[str, Winner] = {}


class PropertyTable:
    """For each vertex index and key, the op that counts."""

    def __init__(self) -> None:
        self._slots: list[dict[str, Winner]] = []
        self._overlay: dict[int, dict[str, Winner]] = {}

    def apply(self, vertices: Sequence[int], rows: Sequence[PropertyRow], label: int) -> None:
        """Applies the rows of one peer; `vertices` are the indices of their targets."""
        slots = self._slots
        missing = max(vertices, default=-1) + 1 - len(slots)
        if missing > 0:
            slots.extend([_NOTHING] * missing)
        intern = sys.intern
        for vertex, row in zip(vertices, rows, strict=True):
            slot = slots[vertex]
            if slot is _NOTHING:
                slot = slots[vertex] = {}
            key = intern(row.key)
            stamp = row.counter << LABEL_BITS | label
            winner = slot.get(key)
            if winner is None or stamp > winner[0]:
                slot[key] = (stamp, row.value)
        if self._overlay:
            self._lift_overlay(vertices, rows, label)

    def apply_transient(self, vertex: int, key: str, stamp: int, value: bytes | None) -> bool:
        """Lays a transient value over a property; False when something later is there."""
        winner = self.winner(vertex, key)
        over = self._overlay.get(vertex, {}).get(key)
        if (winner and winner[0] > stamp) or (over and over[0] > stamp):
            return False
        self._overlay.setdefault(vertex, {})[key] = (stamp, value)
        return True

    def _lift_overlay(
        self, vertices: Sequence[int], rows: Sequence[PropertyRow], label: int
    ) -> None:
        for vertex, row in zip(vertices, rows, strict=True):
            over = self._overlay.get(vertex)
            if over and row.key in over and row.counter << LABEL_BITS | label > over[row.key][0]:
                del over[row.key]
                if not over:
                    del self._overlay[vertex]

    @property
    def has_overlay(self) -> bool:
        """Whether anything transient is laid over."""
        return bool(self._overlay)

    def winner(self, vertex: int, key: str) -> Winner | None:
        """Returns the persistent op that counts for a property, deletions included."""
        return self._slots[vertex].get(key) if vertex < len(self._slots) else None

    def text(self, vertex: int, key: str, *, with_transient: bool = True) -> bytes | None:
        """Returns the JSON text of a property; None when it is not set."""
        winner = self.winner(vertex, key)
        if with_transient and vertex in self._overlay:
            winner = self._overlay[vertex].get(key, winner)
        if winner is None or json_value.is_deletion(winner[1]):
            return None
        return winner[1]

    def texts(self, vertex: int, *, with_transient: bool = True) -> Iterator[tuple[str, bytes]]:
        """Yields key and JSON text of every property that is set."""
        slot = self._slots[vertex] if vertex < len(self._slots) else _NOTHING
        if with_transient and vertex in self._overlay:
            slot = slot | self._overlay[vertex]
        for key, (_, value) in slot.items():
            if value is not None and not json_value.is_deletion(value):
                yield key, value

    def stamps(self, vertex: int) -> Iterator[tuple[str, int]]:
        """Yields key and stamp of every property that is set, transient ones laid over."""
        slot = self._slots[vertex] if vertex < len(self._slots) else _NOTHING
        for key, (stamp, value) in (slot | self._overlay.get(vertex, {})).items():
            if value is not None and not json_value.is_deletion(value):
                yield key, stamp

    def restamp(self, renamed: dict[int, int]) -> None:
        """Translates every stamp after peers were given new labels."""
        for slot in self._slots + list(self._overlay.values()):
            for key, (stamp, value) in slot.items():
                slot[key] = (translated(stamp, renamed), value)
