"""Appends to the folder what it is owed: at once after a pause, then at most every so often."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_daemon.core.ops import value_size
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.folder.problems import storage_errors
from sila_daemon.mirror.op_file_scan import after_append
from sila_daemon.store.schema import FOLDER

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable, Mapping, Sequence
    from pathlib import Path

    from sila_daemon.core.ops import Op
    from sila_daemon.folder.layout import SpaceLayout
    from sila_daemon.folder.op_batch import Appended, OpBatch
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.store.outbox import OwedOp
    from sila_daemon.store.positions import Position
    from sila_daemon.store.space_store import SpaceStore

PAGE_OPS = 5000
"""So many are read from the store at once, while others may commit."""

PAGES_MAX = 4
"""So many pages are written, synced and paid together; from so much on, more saves little."""

BATCH_BYTES_MAX = 8 << 20
"""Nothing is added to what has so many bytes of values, however few ops that is: all of it is in
memory, and an op may have twice as many."""


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
        may_be_more = True
        while may_be_more:
            owed, may_be_more = await self._owed()
            if not owed:
                break
            # Who is cancelled here cannot call back a thread that writes. What it does is seen to
            # its end, so that nothing is written twice or by two threads at once.
            self._under_way = asyncio.ensure_future(self._append(owed, positions))
            await asyncio.shield(self._under_way)
            written += len(owed)
        # What came meanwhile waits for its turn, so that others get theirs.
        return written

    async def finish(self) -> None:
        """Returns once nothing is being written that an interrupted call began.

        Who is cancelled here is so once that is at its end: its thread would go on without it.
        """
        under_way, interruption = self._under_way, None
        if under_way is None:
            return
        while not under_way.done():
            try:
                await asyncio.wait((under_way,))
            except asyncio.CancelledError as error:
                interruption = error
        if not under_way.cancelled():
            # Of no interest: what is not known to be durable is still owed.
            under_way.exception()
        self._under_way = None
        if interruption is not None:
            raise interruption

    async def _owed(self) -> tuple[list[OwedOp], bool]:
        """Returns what is written next, and whether there may be more."""
        owed: list[OwedOp] = []
        room = BATCH_BYTES_MAX
        for _ in range(PAGES_MAX):
            page = await self._store.owed(FOLDER, owed[-1].seq if owed else 0, PAGE_OPS, room)
            owed += page
            room -= sum(value_size(entry.op) for entry in page)
            if room <= 0:
                break
            if len(page) < PAGE_OPS:
                return owed, False
        return owed, True

    async def _append(self, owed: Sequence[OwedOp], positions: dict[str, Position]) -> None:
        """Writes ops of any trees, and ends the debts of all that were written in one commit."""
        workers, own = self._ports.workers, self._own_peers()
        paid: list[int] = []
        reached: list[Position] = []
        seqs: dict[str, list[int]] = {}

        def begin() -> OpBatch:
            ops: dict[str, list[Op]] = {}
            for entry in owed:
                ops.setdefault(entry.tree_id, []).append(entry.op)
                seqs.setdefault(entry.tree_id, []).append(entry.seq)
            batch = self._appender.batch(own, ops)
            if batch.is_small:
                batch.run()
                credit(batch)
            return batch

        def credit(batch: OpBatch) -> None:
            for tree_id, appended in batch.appended.items():
                # All of a tree or nothing: a position counts only with the debts that it covers.
                reached.extend(self._reached(appended, positions))
                paid.extend(seqs[tree_id])

        try:
            batch = await workers.run(begin)
            if not batch.is_over:
                await batch.run_on(workers)
                await workers.run(lambda: credit(batch))
        finally:
            if paid:
                await self._store.settle_written(paid, reached)
                positions.update((position.path, position) for position in reached)
        batch.raise_failure()

    def _reached(
        self, some: Iterable[Appended], positions: Mapping[str, Position]
    ) -> list[Position]:
        """Returns up to where each file counts as read that was written to. Blocks."""
        reached = []
        for appended in some:
            known = positions.get(self._layout.relative(appended.path))
            with storage_errors("look at what was written"):
                reached.append(after_append(self._ports.disk, self._layout, appended, known))
        return reached
