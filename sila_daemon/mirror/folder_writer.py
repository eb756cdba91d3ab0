"""Appends to the folder what it is owed: at once after a pause, then at most every so often."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.folder.problems import storage_errors
from sila_daemon.mirror.op_file_scan import after_append
from sila_daemon.store.schema import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sila_daemon.core.ops import Op
    from sila_daemon.folder.layout import SpaceLayout
    from sila_daemon.mirror.record import MirrorPorts
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
            by_tree: dict[str, list[Op]] = {}
            seqs: dict[str, list[int]] = {}
            for entry in owed:
                by_tree.setdefault(entry.tree_id, []).append(entry.op)
                seqs.setdefault(entry.tree_id, []).append(entry.seq)
            for tree_id, ops in by_tree.items():
                # Who is cancelled here cannot call back a thread that writes. What it does is
                # seen to its end, so that nothing is written twice or by two threads at once.
                self._under_way = asyncio.ensure_future(
                    self._append(tree_id, ops, seqs[tree_id], positions)
                )
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

    async def _append(
        self, tree_id: str, ops: list[Op], seqs: list[int], positions: dict[str, Position]
    ) -> None:
        own = self._own_peers()

        def append() -> list[Position]:
            reached = []
            for appended in self._appender.append(tree_id, own, ops):
                known = positions.get(self._layout.relative(appended.path))
                with storage_errors("look at what was written"):
                    reached.append(after_append(self._ports.disk, self._layout, appended, known))
            return reached

        reached = await self._ports.workers.run(append)
        await self._store.settle_written(seqs, reached)
        positions.update((position.path, position) for position in reached)
