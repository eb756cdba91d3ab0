"""Appends ops to the op files that this process alone writes.

Source: the section "What we write into a folder" of the space format. Our own peers' ops go to
`<peer>-m.jsonl` and `-p.jsonl`, those of others to `<author>.<writer>.jsonl`, and the move that
creates a tree's root, whoever made it, to `<author>.<writer>-0.jsonl` after the tree's other lines.

A file is never rewritten or truncated. What happens after a failure:
- a write that found the disk full: the file stays in use; its torn tail is closed with a newline
  before the next line;
- any other failed write, any failed sync: nobody knows what is on stable storage, so the file is
  left for good. A fresh writer id takes over, for our own peers too: their ops then go to
  `<peer>.<writer>.jsonl`, which every reader knows.
Either way the caller repeats the same batch; what was durable already is not written again.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.ops import MoveOp, Op
from sila_daemon.folder.layout import SpaceLayout, utc_day
from sila_daemon.folder.op_batch import Appended, Done, Group, OpBatch
from sila_daemon.folder.op_files import OpFiles

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping, Sequence
    from datetime import date
    from pathlib import Path

    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.disk import Disk
    from sila_daemon.ports.randomness import Randomness


class OpAppender:
    """The only writer of some op files of one space. Not for use from two threads at once."""

    def __init__(
        self, layout: SpaceLayout, disk: Disk, clock: Clock, randomness: Randomness
    ) -> None:
        self._layout = layout
        self._clock = clock
        self._files = OpFiles(layout, disk, randomness)
        self._done: dict[str, Done] = {}
        """By tree: what is durable of a batch that failed, and that will be repeated."""

    def append(self, tree_id: str, own_peers: Collection[str], ops: Sequence[Op]) -> list[Appended]:
        """Returns when every op of a tree is on stable storage, with one sync for each file.

        What is returned holds the parts of a batch that failed before, too.
        `own_peers` are the peers that this process made. Ops must not be transient. Raises
        InvalidIdError before anything is written, and StorageError, after which the same ops
        are to be given again.
        """
        batch = self.batch(own_peers, {tree_id: ops})
        batch.run()
        batch.raise_failure()
        return batch.appended[tree_id]

    def batch(self, own_peers: Collection[str], trees: Mapping[str, Sequence[Op]]) -> OpBatch:
        """Returns what appends ops of several trees together, to be run before the next one.

        Otherwise as `append`, but that after an error some trees may be durable whole, and are
        not to be given again. Raises InvalidIdError.
        """
        for tree_id, ops in trees.items():
            self._layout.tree_dir(tree_id)
            for author in dict.fromkeys(op.peer for op in ops):
                ids.checked_peer_id(author)
        day = utc_day(self._clock.time())
        groups: dict[str, Collection[Group]] = {}
        for tree_id, ops in trees.items():
            durable = self._done.setdefault(tree_id, Done())
            if durable.ops:
                durable.keep(ops)
            done = {op for some in durable.ops for op in some}
            waiting = [op for op in ops if op not in done] if done else ops
            groups[tree_id] = self._grouped(tree_id, day, own_peers, waiting)
        return OpBatch(self._files, groups, self._done)

    def has_left(self, path: Path) -> bool:
        """Tells whether a write or sync of a file failed: it may show what a power cut takes."""
        return self._files.has_left(path)

    def _grouped(
        self, tree_id: str, day: date, own_peers: Collection[str], ops: Sequence[Op]
    ) -> Collection[Group]:
        """Sorts the ops of a tree by the file that they go to."""
        groups: dict[Path, Group] = {}
        # Making a path costs more than encoding a line, and most ops go where the last one went.
        known: dict[tuple[str, bool, bool], Group] = {}
        for op in ops:
            is_move = isinstance(op, MoveOp)
            is_root = is_move and _makes_root(op)
            place = (op.peer, is_move, is_root)
            group = known.get(place)
            if group is None:
                writer = self._files.writer
                if is_root:
                    own, path = None, self._layout.root_file(tree_id, day, op.peer, writer)
                else:
                    own = self._own_path(tree_id, day, own_peers, op)
                    path = own or self._layout.foreign_file(tree_id, day, op.peer, writer)
                group = groups.setdefault(path, Group(tree_id, path, own is None, is_root))
                known[place] = group
            group.ops.append(op)
        return groups.values()

    def _own_path(self, tree_id: str, day: date, own_peers: Collection[str], op: Op) -> Path | None:
        if op.peer not in own_peers:
            return None
        place = self._layout.moves_file if isinstance(op, MoveOp) else self._layout.properties_file
        path = place(tree_id, day, op.peer)
        return None if self._files.has_left(path) else path


def _makes_root(op: Op) -> bool:
    return isinstance(op, MoveOp) and op.parent is None and op.target != ids.NULL_VERTEX
