"""One connection to one server, from its greeting to its end.

Everything that arrives is handled in the order in which it came: the cursor moves only over
steps that join, and is stored only in a transaction that stores their ops.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_daemon.core.errors import FormatError, RemoteUnavailableError, SilaError
from sila_daemon.core.state_vector import StateVector
from sila_daemon.mirror import messages
from sila_daemon.mirror.arrivals import Arrivals
from sila_daemon.mirror.connector import Answer
from sila_daemon.mirror.greeting import check_farewell
from sila_daemon.mirror.messages import (
    FilesChanged,
    HavePart,
    OpsMessage,
    Ready,
    SecretsChanged,
    SyncDone,
)
from sila_daemon.mirror.remote_pusher import Pusher
from sila_daemon.mirror.remote_status import RemoteState
from sila_daemon.mirror.set_aside import check_room
from sila_daemon.mirror.wakes import News
from sila_daemon.store.quarantine import Quarantine
from sila_daemon.store.servers import Cursor
from sila_daemon.store.space_store import Acknowledgement, Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Sequence

    from sila_daemon.core.ops import Op
    from sila_daemon.mirror.connector import Connection, Incoming
    from sila_daemon.mirror.debt_count import DebtCount
    from sila_daemon.mirror.intake import Intake
    from sila_daemon.mirror.remote_pusher import SendingHistory
    from sila_daemon.mirror.remote_status import RemoteStatus
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.workers import Workers
    from sila_daemon.store.servers import ServerFacts, Servers
    from sila_daemon.store.space_store import SpaceStore

DECODE_INLINE_BYTES_MAX = 32 << 10
QUESTION_BYTES_MAX = 256 << 10
"""Vectors in one question, unless those of one tree alone are larger."""

_RANGE_BYTES = 36


class RemoteSession:
    """Compares, exchanges and stays live until the connection ends."""

    def __init__(
        self,
        layer: str,
        ready: Ready,
        connection: Connection,
        intake: Intake,
        store: SpaceStore,
        servers: Servers,
        status: RemoteStatus,
        debts: DebtCount,
        wakes: Wakes,
        clock: Clock,
        workers: Workers,
        history: SendingHistory,
        on_secrets: Callable[[str], None],
        on_files: Callable[[Sequence[str]], None],
    ) -> None:
        """`on_secrets` is told the tag of the server's secrets whenever they change.

        `on_files` is told the names of immutable files that came to the server.
        """
        self._layer = layer
        self._ready = ready
        self._connection = connection
        self._intake = intake
        self._store = store
        self._servers = servers
        self._status = status
        self._debts = debts
        self._wakes = wakes
        self._clock = clock
        self._workers = workers
        self._history = history
        self._on_secrets = on_secrets
        self._on_files = on_files
        self._quarantine = Quarantine(store.database)
        self.pusher = Pusher(
            layer, connection, store, clock, ready.limits, status, self.count_debt, history
        )
        self._arrivals = Arrivals(layer, intake, self._stored)
        self._cursor: Cursor | None = None
        """How far the server's history is held, what is being stored included; None while that
        is being found out."""
        self._have: dict[str, StateVector] | None = None
        self._alternates: dict[str, StateVector] = {}
        """The ids of the server's that have several contents, by tree."""
        self._answer: asyncio.Future[SyncDone | HavePart] | None = None
        self._is_behind = asyncio.Event()

    async def run(self) -> None:
        """Works until the connection ends, and then raises RemoteError or StorageError."""
        facts, ready = await self._servers.facts(self._layer), self._ready
        if facts.server_id is None:
            await self._servers.set_server_id(self._layer, ready.serverId)
        assert ready.cursor is not None
        self._status.server_head = ready.cursor.seq
        self._status.state = RemoteState.COMPARING
        async with asyncio.TaskGroup() as group:
            group.create_task(self._arrivals.run(), name=f"store from {self._layer}")
            group.create_task(self._receive_all(), name=f"receive {self._layer}")
            await self._catch_up(ready, facts)
            if facts.is_first_sync:
                await self._store.first_sync.is_over(self._layer)
            await self.count_debt()
            self._status.state, self._status.reason = RemoteState.LIVE, ""
            self._wakes.ring(News.BLOBS)
            self._wakes.ring(News.STATE)
            group.create_task(self.pusher.run(), name=f"push {self._layer}")
            group.create_task(self._close_gaps(), name=f"close gaps {self._layer}")

    def offer_again(self) -> None:
        """Offers everything that is owed, without waiting for the end of a pause."""
        self.pusher.offer_again()

    async def pass_on(self, tree_id: str, transients: Sequence[Op]) -> None:
        """Passes on live state, if somebody is there to hear it; nobody answers."""
        if self._status.state is RemoteState.LIVE:
            await self._connection.send("ops:send", messages.encode_send(tree_id, transients))

    async def _catch_up(self, ready: Ready, facts: ServerFacts) -> None:
        """Brings here what the server has, and finds out what it lacks."""
        cursor = facts.cursor
        op_count = (await self._store.sizes()).ops
        if cursor is None and op_count == 0:
            cursor = Cursor(ready.epoch, 0, "")  # Nothing is here, so nothing is to be compared.
        self._status.head = cursor.seq if cursor else 0
        if cursor is None or cursor.epoch != ready.epoch or not await self._pull(cursor):
            await self._compare()

    async def _pull(self, cursor: Cursor) -> bool:
        """Takes everything after a cursor; False when the server's history is another one."""
        self._cursor = cursor
        done = await self._ask("ops:state", messages.encode_since(cursor))
        assert isinstance(done, SyncDone)
        if done.reset:
            return False
        if done.cursor is not None and done.cursor.seq > self._cursor.seq:
            raise RemoteUnavailableError("the server left out a part of its history")
        return True

    async def _compare(self) -> None:
        """Compares what both sides hold, tree by tree, and takes what is missing here."""
        self._cursor = None
        self._status.head = 0
        await self._servers.drop_cursor(self._layer)
        have = self._have = {}
        self._alternates.clear()
        done = await self._ask("ops:have", b'{"trees":"*"}')
        assert isinstance(done, HavePart)
        if done.cursor is None:
            raise FormatError("the server does not say where its history stands")
        self._have = None
        # Of an id with several contents there, one that is here may be among those it lacks.
        certain = {
            tree_id: theirs.minus(self._alternates.get(tree_id) or StateVector())
            for tree_id, theirs in have.items()
        }
        await self._store.compare(self._layer, certain)
        question: dict[str, StateVector | None] = {}
        size = 0
        for tree_id, theirs in have.items():
            mine = await self._store.vector(tree_id)
            if tree_id in self._alternates:
                # Of these every content is asked for: some of them may be missing here.
                mine = mine.minus(self._alternates[tree_id])
            if not theirs.minus(mine).peers:
                continue
            question[tree_id] = mine if mine.peers else None
            size += 80 + _RANGE_BYTES * sum(len(mine.ranges(peer)) + 1 for peer in mine.peers)
            if size >= QUESTION_BYTES_MAX:
                await self._ask("ops:state", messages.encode_trees(question))
                question, size = {}, 0
        if question:
            await self._ask("ops:state", messages.encode_trees(question))
        cursor = done.cursor.to_cursor()
        await self._intake.deliver(Delivery(source=self._layer, cursor=cursor))
        self._stored(cursor)
        if not await self._pull(cursor):
            raise RemoteUnavailableError("the server's history changed meanwhile")

    async def _ask(self, name: str, payload: bytes) -> SyncDone | HavePart:
        """Sends a question and returns the end of its answer; ops arrive on the way."""
        self._answer = asyncio.get_running_loop().create_future()
        await self._connection.send(name, payload)
        try:
            return await self._answer
        finally:
            self._answer = None

    def _finish_answer(self, done: SyncDone | HavePart) -> None:
        if self._answer is not None and not self._answer.done():
            self._answer.set_result(done)

    async def _receive_all(self) -> None:
        try:
            while True:
                await self._handle(await self._connection.receive())
        except SilaError:
            # What came whole is kept, however the connection ended: the next one goes on there.
            await self._arrivals.drained()
            raise

    async def _handle(self, arrived: Incoming) -> None:
        if isinstance(arrived, Answer):
            await self._arrivals.drained()
            await self._on_answer(arrived)
        elif arrived.name in ("ops:sync", "ops:receive"):
            await self._on_ops(arrived.payload)
        elif arrived.name == "ops:sync:done":
            await self._arrivals.drained()
            self._finish_answer(messages.decode(arrived.payload, SyncDone))
        elif arrived.name == "ops:have":
            await self._arrivals.drained()
            self._on_have(messages.decode(arrived.payload, HavePart))
        elif arrived.name == "secrets:changed":
            self._on_secrets(messages.decode(arrived.payload, SecretsChanged).etag)
        elif arrived.name == "files:changed":
            self._on_files(messages.decode(arrived.payload, FilesChanged).static)
            self._wakes.ring(News.BLOBS)
        else:
            check_farewell(arrived)

    async def _on_ops(self, payload: bytes) -> None:
        if len(payload) > DECODE_INLINE_BYTES_MAX:
            message = await self._workers.run(lambda: messages.decode_ops_message(payload))
        else:
            message = messages.decode_ops_message(payload)
        cursor = self._step(message)
        if self._is_beyond_gap(message.cursor):
            return  # What closes the gap brings it again.
        if message.refused:
            await self._arrivals.drained()
            await check_room(self._layer, self._quarantine, message.refused)
            self._status.set_aside_ops += len(message.refused)
        ops = [(message.tree_id, op) for op in message.ops]
        await self._arrivals.add(ops, cursor, message.refused)
        if message.refused:
            await self._arrivals.drained()
            await self.count_debt()

    def _step(self, message: OpsMessage) -> Cursor | None:
        """Returns the cursor after a message, if it joins what is held; notes a gap."""
        cursor, held = message.cursor, self._cursor
        if cursor is None:
            return None
        self._status.server_head = max(self._status.server_head, cursor.seq)
        if held is None or cursor.seq <= held.seq:
            return None
        if message.previous_seq == held.seq and cursor.epoch == held.epoch:
            self._cursor = cursor
            return cursor
        self._is_behind.set()
        return None

    def _is_beyond_gap(self, cursor: Cursor | None) -> bool:
        """Tells whether something lies where the cursor does not lead yet.

        That the server has it counts for nothing before the cursor covers it: should the server
        go back in time meanwhile, the cursor is all that tells.
        """
        held = self._cursor
        return cursor is not None and held is not None and cursor.seq > held.seq

    def _stored(self, cursor: Cursor) -> None:
        self._status.head = cursor.seq
        self._status.server_head = max(self._status.server_head, cursor.seq)

    async def _close_gaps(self) -> None:
        """Asks again from the cursor whenever a step did not join."""
        while True:
            await self._is_behind.wait()
            self._is_behind.clear()
            assert self._cursor is not None
            is_behind = self._cursor.seq < self._status.server_head
            if is_behind and not await self._pull(self._cursor):
                raise RemoteUnavailableError("the server's history is another one now")
            self._wakes.ring(News.STATE)

    def _on_have(self, part: HavePart) -> None:
        if part.done:
            self._finish_answer(part)
        elif self._have is not None:
            vector = self._have.setdefault(part.treeId, StateVector())
            vector.merge(StateVector.from_json({part.peer: [list(pair) for pair in part.ranges]}))
            if part.alternates:
                several = [[counter, counter] for counter in part.alternates]
                known = self._alternates.setdefault(part.treeId, StateVector())
                known.merge(StateVector.from_json({part.peer: several}))

    async def _on_answer(self, arrived: Answer) -> None:
        found = self.pusher.answered(arrived.call_id, arrived.payload)
        if found is None:
            return
        answer, settles = found
        cursor: Cursor | None = None
        held = settles.held
        if answer.ok and answer.cursor is not None:
            # An answer is a step like any other: what it covers is what was sent.
            message = OpsMessage("", [], messages.seq_of(answer.prev), answer.cursor.to_cursor())
            cursor = self._step(message)
            if self._is_beyond_gap(message.cursor):
                held = []  # It stays owed until what closes the gap brings it, too.
        if held or settles.refused or cursor is not None:
            told = self._debts.told
            settled, blob_count = await self._store.acknowledge(
                self._layer, [Acknowledgement(held, settles.refused, cursor)]
            )
            await self._debts.paid(settled, told)
            self._status.refused_ops += len(settles.refused)
            self._status.last_ack_ms = int(self._clock.time() * 1000)
            if blob_count:
                self._status.are_files_equal = False
                self._wakes.ring(News.BLOBS)
        if cursor is not None:
            self._stored(cursor)
        if answer.ok and not answer.rejected:
            self._status.reason = ""
        if self.pusher.is_idle:
            await self.count_debt()

    async def count_debt(self) -> None:
        """Counts what is owed, and tells who waits for the state."""
        await self._debts.count()
        self._wakes.ring(News.STATE)
