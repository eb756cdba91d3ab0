"""One tree in the original server's memory, as reptree 0.9 keeps it.

Three things follow from how it is made. A move whose parent nobody created, and a property of
such a vertex, wait where no answer shows them. A property that lost when it arrived is left out
of the vector, and so shown only to who asks for everything. What waits twice is kept twice.
"""

from __future__ import annotations

from typing import Any

from sila_daemon.core.peer_order import collation_key

WireOp = dict[str, Any]
Vector = dict[str, list[list[int]]]


class ProcessEndedError(Exception):
    """The original's process does not survive this."""


class Replica:
    """A tree; ops are what came over the wire."""

    def __init__(self) -> None:
        self.moves: list[WireOp] = []
        self.properties: list[WireOp] = []
        self._known: set[tuple[int, str]] = set()
        self._shown: set[tuple[int, str]] = set()
        """The ids of its vector."""
        self._vertices: set[str] = set()
        self._winners: dict[tuple[str, str], tuple[int, Any]] = {}
        self._waiting_moves: dict[str, list[WireOp]] = {}
        self._waiting_properties: dict[str, list[WireOp]] = {}

    def apply(self, op: WireOp) -> None:
        """Takes an op. Raises ProcessEndedError for what is none."""
        if op_id(op) in self._known:
            return
        if "key" in op:
            self._apply_property(op)
        else:
            self._apply_move(op)

    def everything(self) -> list[WireOp]:
        """Returns what a full answer has."""
        return [*self.moves, *self.properties]

    def missing(self, vector: Vector) -> list[WireOp]:
        """Returns what somebody with a vector is told. Raises ProcessEndedError."""
        lacking = {
            (counter, peer)
            for counter, peer in self._shown
            if not any(first <= counter <= last for first, last in vector.get(peer, ()))
        }
        found = [op for op in self.everything() if op_id(op) in lacking]
        return sorted(found, key=lambda op: _stamp(op))

    def _apply_move(self, op: WireOp) -> None:
        parent = op.get("parentId")
        if parent is not None and parent not in self._vertices:
            self._waiting_moves.setdefault(parent, []).append(op)
            return
        self.moves.append(op)
        self._report(op)
        target = op["targetId"]
        if target != parent and target not in self._vertices:
            self._vertices.add(target)
            for waiting in self._waiting_properties.pop(target, []):
                self._apply_property(waiting)
        for waiting in self._waiting_moves.pop(target, []):
            self._apply_move(waiting)

    def _apply_property(self, op: WireOp) -> None:
        target = op["targetId"]
        is_transient = op.get("transient") is True
        if target not in self._vertices:
            if not is_transient:
                self._waiting_properties.setdefault(target, []).append(op)
            return
        if is_transient:
            self._report(op)
            return
        self.properties.append(op)
        place = target, op["key"]
        if place not in self._winners or _stamp(op) > self._winners[place]:
            self._winners[place] = _stamp(op)
            self._report(op)
        else:
            self._known.add(op_id(op))

    def _report(self, op: WireOp) -> None:
        self._known.add(op_id(op))
        self._shown.add(op_id(op))


def op_id(op: object) -> tuple[int, str]:
    """Returns the id of an op. Raises ProcessEndedError."""
    if not isinstance(op, dict) or not isinstance(op.get("id"), dict):
        raise ProcessEndedError("what should be an op has no id")
    try:
        return op["id"]["counter"], op["id"]["peerId"]
    except KeyError:
        raise ProcessEndedError("an op id lacks a part") from None


def checked_vector(value: object) -> Vector | None:
    """Returns a vector as it came. Raises ProcessEndedError when it is none."""
    if value is None:
        return None
    if not isinstance(value, dict):
        raise ProcessEndedError("a vector that is no object")
    for ranges in value.values():
        if not isinstance(ranges, list) or any(
            not isinstance(pair, list) or len(pair) != 2 for pair in ranges
        ):
            raise ProcessEndedError("a vector with something that is no range")
    return value


def _stamp(op: WireOp) -> tuple[int, Any]:
    counter, peer = op_id(op)
    return counter, collation_key(peer)
