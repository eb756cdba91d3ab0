"""What the original server does, without sockets: spaces in memory, written every 500 ms."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import Any

from tests.original_server.replica import (
    ProcessEndedError,
    Replica,
    WireOp,
    checked_vector,
    op_id,
)
from tests.original_server.space_files import Files, line_of, ops_in

FLUSH_S = 0.5
TOKEN_S = 7 * 24 * 3600


@dataclass
class OriginalSpace:
    """One space of a process; another process is another object on the same files."""

    id: str
    owner: str
    name: str
    files: Files
    trees: dict[str, Replica] = field(default_factory=dict)
    being_written: set[str] = field(default_factory=set)
    """Ops for these are written later, and are missing from memory until the next start."""
    _unwritten: list[tuple[str, WireOp]] = field(default_factory=list)

    def load(self) -> None:
        """Reads its files, as at the start of a process."""
        for tree_id, op in ops_in(self.files):
            self._tree(tree_id).apply(op)

    def send(self, payload: Any) -> dict[str, Any]:
        """Takes `ops:send`; returns what the others are told. Raises ProcessEndedError."""
        tree_id, ops = payload["treeId"], payload["ops"]
        for op in ops:
            op_id(op)
            if op.get("transient") is True and "key" in op:
                self._tree(tree_id).apply(op)
                continue
            self._unwritten.append((tree_id, op))
            if tree_id not in self.being_written:
                self._tree(tree_id).apply(op)
        return {"treeId": tree_id, "ops": ops}

    def state(self, payload: Any) -> list[tuple[str, dict[str, Any]]]:
        """Answers `ops:state`: events with their payloads. Raises ProcessEndedError."""
        trees = payload["trees"]
        answers: list[tuple[str, dict[str, Any]]] = []
        for tree_id, asked in trees.items():
            vector = checked_vector(asked)
            replica = self.trees.get(tree_id)
            if replica is None:
                continue
            ops = replica.everything() if vector is None else replica.missing(vector)
            if ops:
                answers.append(("ops:sync", {"treeId": tree_id, "ops": ops}))
        return [*answers, ("ops:sync:done", {"treeIds": [*trees]})]

    def begin_writing(self) -> Callable[[], None]:
        """Begins to write what came; returns what ends that."""
        lines, self._unwritten = self._unwritten, []
        self.being_written = {tree_id for tree_id, _ in lines}

        def end() -> None:
            for tree_id, op in lines:
                self.files.append(*line_of(tree_id, op))
            self.being_written = set()

        return end

    def _tree(self, tree_id: str) -> Replica:
        return self.trees.setdefault(tree_id, Replica())


def new_space_ops(space_id: str, peer: str, name: str) -> list[WireOp]:
    """Returns the ops of the space tree of a new space."""
    made = "2026-11-21T10:00:00.000Z"
    moves = {1: "0", 3: space_id}
    properties = {
        2: ("0", "_c", made),
        4: (space_id, "_c", made),
        5: (space_id, "name", name),
        6: (space_id, "version", "0"),
    }
    ops: list[WireOp] = []
    for counter in range(1, 7):
        op: WireOp = {"id": {"counter": counter, "peerId": peer}}
        if counter in moves:
            op |= {"targetId": moves[counter], "parentId": None}
        else:
            target, key, value = properties[counter]
            op |= {"targetId": target, "key": key, "value": value, "transient": False}
        ops.append(op)
    return ops


__all__ = ["FLUSH_S", "TOKEN_S", "OriginalSpace", "ProcessEndedError", "new_space_ops"]
