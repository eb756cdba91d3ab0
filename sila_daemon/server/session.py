"""One connection to one space: takes events in, in order, and lets answers out through the outbox.

`receive` is called by whatever carries the connection and only queues: handlers of the carrier
may run concurrently, the queue keeps their order. One task takes events from it; it decodes large
ones off the event loop and hands ops to the hub without waiting for their commit.
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import InvalidOpError, SilaError, StorageError
from sila_daemon.core.wire import decode_ops
from sila_daemon.server import answers
from sila_daemon.server.frames import TOO_LARGE, Frame, Peer, acknowledgement, event
from sila_daemon.server.hub import Hub, parted, rejection
from sila_daemon.server.limits import (
    BATCH_OPS,
    CREDIT,
    FRAME_BYTES_MAX,
    INBOX_BYTES_MAX,
    INBOX_EVENTS_MAX,
    OP_BYTES_MAX,
)
from sila_daemon.server.op_store import Batch, Outcome, Position, cursor_json
from sila_daemon.server.outbox import EndedError, Outbox

if TYPE_CHECKING:
    from sila_daemon.core.ops import Op
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.workers import Workers
    from sila_daemon.server.grants import Grant

LOG = logging.getLogger(__name__)

INLINE_BYTES_MAX = 32 << 10
"""JSON that is decoded on the event loop: under a millisecond or two."""


@dataclass(frozen=True, slots=True)
class Hello:
    """Who connects, and what they understand."""

    grant: Grant
    sender: str
    """Names the connection among all that ever were."""
    protocol: int
    """1 for clients of the original, 2 for ours."""


@dataclass(frozen=True, slots=True)
class _Event:
    name: str
    payload: bytes | None
    ack_id: int | None


class SpaceSession:
    """One connection to one space."""

    def __init__(
        self, hub: Hub, peer: Peer, hello: Hello, clock: Clock, workers: Workers, server_id: str
    ) -> None:
        self.sender = hello.sender
        self.grant = hello.grant
        self.protocol = hello.protocol
        self._hub = hub
        self._peer = peer
        self._clock = clock
        self._workers = workers
        self._server_id = server_id
        self._outbox = Outbox(
            hub, peer, hello.grant, clock, hello.sender, keeps_cursor=hello.protocol >= 2
        )
        self._inbox: deque[_Event] = deque()
        self._inbox_bytes = 0
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._unanswered = 0
        self._unanswered_bytes = 0
        self._progress = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._leave: Callable[[], None] | None = None

    def receive(self, name: str, payload: bytes | None, ack_id: int | None) -> None:
        """Queues one event; returns at once."""
        self._inbox.append(_Event(name, payload, ack_id))
        self._inbox_bytes += len(payload or b"")
        if self._inbox_bytes > INBOX_BYTES_MAX or len(self._inbox) > INBOX_EVENTS_MAX:
            self._roomy.clear()
        self._filled.set()

    async def room(self) -> None:
        """Returns when more may be received: the carrier stops reading until then."""
        await self._roomy.wait()

    def wake(self) -> None:
        """Looks for new commits."""
        self._outbox.wake()

    def offer_transient(self, frame: Frame) -> None:
        """Passes on live state."""
        self._outbox.add_transient(frame)

    def notify(self, frame: Frame) -> None:
        """Passes on news about the space."""
        self._outbox.add_news(frame)

    def end(self, reason: str) -> None:
        """Ends the connection for a reason that is told to the client."""
        if not self._ended.done():
            self._ended.set_result(reason)
        self._roomy.set()

    def on_leave(self, callback: Callable[[], None]) -> None:
        """Calls `callback` once when the connection is over, even one that never was served."""
        self._leave = callback

    def leave(self) -> None:
        """Lets go of the space; `run` does so when it ends."""
        callback, self._leave = self._leave, None
        if callback is not None:
            callback()

    async def run(self) -> None:
        """Serves the connection until it ends; cancelling it leaves nothing behind."""
        self._hub.listeners.add(self)
        self._outbox.add_news(self._ready())
        tasks: list[asyncio.Future[None]] = [
            asyncio.ensure_future(self._take_events()),
            asyncio.ensure_future(self._outbox.run()),
        ]
        reason = "internal"
        try:
            waited: list[asyncio.Future[Any]] = [*tasks, self._ended]
            await asyncio.wait(waited, return_when=asyncio.FIRST_COMPLETED)
            reason = self._ended.result() if self._ended.done() else _why(tasks)
        finally:
            self._hub.listeners.discard(self)
            self._roomy.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.leave()
        await self._say_goodbye(reason)

    async def _say_goodbye(self, reason: str) -> None:
        try:
            async with asyncio.timeout(1):
                if reason in _CODES_OF_ENDED_RIGHTS:
                    await self._peer.send(event("auth:expired", {"code": reason}))
                elif reason != "gone":
                    await self._peer.send(event("error", {"code": reason}))
        except (TimeoutError, ConnectionError):
            LOG.info("connection %s could not be told why: %s", self.sender, reason)
        await self._peer.close(reason)

    def _ready(self) -> Frame:
        if self.protocol < 2:
            return event("ready", {"spaceId": self._hub.space_id})
        limits = {
            "frameBytes": FRAME_BYTES_MAX,
            "batchOps": BATCH_OPS,
            "opBytes": OP_BYTES_MAX,
            "credit": CREDIT,
        }
        return event(
            "ready",
            {
                "spaceId": self._hub.space_id,
                "protocol": 2,
                "serverId": self._server_id,
                "epoch": self._hub.store.epoch,
                "cursor": self._cursor(self._outbox.position),
                "userId": self.grant.user_id,
                "role": self.grant.role,
                "limits": limits,
                "time": int(self._clock.time() * 1000),
            },
        )

    def _cursor(self, position: Position) -> dict[str, object]:
        return cursor_json(self._hub.store.epoch, position)

    async def _take_events(self) -> None:
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._inbox:
                taken = self._inbox[0]
                await self._outbox.room()
                await self._handle(taken)
                self._inbox.popleft()
                self._inbox_bytes -= len(taken.payload or b"")
                if self._inbox_bytes <= INBOX_BYTES_MAX // 2:
                    self._roomy.set()

    async def _handle(self, taken: _Event) -> None:
        problem = self.grant.problem(self._clock.time())
        if problem is not None:
            self._refuse(taken, problem, "sign in again")
            self.end(problem)
            return
        if taken.name == TOO_LARGE:
            self._refuse(taken, "too_large", f"a frame has at most {FRAME_BYTES_MAX} bytes")
            self.end("too_large")
            return
        handler, needs_write = _HANDLERS.get(taken.name, (None, False))
        if handler is None:
            self._refuse(taken, "malformed_op", "no such event")
            return
        if needs_write and not self.grant.may_write:
            self._refuse(taken, "read_only", f"a {self.grant.role} may not change this space")
            return
        try:
            await handler(self, taken)
        except SilaError as error:
            is_storage = isinstance(error, StorageError)
            self._refuse(taken, error.code, error.message, retry=is_storage)
        except Exception:
            LOG.exception("event %s of %s failed", taken.name, self.sender)
            self._refuse(taken, "internal", "the server failed", retry=True)

    def _refuse(self, taken: _Event, code: str, message: str, *, retry: bool = False) -> None:
        answer: dict[str, object] = {"ok": False, "code": code, "message": message, "retry": retry}
        if retry:
            answer["retryAfterMs"] = 1000
        self._acknowledge(taken.ack_id, answer, self._outbox.position, is_own=False)

    def _acknowledge(
        self, ack_id: int | None, answer: dict[str, object], position: Position, *, is_own: bool
    ) -> None:
        if ack_id is not None:
            frame = acknowledgement(ack_id, answer)
            self._outbox.add_acknowledgement(frame, position, is_own=is_own)

    async def _on_send(self, taken: _Event) -> None:
        tree_id, ops, refused = await self._decoded(taken.payload)
        kept, transient = parted(ops)
        if transient:
            near, far = await self._hub.without_jumps(tree_id, transient)
            refused += [_far(op) for op in far]
            if near:
                self._hub.pass_on_transient(self, tree_id, near)
        size = _cost(taken)
        while self._unanswered >= CREDIT or (
            self._unanswered and self._unanswered_bytes + size > INBOX_BYTES_MAX
        ):
            self._progress.clear()
            await self._progress.wait()
        self._unanswered += 1
        self._unanswered_bytes += size
        self._settled.clear()

        def done(outcome: Outcome | SilaError) -> None:
            self._unanswered -= 1
            self._unanswered_bytes -= size
            self._progress.set()
            if not self._unanswered:
                self._settled.set()
            if isinstance(outcome, SilaError):
                self._refuse(taken, outcome.code, outcome.message, retry=True)
                return
            outcome.rejected += refused
            answer = self._sent(outcome)
            self._acknowledge(taken.ack_id, answer, outcome.position, is_own=outcome.accepted > 0)

        self._hub.submit(Batch(tree_id, kept, self.sender), done)

    def _sent(self, outcome: Outcome) -> dict[str, object]:
        answer: dict[str, object] = {
            "ok": True,
            "accepted": outcome.accepted,
            "duplicates": outcome.duplicates,
            "rejected": [rejection(error) for error in outcome.rejected],
            "prev": self._cursor(outcome.previous),
            "cursor": self._cursor(outcome.position),
        }
        if outcome.conflicts:
            answer["notice"] = "id_conflict"
        return answer

    async def _decoded(self, payload: bytes | None) -> tuple[str, list[Op], list[InvalidOpError]]:
        if payload is not None and len(payload) > INLINE_BYTES_MAX:
            return await self._workers.run(lambda: _decode_send(payload))
        return _decode_send(payload)

    async def _on_state(self, taken: _Event) -> None:
        await self._settled.wait()
        asked = await self._workers_or_inline(taken.payload, answers.decode_state)
        if isinstance(asked, answers.Since):
            if asked.epoch == self._hub.store.epoch and await self._hub.queries.is_in_history(
                asked.position
            ):
                self._outbox.go_back_to(asked.position)
            else:
                cursor = self._cursor(self._hub.head)
                done = {"treeIds": [], "cursor": cursor, "reset": True}
                self._outbox.add_news(event("ops:sync:done", done))
        else:
            self._outbox.add_answer(answers.trees(self._hub.queries, asked), _cost(taken))
        self._acknowledge(taken.ack_id, {"ok": True}, self._outbox.position, is_own=False)

    async def _on_have(self, taken: _Event) -> None:
        await self._settled.wait()
        asked = await self._workers_or_inline(taken.payload, answers.decode_have)
        self._outbox.add_answer(answers.holdings(self._hub, asked), _cost(taken))
        self._acknowledge(taken.ack_id, {"ok": True}, self._outbox.position, is_own=False)

    async def _workers_or_inline(
        self, payload: bytes | None, decode: Callable[[bytes | None], answers.T]
    ) -> answers.T:
        if payload is not None and len(payload) > INLINE_BYTES_MAX:
            return await self._workers.run(lambda: decode(payload))
        return decode(payload)


_CODES_OF_ENDED_RIGHTS = frozenset({"auth_expired", "revoked", "not_permitted"})

_Handler = Callable[[SpaceSession, _Event], Awaitable[None]]

_HANDLERS: dict[str, tuple[_Handler | None, bool]] = {
    "ops:state": (SpaceSession._on_state, False),
    "ops:have": (SpaceSession._on_have, False),
    "ops:send": (SpaceSession._on_send, True),
}
"""Every event that clients send, and whether it needs the right to write."""

EVENT_NAMES = frozenset(_HANDLERS)


def _why(tasks: Sequence[asyncio.Future[None]]) -> str:
    """Returns why the first of the tasks ended: both work until cancelled."""
    for task in tasks:
        if task.done() and not task.cancelled():
            error = task.exception()
            if isinstance(error, EndedError):
                return str(error)
            if isinstance(error, ConnectionError):
                return "gone"
            LOG.error("a connection failed", exc_info=error)
    return "internal"


def _cost(taken: _Event) -> int:
    """Estimates what an event holds in memory until it is answered."""
    return 1000 + len(taken.payload or b"")


def _far(op: Op) -> InvalidOpError:
    error = InvalidOpError("too far above the highest counter known here", code="counter_jump")
    error.op_id = (op.counter, op.peer)
    return error


def _decode_send(payload: bytes | None) -> tuple[str, list[Op], list[InvalidOpError]]:
    tree_id, ops_text = answers.decode_send(payload)
    ops, refused = decode_ops(ops_text)
    return tree_id, ops, refused
