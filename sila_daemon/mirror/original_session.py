"""One connection to an original server, from its greeting to its end.

It speaks part 1 of the wire protocol: no cursors, no acknowledgements, no files and no secrets.
What comes is stored at once, and counts as held there once the server had time to keep it; what
is sent counts once it was seen there, see `confirmation`.
"""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.core import ids, json_value
from sila_daemon.core.errors import RemoteUnavailableError
from sila_daemon.core.ops import PropertyOp
from sila_daemon.core.space import TREE_KEY
from sila_daemon.mirror import messages
from sila_daemon.mirror import original_messages as wire
from sila_daemon.mirror.confirmation import Confirmation
from sila_daemon.mirror.debt_count import Sights
from sila_daemon.mirror.greeting import check_farewell
from sila_daemon.mirror.heard_ops import HeardOps
from sila_daemon.mirror.messages import SyncDone
from sila_daemon.mirror.original_pusher import OriginalPusher
from sila_daemon.mirror.remote_status import RemoteState
from sila_daemon.mirror.set_aside import check_room
from sila_daemon.mirror.wakes import News
from sila_daemon.store.quarantine import Quarantine
from sila_daemon.store.sightings import Sightings
from sila_daemon.store.space_store import Delivery

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    from sila_daemon.core.ops import Op
    from sila_daemon.core.state_vector import StateVector
    from sila_daemon.mirror.confirmation import Checks
    from sila_daemon.mirror.connector import Connection, Incoming
    from sila_daemon.mirror.debt_count import DebtCount
    from sila_daemon.mirror.intake import Intake
    from sila_daemon.mirror.messages import OpsMessage
    from sila_daemon.mirror.record import MirrorSettings
    from sila_daemon.mirror.remote_status import RemoteStatus
    from sila_daemon.mirror.suspects import Suspects
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.workers import Workers
    from sila_daemon.store.op_table import TreeOp
    from sila_daemon.store.quarantine import NoOp
    from sila_daemon.store.space_store import SpaceStore

ANSWER_TIMEOUT_S = 120.0
"""It makes a whole answer before it sends the first op of it."""

DECODE_INLINE_BYTES_MAX = 32 << 10
DELIVERY_OPS_MAX = 10_000
"""A tree comes in one message, and is stored in parts, so that others get their turn."""


@dataclass(slots=True)
class _Question:
    asked_at: float
    done: asyncio.Future[None]
    heard_at: float
    """When something of the answer was last stored."""
    shown: set[int] = field(default_factory=set)
    """The numbers of the ops that were shown."""


class OriginalSession:
    """Compares, exchanges and stays live until the connection ends."""

    def __init__(
        self,
        layer: str,
        space_id: str,
        connection: Connection,
        intake: Intake,
        store: SpaceStore,
        status: RemoteStatus,
        debts: DebtCount,
        wakes: Wakes,
        clock: Clock,
        workers: Workers,
        suspects: Suspects,
        checks: Checks,
        settings: MirrorSettings,
    ) -> None:
        self._layer = layer
        self._space_id = space_id
        self._connection = connection
        self._checks = checks
        self._seen_after_s = settings.seen_after_s
        self._intake = intake
        self._store = store
        self._status = status
        self._debts = debts
        self._wakes = wakes
        self._clock = clock
        self._workers = workers
        self._quarantine = Quarantine(store.database)
        self._sightings = Sightings(store.database, layer)
        self._heard = HeardOps(settings.seen_after_s)
        debts.sights = Sights(self._sightings, self._heard, checks)
        self.pusher = OriginalPusher(
            layer,
            connection,
            self._sightings,
            self._quarantine,
            self._heard,
            clock,
            status,
            suspects,
            settings.seen_after_s,
        )
        self._confirmation = Confirmation(
            self._ask,
            store,
            self._sightings,
            self.pusher,
            clock,
            checks,
            settings,
            self.count_debt,
        )
        self._asking = asyncio.Lock()
        self._question: _Question | None = None
        self._known_trees: dict[str, None] = {}
        """Those that it was asked for over this connection."""
        self._new_trees: dict[str, None] = {}
        self._found_trees = asyncio.Event()

    async def run(self) -> None:
        """Works until the connection ends, and then raises RemoteError or StorageError."""
        self._status.state = RemoteState.COMPARING
        async with asyncio.TaskGroup() as group:
            group.create_task(self._receive_all(), name=f"receive {self._layer}")
            group.create_task(self._settle_heard(), name=f"heard from {self._layer}")
            await self._catch_up()
            await self._store.first_sync.is_over(self._layer)
            await self.count_debt()
            self._status.state, self._status.reason = RemoteState.LIVE, ""
            self._wakes.ring(News.STATE)
            group.create_task(self.pusher.run(), name=f"push {self._layer}")
            group.create_task(self._confirmation.run(), name=f"confirm {self._layer}")
            group.create_task(self._ask_for_new_trees(), name=f"trees of {self._layer}")

    def offer_again(self) -> None:
        """Offers what may be sent, and looks at once for what was."""
        self.pusher.offer_again()
        self._confirmation.hurry()

    async def pass_on(self, tree_id: str, transients: Sequence[Op]) -> None:
        """Passes on live state, unless it is too large for the server to survive."""
        payload = wire.encode_send(tree_id, map(wire.encoded, transients))
        if self._status.state is RemoteState.LIVE and len(payload) <= wire.OP_BYTES_MAX:
            await self._connection.send("ops:send", payload)

    async def count_debt(self) -> None:
        """Counts what is owed and what is unconfirmed, and tells who waits for the state."""
        await self._debts.count()
        self._wakes.ring(News.STATE)

    async def _catch_up(self) -> None:
        """Brings here what the server has, and finds out what it shows of what is owed to it."""
        probed, recent = await self._confirmation.probe()
        shown = await self._ask_for([self._space_id], probed)
        self._found(await self._store.tree_ids())
        while self._new_trees:
            trees, self._new_trees = [*self._new_trees], {}
            shown |= await self._ask_for(trees, probed)
        self._confirmation.take_probe(recent, shown)

    async def _ask_for(
        self, tree_ids: Sequence[str], probed: Mapping[str, StateVector] | None = None
    ) -> set[int]:
        """Asks for what is missing here of trees, and claims to lack what is owed to the server.

        Returns the numbers of the ops that were shown.
        """
        vectors: dict[str, StateVector | None] = {}
        for tree_id in tree_ids:
            self._known_trees[tree_id] = None
            lacking = [await self._sightings.owed_vector(tree_id)]
            if probed and tree_id in probed:
                lacking.append(probed[tree_id])
            vectors[tree_id] = wire.claim(await self._store.vector(tree_id), lacking)
        shown: set[int] = set()
        for question in wire.questions(vectors):
            shown |= await self._ask(question)
        return shown

    async def _ask(self, vectors: Mapping[str, StateVector | None]) -> set[int]:
        """Puts one question at a time; returns the numbers of the ops that were shown."""
        async with self._asking:
            done: asyncio.Future[None] = asyncio.get_running_loop().create_future()
            now = self._clock.monotonic()
            question = self._question = _Question(now, done, heard_at=now)
            try:
                await self._connection.send("ops:state", wire.encode_question(vectors))
                while not done.done():
                    await asyncio.wait([done], timeout=ANSWER_TIMEOUT_S)
                    if self._clock.monotonic() >= question.heard_at + ANSWER_TIMEOUT_S:
                        raise RemoteUnavailableError("the server does not answer")
            finally:
                self._question = None
            return question.shown

    async def _ask_for_new_trees(self) -> None:
        """Asks for trees that the server speaks of, once each."""
        while True:
            await self._found_trees.wait()
            self._found_trees.clear()
            trees, self._new_trees = [*self._new_trees], {}
            if trees:
                await self._ask_for(trees)

    async def _receive_all(self) -> None:
        while True:
            await self._handle(await self._connection.receive())

    async def _handle(self, arrived: Incoming) -> None:
        name = getattr(arrived, "name", "")
        if name in ("ops:sync", "ops:receive"):
            await self._on_ops(arrived.payload, is_answer=name == "ops:sync")
        elif name == "ops:sync:done":
            done = messages.decode(arrived.payload, SyncDone)
            if not done.treeIds:
                await self.pusher.barrier_answered()
            elif self._question is not None and not self._question.done.done():
                self._question.done.set_result(None)
        elif name:
            check_farewell(arrived)  # type: ignore[arg-type]

    async def _on_ops(self, payload: bytes, *, is_answer: bool) -> None:
        if len(payload) > DECODE_INLINE_BYTES_MAX:
            message = await self._workers.run(lambda: messages.decode_ops_message(payload))
        else:
            message = messages.decode_ops_message(payload)
        if message.refused:
            await check_room(self._layer, self._quarantine, message.refused)
        for start in range(0, max(1, len(message.ops)), DELIVERY_OPS_MAX):
            part = message.ops[start : start + DELIVERY_OPS_MAX]
            refused = [] if start else message.refused
            await self._store_ops([(message.tree_id, op) for op in part], refused, is_answer)
        self._found_in(message)
        if message.refused:
            await self.count_debt()

    async def _store_ops(
        self, ops: Sequence[TreeOp], refused: Sequence[NoOp], is_answer: bool
    ) -> None:
        """Stores what the server showed, and takes note of when it has it for certain."""
        question = self._question if is_answer else None
        async with self._heard.delivering:
            self._status.heard_ops += len(ops)  # Before they are here: nothing is claimed of them.
            delivery = Delivery(ops, self._layer, set_aside=refused, is_unsure=True)
            committed = await self._intake.deliver(delivery)
            ours = [seq for seq in committed.owed_seqs if self.pusher.was_sent(seq)]
            others = [seq for seq in committed.owed_seqs if not self.pusher.was_sent(seq)]
            if question is None:
                others = [seq for seq in others if seq not in self._checks.unshown]
            else:
                self._checks.unshown.difference_update(committed.seqs)
            now = self._clock.monotonic()
            self._heard.add(others, now)
            self._heard.add(committed.owed_held_seqs, now, is_counted=False)
            self._status.heard_ops = len(self._heard)
        if question is None:
            return
        question.shown.update(committed.seqs)
        question.heard_at = self._clock.monotonic()
        moment = question.asked_at - self._seen_after_s
        await self._settle([seq for seq in ours if self.pusher.was_sent_before(seq, moment)])

    def _found_in(self, message: OpsMessage) -> None:
        """Takes note of trees that a message is about or names."""
        self._found([message.tree_id])
        if message.tree_id != self._space_id:
            return
        for op in message.ops:
            if isinstance(op, PropertyOp) and op.key == TREE_KEY and op.value is not None:
                self._found([json_value.decode(op.value)])

    def _found(self, names: Iterable[object]) -> None:
        """Asking for what is no tree's name could do harm there."""
        for name in names:
            if isinstance(name, str) and ids.is_tree_id(name) and name not in self._known_trees:
                self._new_trees[name] = None
                self._found_trees.set()

    async def _settle_heard(self) -> None:
        """Ends the debts of what the server showed, once it had time to keep it."""
        while True:
            due_at = await self._heard.next_due_at()
            await self._clock.sleep(max(0.0, due_at - self._clock.monotonic()))
            await self._settle(self._heard.first())
            self._heard.drop_first()
            await self.count_debt()

    async def _settle(self, seqs: Sequence[int]) -> None:
        if seqs:
            now_ms = int(self._clock.time() * 1000)
            if await self._sightings.settle(seqs, now_ms):
                self._status.last_ack_ms = now_ms
            self.pusher.forget(seqs)
