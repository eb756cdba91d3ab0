"""Loads the biggest tree of a space folder, as the daemon does, and prints what it cost.

usage: python -m tests.benchmarks.load_space SPACE [LATE_OPS]

With LATE_OPS, so many ops of a peer that was away since the beginning are then merged.
"""

from __future__ import annotations

import json
import random
import resource
import sys
import time
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.folder.tree_loader import load_tree
from sila_daemon.ports.disk import SystemDisk

if TYPE_CHECKING:
    from sila_daemon.core.rep_tree import RepTree


def load(space: Path) -> tuple[RepTree, float]:
    """Returns a space's own tree and the seconds from bytes on disk to a usable tree."""
    start = time.perf_counter()
    folder = SpaceFolder.open(space, SystemDisk())
    tree_id = folder.space_id
    assert tree_id is not None
    loaded = load_tree(folder, tree_id, folder.scan().by_tree()[tree_id])
    assert loaded.tree.root is not None
    seconds = time.perf_counter() - start
    assert loaded.problems == []
    assert loaded.tree.pending_moves == loaded.tree.pending_properties == 0
    return loaded.tree, seconds


def late_ops(tree: RepTree, count: int) -> list[Op]:
    """Makes ops of a peer that has not heard of others since the first hundredth of the history."""
    rng = random.Random("late")
    root = tree.root
    assert root is not None
    known = [vertex.id for vertex in root.children]
    ops: list[Op] = []
    first = tree.op_count // 100
    while len(ops) < count:
        counter = first + len(ops)
        fresh = f"{rng.getrandbits(128):032x}"
        ops.append(MoveOp(counter, "f" * 32, fresh, rng.choice(known)))
        ops.append(PropertyOp(counter + 1, "f" * 32, fresh, "name", b'"late"'))
        known.append(fresh)
        ops.append(MoveOp(counter + 2, "f" * 32, rng.choice(known), rng.choice(known)))
        ops.append(PropertyOp(counter + 3, "f" * 32, rng.choice(known), "text", b'"late"'))
    return ops[:count]


def main() -> None:
    """Prints the figures as one line of JSON."""
    tree, seconds = load(Path(sys.argv[1]))
    figures = {"seconds": seconds, "ops": tree.op_count, "vertices": tree.vertex_count}
    # ru_maxrss is in KiB, on macOS in bytes.
    unit = 1 if sys.platform == "darwin" else 1024
    figures["peak_mb"] = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * unit / 1e6
    if len(sys.argv) > 2:
        ops = late_ops(tree, int(sys.argv[2]))
        start = time.perf_counter()
        added = tree.merge(ops).added
        figures["late_seconds"] = time.perf_counter() - start
        assert added == len(ops)
    print(json.dumps(figures))


if __name__ == "__main__":
    main()
