"""Appends to the folder what it is owed: at once after a pause, then at most every so often."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.folder.problems import storage_errors
from sila_daemon.mirror.op_file_scan import after_append
from sila_daemon.store.schema import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence
    from pathlib import Path

    from sila_daemon.core.ops import Op
    from sila_daemon.folder.layout import SpaceLayout
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.store.outbox import OwedOp
    from sila_daemon.store.positions import Position
    from sila_daemon.store.space_store import SpaceStore

BATCH_OPS = 5000


class FolderWriter:
    """The only one that writes op files of a space; each op is written until it is durable."""

    def __init__(
        self,
        layout: SpaceLayout,
        ports: MirrorPorts,
        store: SpaceStore,
        own_peers: Callable[[], frozenset[str]],
    ) -> None:
        """`own_peers` returns those whose files this process may write under their names."""
        self._layout = layout
        self._ports = ports
        self._store = store
        self._own_peers = own_peers
        self._appender = OpAppender(layout, ports.disk, ports.clock, ports.randomness)
        self._under_way: asyncio.Task[None] | None = None

    def has_left(self, path: Path) -> bool:
        """Tells whether what stands in a file is not known to be durable, as it failed."""
        return self._appender.has_left(path)

    async def write_owed(self, positions: dict[str, Position]) -> int:
        """Writes what is owed when it is called; returns how many ops. Raises StorageError.

        After an error everything not known to be durable is still owed. `positions` are brought
        up to what was written.
        """
        await self.finish()
        written = 0
        while owed := await self._store.owed(FOLDER, 0, BATCH_OPS):
            # Who is cancelled here cannot call back a thread that writes. What it does is seen to
            # its end, so that nothing is written twice or by two threads at once.
            self._under_way = asyncio.ensure_future(self._append(owed, positions))
            await asyncio.shield(self._under_way)
            written += len(owed)
            if len(owed) < BATCH_OPS:
                break  # What came meanwhile waits for its turn, so that others get theirs.
        return written

    async def finish(self) -> None:
        """Returns once nothing is being written that an interrupted call began."""
        if self._under_way is not None:
            # Its error is of no interest: what is not known to be durable is still owed.
            await asyncio.gather(self._under_way, return_exceptions=True)
            self._under_way = None

    async def _append(self, owed: Sequence[OwedOp], positions: dict[str, Position]) -> None:
        """Writes ops tree by tree, and ends the debts of all that were written in one commit."""
        by_tree: dict[str, tuple[list[Op], list[int]]] = {}
        for entry in owed:
            ops, seqs = by_tree.setdefault(entry.tree_id, ([], []))
            ops.append(entry.op)
            seqs.append(entry.seq)
        own = self._own_peers()
        paid: list[int] = []
        reached: list[Position] = []

        def append() -> None:
            for tree_id, (ops, seqs) in by_tree.items():
                # All of a tree or nothing: a position counts only with the debts that it covers.
                of_tree = self._append_tree(tree_id, own, ops, positions)
                reached.extend(of_tree)
                paid.extend(seqs)

        try:
            await self._ports.workers.run(append)
        finally:
            if paid:
                await self._store.settle_written(paid, reached)
                positions.update((position.path, position) for position in reached)

    def _append_tree(
        self, tree_id: str, own: frozenset[str], ops: Sequence[Op], positions: dict[str, Position]
    ) -> list[Position]:
        """Writes ops of one tree; returns up to where each file counts as read. Blocks."""
        reached = []
        for appended in self._appender.append(tree_id, own, ops):
            known = positions.get(self._layout.relative(appended.path))
            with storage_errors("look at what was written"):
                reached.append(after_append(self._ports.disk, self._layout, appended, known))
        return reached
