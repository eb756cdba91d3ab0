"""The one way by which ops get in: committed to the store first, then shown and passed on.

One task takes what layers and edits bring, commits as much of it as has gathered in one
transaction, and only then answers. So "saved" means durable, and nothing is offered to a layer
that a crash could take back.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Any, Generic, TypeVar

from sila_daemon.core.errors import StorageError
from sila_daemon.core.ops import PropertyOp
from sila_daemon.mirror.wakes import News, Wakes
from sila_daemon.store.schema import FOLDER
from sila_daemon.store.space_store import Committed, Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sila_daemon.core.editor import Editor
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.trees import TreeCache
    from sila_daemon.store.held import Release
    from sila_daemon.store.op_table import TreeOp
    from sila_daemon.store.space_store import SpaceStore

T = TypeVar("T")

QUEUE_ITEMS_MAX = 64
"""A full queue makes who brings ops wait, and so the disk or server that they come from."""

GROUP_OPS_MAX = 20_000
"""Ops in one transaction, so that an edit never waits long behind a bulk load."""


@dataclass(slots=True)
class _Delivered:
    delivery: Delivery
    transients: Sequence[TreeOp]
    done: asyncio.Future[Committed]


@dataclass(slots=True)
class _Edit(Generic[T]):
    tree_ids: Sequence[str]
    fresh_ids: Sequence[str]
    act: Callable[[list[RepTree]], T]
    frame: Delivery
    """What is stored with the ops that it makes."""
    done: asyncio.Future[T]


@dataclass(frozen=True, slots=True)
class Arrival:
    """What one commit brought, for whoever passes ops on."""

    committed: Committed
    source: str | None
    transients: Sequence[TreeOp] = field(default=())


class Intake:
    """Commits and merges; the only writer of ops of its space."""

    def __init__(
        self,
        store: SpaceStore,
        trees: TreeCache,
        wakes: Wakes,
        new_editor: Callable[[], Editor],
        on_arrival: Callable[[Arrival], None],
    ) -> None:
        self._store = store
        self._trees = trees
        self._wakes = wakes
        self._new_editor = new_editor
        self._on_arrival = on_arrival
        self._queue: asyncio.Queue[_Delivered | _Edit[Any]] = asyncio.Queue(QUEUE_ITEMS_MAX)
        self._is_open = True
        self._may_servers_bring = asyncio.Event()
        self._may_servers_bring.set()

    def hold_off_servers(self) -> None:
        """Has ops of servers wait until the folder was looked at.

        Else nobody could tell later what was here before a server came.
        """
        self._may_servers_bring.clear()

    def let_servers_bring(self) -> None:
        """Takes ops of servers from now on."""
        self._may_servers_bring.set()

    async def deliver(self, delivery: Delivery) -> Committed:
        """Returns once everything in `delivery` is durable. Transient ops are shown only."""
        if delivery.ops and delivery.origin not in (None, FOLDER):
            await self._may_servers_bring.wait()
        lasting, transients = _parted(delivery.ops)
        if transients:
            counters = dict(delivery.counters)
            for tree_id, op in transients:
                counters[tree_id] = max(counters.get(tree_id, 0), op.counter)
            delivery = replace(delivery, ops=lasting, counters=counters)
        done: asyncio.Future[Committed] = asyncio.get_running_loop().create_future()
        await self._put(_Delivered(delivery, transients, done))
        return await done

    async def deliver_all(self, deliveries: Sequence[Delivery]) -> list[Committed | BaseException]:
        """Delivers side by side what may be stored in any order, in few commits; never raises.

        Returns what became of each.
        """
        return await asyncio.gather(*map(self.deliver, deliveries), return_exceptions=True)

    async def edit(
        self,
        tree_ids: Sequence[str],
        act: Callable[[list[RepTree]], T],
        *,
        fresh_ids: Sequence[str] = (),
        is_meant: bool = False,
        releases: Sequence[Release] = (),
    ) -> T:
        """Runs `act` on trees and returns its result once the ops that it made are durable.

        `act` gets the trees of `tree_ids`, then empty ones of `fresh_ids`. When it raises,
        nothing of it is kept. Raises ProtectionError for edits that delete or overwrite a large
        share of the space, unless they are said to be meant.
        """
        done: asyncio.Future[T] = asyncio.get_running_loop().create_future()
        frame = Delivery(is_meant=is_meant, releases=releases)
        await self._put(_Edit(tree_ids, fresh_ids, act, frame, done))
        return await done

    async def _put(self, item: _Delivered | _Edit[Any]) -> None:
        if self._is_open:
            await self._queue.put(item)
        if not self._is_open:
            raise _closed()

    async def run(self) -> None:
        """Works until cancelled; what was taken is finished, what was not is refused."""
        try:
            while True:
                item = await self._queue.get()
                if isinstance(item, _Edit):
                    await self._edit_held(item)
                else:
                    following = await self._commit_group(item)
                    if following is not None:
                        await self._edit_held(following)
        finally:
            self._is_open = False
            while not self._queue.empty():
                _fail(self._queue.get_nowait().done, _closed())
                await asyncio.sleep(0)  # Whoever waits for a place in the queue is refused too.

    async def _commit_group(self, first: _Delivered) -> _Edit[Any] | None:
        """Commits a delivery and those that wait behind it; returns the edit that stopped it."""
        group = [first]
        size = len(first.delivery.ops)
        following: _Edit[Any] | None = None
        while size < GROUP_OPS_MAX and not self._queue.empty():
            item = self._queue.get_nowait()
            if isinstance(item, _Edit):
                following = item
                break
            group.append(item)
            size += len(item.delivery.ops)
        try:
            outcomes = await self._store.commit([item.delivery for item in group])
        except BaseException as error:
            for item in group:
                _fail(item.done, error)
            if not isinstance(error, Exception):
                if following is not None:
                    _fail(following.done, error)
                raise
            return following
        for item, committed in zip(group, outcomes, strict=True):
            self._trees.merge([*committed.new, *item.transients])
            self._arrived(Arrival(committed, item.delivery.source, item.transients))
            if not item.done.done():
                item.done.set_result(committed)
        return following

    async def _edit_held(self, edit: _Edit[Any]) -> None:
        with self._trees.held([*edit.tree_ids, *edit.fresh_ids]):
            await self._edit(edit)

    async def _edit(self, edit: _Edit[Any]) -> None:
        trees: list[RepTree] = []
        made: list[TreeOp] = []
        try:
            trees += [await self._trees.get(tree_id) for tree_id in edit.tree_ids]
            trees += [self._trees.fresh(tree_id) for tree_id in edit.fresh_ids]
            try:
                result = edit.act(trees)
            finally:
                made = [(tree.tree_id, op) for tree in trees for op in tree.take_local_ops()]
            lasting, transients = _parted(made)
            counters = {tree.tree_id: tree.highest_counter for tree in trees}
            delivery = replace(edit.frame, ops=lasting, counters=counters)
            (committed,) = await self._store.commit([delivery])
        except BaseException as error:
            if made or edit.fresh_ids:
                self._undo()
            _fail(edit.done, error)
            if not isinstance(error, Exception):
                raise
            return
        self._arrived(Arrival(committed, None, transients))
        if not edit.done.done():
            edit.done.set_result(result)

    def _undo(self) -> None:
        """Drops what was not committed.

        Nobody knows what a failed commit left behind, and the trees showed counters that were
        not kept: the next edit is made under another peer id, so that no op id is used twice.
        """
        self._trees.drop_all(self._new_editor())

    def _arrived(self, arrival: Arrival) -> None:
        committed = arrival.committed
        for tree_id, op in committed.held:
            self._trees.raise_counter(tree_id, op.counter)
        self._trees.merge(committed.released)
        self._on_arrival(arrival)
        if committed.new or committed.held or committed.released:
            self._wakes.ring(News.OPS)
        if arrival.committed.refers_to_blobs:
            self._wakes.ring(News.BLOBS)


def _parted(ops: Sequence[TreeOp]) -> tuple[Sequence[TreeOp], list[TreeOp]]:
    """Parts ops to keep from live state that is only shown."""
    transients: list[TreeOp] = [
        (tree_id, op) for tree_id, op in ops if isinstance(op, PropertyOp) and op.transient
    ]
    if not transients:
        return ops, []
    return [
        (tree_id, op) for tree_id, op in ops if not (isinstance(op, PropertyOp) and op.transient)
    ], transients


def _fail(done: asyncio.Future[Any], error: BaseException) -> None:
    if done.done():
        return
    if isinstance(error, Exception):
        done.set_exception(error)
    else:
        done.set_exception(_closed())


def _closed() -> StorageError:
    return StorageError("the space was closed before this was saved", code="space_closed")
