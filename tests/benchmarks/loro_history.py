"""The history of a space folder as a Loro document's updates, for comparison.

usage: python -m tests.benchmarks.loro_history make SPACE OUT | load UPDATES

Every op of the space becomes one op of a Loro tree, by the same peers in the same bursts.
"""

from __future__ import annotations

import json
import sys
import time
from pathlib import Path

import loro

Row = tuple[int, str, list[object]]
"""Counter, peer, and the columns of the op's line after the counter."""


def rows_of(space: Path) -> list[Row]:
    """Returns all ops of a one-tree space, in op order."""
    rows: list[Row] = []
    for file in sorted((space / "space-v1" / "ops").rglob("*.jsonl")):
        peer = file.name.rsplit("-", 1)[0]
        with file.open(encoding="utf-8") as lines:
            for line in lines:
                counter, *columns = json.loads(line)
                rows.append((counter, peer, columns))
    return sorted(rows, key=lambda row: row[:2])


class LoroHistory:
    """A document written by several peers in turn, each of which knows what is there already."""

    def __init__(self) -> None:
        self._doc = loro.LoroDoc()  # type: ignore[no-untyped-call]
        self._tree = self._doc.get_tree("tree")
        self._nodes: dict[object, loro.TreeID] = {}
        self._peers: dict[str, int] = {}

    def apply(self, peer: str, columns: list[object]) -> None:
        """Makes one op."""
        number = self._peers.setdefault(peer, len(self._peers) + 1)
        if number != self._doc.peer_id:
            self._doc.commit()
            self._doc.peer_id = number
        target = columns[0]
        if len(columns) == 3:
            self._tree.get_meta(self._nodes[target]).insert(str(columns[1]), str(columns[2]))
            return
        parent = self._nodes.get(columns[1])
        if target not in self._nodes:
            self._nodes[target] = self._tree.create(parent)
            return
        try:
            self._tree.mov(self._nodes[target], parent)
        except BaseException as error:
            # Loro makes no op that would be a cycle; its binding raises this very class.
            if "Cycle move" not in str(error):
                raise

    def export(self) -> bytes:
        """Returns the whole history as updates."""
        self._doc.commit()
        nothing = loro.VersionVector()  # type: ignore[no-untyped-call]
        return self._doc.export(loro.ExportMode.Updates(nothing))


def make(space: Path, out: Path) -> None:
    """Writes the updates of a space's history."""
    history = LoroHistory()
    for _, peer, columns in rows_of(space):
        history.apply(peer, columns)
    # Renamed at the end, so that what is there is whole.
    partial = out.with_suffix(".partial")
    partial.write_bytes(history.export())
    partial.rename(out)


def load(updates: Path) -> None:
    """Imports updates into an empty document; prints how long that took."""
    data = updates.read_bytes()
    start = time.perf_counter()
    doc = loro.LoroDoc()  # type: ignore[no-untyped-call]
    doc.import_(data)
    seconds = time.perf_counter() - start
    print(json.dumps({"seconds": seconds, "ops": doc.len_ops, "bytes": len(data)}))


if __name__ == "__main__":
    if sys.argv[1] == "make":
        make(Path(sys.argv[2]), Path(sys.argv[3]))
    else:
        load(Path(sys.argv[2]))
