"""The trees of a space that are in memory: loaded when asked for, kept up with the store."""

from __future__ import annotations

import asyncio
import gc
from typing import TYPE_CHECKING, TypeVar

from sila_daemon.core.errors import NotFoundError
from sila_daemon.core.garbage import collection_paused
from sila_daemon.core.op_codec import MoveRow, PropertyRow
from sila_daemon.core.ops import MoveOp
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.core.tree_batch import winning_contents

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable
    from contextlib import AbstractContextManager

    from sila_daemon.core.editor import Editor
    from sila_daemon.core.ops import Op
    from sila_daemon.mirror.tree_use import TreeUse
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.workers import Workers
    from sila_daemon.store.op_table import PeerRows, TreeOp
    from sila_daemon.store.space_store import SpaceStore

MERGE_INLINE_OPS_MAX = 2000
"""More ops at once are not merged on the event loop: the tree is loaded anew, on a worker, when
it is next asked for."""

REPLAY_INLINE_OPS_MAX = 10_000
"""The same holds for ops that come so late that about this many later ones may be replayed."""

FROZEN_OPS_MIN = 20_000
"""From so many on a tree is kept out of the garbage collector's sight."""

R = TypeVar("R", MoveRow, PropertyRow)
T = TypeVar("T")


class TreeCache:
    """Trees by id. Only what the store has committed is merged into them, edits excepted."""

    def __init__(
        self, store: SpaceStore, workers: Workers, clock: Clock, use: TreeUse, editor: Editor
    ) -> None:
        self.editor = editor
        """The author of edits; replaced when nobody knows which of its ops were kept."""
        self._former_peers: frozenset[str] = frozenset()
        self._store = store
        self._workers = workers
        self._clock = clock
        self._use = use
        self._trees: dict[str, RepTree] = {}
        self._loading: dict[str, asyncio.Future[RepTree]] = {}
        self._late: dict[str, list[Op]] = {}
        """Ops that were committed while their tree was being loaded."""
        self._late_counters: dict[str, int] = {}
        """And the highest counters of those that are not shown."""
        self._has_loaded = asyncio.Event()

    @property
    def own_peers(self) -> frozenset[str]:
        """Every peer id that this process has taken for this space."""
        if self.editor.has_edited:
            return self._former_peers | {self.editor.peer}
        return self._former_peers

    async def get(self, tree_id: str) -> RepTree:
        """Returns a tree, loaded if need be. Raises NotFoundError, StorageError."""
        self._use.note(tree_id)
        while True:
            tree = self._trees.get(tree_id)
            if tree is not None:
                return tree
            loading = self._loading.get(tree_id)
            if loading is None:
                return await self._load(tree_id)
            # Shielded: who waits along must not cancel it for the others.
            await asyncio.wait([loading])

    async def look(self, tree_id: str, read: Callable[[RepTree], T], *, is_kept: bool) -> T:
        """Reads a tree; one that was loaded only for this is let go of, unless it `is_kept`.

        Raises NotFoundError, StorageError.
        """
        is_wanted = is_kept or tree_id in self._trees or tree_id in self._loading
        tree = await self.get(tree_id)
        result = read(tree)
        if not is_wanted and not self._use.is_held(tree_id):
            self.drop(tree_id)
        return result

    def is_loaded(self, tree_id: str) -> bool:
        """Tells whether a tree can be read at once."""
        return tree_id in self._trees

    def is_held(self, tree_id: str) -> bool:
        """Tells whether a tree is being edited, so that it may show what is not kept yet."""
        return self._use.is_held(tree_id)

    def fresh(self, tree_id: str) -> RepTree:
        """Returns a new tree to be filled by edits."""
        assert tree_id not in self._trees, "a new tree has a new id"
        self._use.note(tree_id)
        self._has_loaded.set()
        tree = self._trees[tree_id] = RepTree(tree_id, self.editor)
        return tree

    def merge(self, ops: Iterable[TreeOp]) -> None:
        """Merges committed ops into those of the trees that are loaded or on their way."""
        if not self._trees and not self._late:
            return
        by_tree: dict[str, list[Op]] = {}
        for tree_id, op in ops:
            if tree_id in self._trees or tree_id in self._late:
                by_tree.setdefault(tree_id, []).append(op)
        for tree_id, group in by_tree.items():
            if tree_id in self._late:
                self._late[tree_id] += group
                continue
            if _is_long(self._trees[tree_id], group):
                self.drop(tree_id)
                continue
            result = self._trees[tree_id].merge(group)
            if result.conflicts or result.unverified:
                # The store has both contents; loading anew shows the one that counts.
                self.drop(tree_id)

    def raise_counter(self, tree_id: str, counter: int) -> None:
        """Notes a counter that was committed, of an op that is not shown."""
        if tree_id in self._trees:
            self._trees[tree_id].raise_counter(counter)
        elif tree_id in self._late:
            self._late_counters[tree_id] = max(counter, self._late_counters.get(tree_id, 0))

    def drop(self, tree_id: str) -> None:
        """Lets go of a tree; it is loaded anew when it is asked for."""
        self._trees.pop(tree_id, None)

    def drop_all(self, editor: Editor) -> None:
        """Lets go of every tree, and has edits made under another peer id from now on."""
        self._former_peers |= self.own_peers
        self.editor = editor
        self._trees.clear()

    def held(self, tree_ids: Iterable[str]) -> AbstractContextManager[None]:
        """Keeps trees that are being edited from being unloaded inside the block.

        Another copy of such a tree, loaded meanwhile, would lack the edit and reuse its ids.
        """
        return self._use.held(tree_ids)

    async def run(self) -> None:
        """Unloads trees that nobody uses any more, until cancelled."""
        while True:
            await self._has_loaded.wait()
            await self._clock.sleep(self._use.idle_s_max / 4)
            self._unload()
            if not self._trees:
                self._has_loaded.clear()

    def _unload(self) -> None:
        op_counts = {tree_id: tree.op_count for tree_id, tree in self._trees.items()}
        for tree_id in self._use.superfluous(op_counts):
            self.drop(tree_id)

    async def _load(self, tree_id: str) -> RepTree:
        done: asyncio.Future[RepTree] = asyncio.get_running_loop().create_future()
        self._loading[tree_id] = done
        self._late[tree_id] = []
        editor = self.editor
        try:
            rows = await self._store.load(tree_id)
            counter = await self._store.counter(tree_id)
            if not rows and not self._late[tree_id]:
                raise NotFoundError(f"there is no tree {tree_id} in this space")
            contested = await self._store.log.contested(tree_id)
            winners = winning_contents(op for group in contested.values() for op in group)
            tree = await self._workers.run(
                lambda: _built(RepTree(tree_id, editor), rows, winners.values())
            )
            tree.raise_counter(counter)
            tree.raise_counter(self._late_counters.pop(tree_id, 0))
            late = self._late.pop(tree_id)
            if late and (_is_long(tree, late) or tree.merge(late).conflicts):
                return await self._load_again(tree_id)
            if self.editor is editor:
                self._trees[tree_id] = tree
                self._has_loaded.set()
                self._unload()
            return tree
        finally:
            self._late.pop(tree_id, None)
            self._late_counters.pop(tree_id, None)
            self._loading.pop(tree_id, None)
            done.cancel()

    async def _load_again(self, tree_id: str) -> RepTree:
        self._loading.pop(tree_id, None)
        return await self._load(tree_id)


def _is_long(tree: RepTree, ops: list[Op]) -> bool:
    """Tells whether merging `ops` may hold up the event loop for long."""
    if len(ops) > MERGE_INLINE_OPS_MAX:
        return True
    moved = [op.counter for op in ops if isinstance(op, MoveOp)]
    if not moved:
        return False
    # Counters grow by about one an op, whoever makes them: their distance tells the share.
    highest = max(tree.highest_counter, 1)
    later_share = max(0, highest - min(moved)) / highest
    return tree.op_count * later_share > REPLAY_INLINE_OPS_MAX


def _built(tree: RepTree, rows: list[PeerRows], winners: Iterable[Op]) -> RepTree:
    """Fills a tree: moves first, then properties, contested ids by their winners only."""
    taken = {(op.counter, op.peer) for op in winners}
    with collection_paused():
        with tree.batch() as batch:
            for found in rows:
                batch.add_moves(found.peer, _without(taken, found.peer, found.moves))
            batch.settle_moves()
            for found in rows:
                batch.add_properties(found.peer, _without(taken, found.peer, found.properties))
            batch.add_ops(winners)
        if tree.op_count > FROZEN_OPS_MIN:
            # It has no cycles, so it goes as soon as it is dropped; until then no collection,
            # which holds every thread, goes through its many objects.
            gc.freeze()
    return tree


def _without(taken: set[tuple[int, str]], peer: str, rows: list[R]) -> list[R]:
    return [row for row in rows if (row.counter, peer) not in taken] if taken else rows
