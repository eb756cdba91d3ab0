"""What each event of a client does: one registry, with the right that each needs.

Answers of every kind go through the connection's outbox; ops are handed to the hub without
waiting for their commit, so that batches of one client share it.
"""

from __future__ import annotations

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.errors import InvalidOpError, SilaError, StorageError
from sila_daemon.core.wire import decode_ops
from sila_daemon.server.accounts.rights import Right, role_allows
from sila_daemon.server.limits.constants import CREDIT, FRAME_BYTES_MAX, INBOX_BYTES_MAX
from sila_daemon.server.ops.op_store import ORIGIN, Batch, Outcome, Position, cursor_json
from sila_daemon.server.spaces.frames import TOO_LARGE, acknowledgement, event
from sila_daemon.server.spaces.hub import Hub, Listener, parted, rejection
from sila_daemon.server.sync import answers

if TYPE_CHECKING:
    from sila_daemon.core.ops import Op
    from sila_daemon.server.sync.outbox import Outbox
    from sila_daemon.server.sync.session_site import SessionSite

LOG = logging.getLogger(__name__)

INLINE_BYTES_MAX = 32 << 10
"""JSON that is decoded on the event loop: under a millisecond or two."""


@dataclass(frozen=True, slots=True)
class ClientEvent:
    """One event as it came."""

    name: str
    payload: bytes | None
    """The JSON text of the first argument."""
    ack_id: int | None
    """None when the client wants no acknowledgement."""

    @property
    def cost(self) -> int:
        """Estimates the bytes that it holds in memory until it is answered."""
        return 1000 + len(self.payload or b"")


class EventHandlers:
    """Handles the events of one connection, one after the other."""

    def __init__(
        self, hub: Hub, listener: Listener, outbox: Outbox, site: SessionSite, address: str
    ) -> None:
        self._hub = hub
        self._listener = listener
        self._outbox = outbox
        self._site = site
        self._workers = site.workers
        user_id = listener.grant.user_id
        self._meter = site.traffic.meter(user_id, hub.space_id, address)
        self._unanswered = 0
        self._unanswered_bytes = 0
        self._progress = asyncio.Event()
        self._settled = asyncio.Event()
        self._settled.set()

    async def handle(self, taken: ClientEvent, now: float) -> None:
        """Does what an event asks for, or says why not. Never raises for what is in it."""
        grant = self._listener.grant
        problem = grant.problem(now)
        if problem is not None:
            self._refuse(taken, problem, "sign in again")
            self._listener.end(problem)
            return
        if taken.name == TOO_LARGE:
            self._refuse(taken, "too_large", f"a frame has at most {FRAME_BYTES_MAX} bytes")
            self._listener.end("too_large")
            return
        rule = EVENT_RULES.get(taken.name)
        if rule is None:
            self._refuse(taken, "malformed_op", "no such event")
            return
        if not role_allows(grant.role, rule.right):
            self._refuse(taken, "read_only", f"a {grant.role} may not change this space")
            return
        try:
            if await self._is_in_time(taken, self._meter.bytes_wait, taken.cost):
                await rule.handler(self, taken)
        except SilaError as error:
            is_storage = isinstance(error, StorageError)
            self._refuse(taken, error.code, error.message, retry=is_storage)
        except Exception:
            LOG.exception("event %s of %s failed", taken.name, self._listener.sender)
            self._refuse(taken, "internal", "the server failed", retry=True)

    async def _is_in_time(
        self, taken: ClientEvent, wait_for: Callable[[int], float], cost: int
    ) -> bool:
        """Counts what an event costs; False when it was refused for now.

        Who wants no answer would never send it again, and is only slowed down.
        """
        while seconds := wait_for(cost):
            if taken.ack_id is not None:
                self._refuse(taken, "rate_limited", "too much at once", retry=True, after=seconds)
                return False
            await self._site.clock.sleep(seconds)
        return True

    def _refuse(
        self,
        taken: ClientEvent,
        code: str,
        message: str,
        *,
        retry: bool = False,
        after: float = 1.0,
    ) -> None:
        self._hub.on_reject(code)
        answer: dict[str, object] = {"ok": False, "code": code, "message": message, "retry": retry}
        if retry:
            answer["retryAfterMs"] = int(after * 1000) + 1
        elif taken.name == "ops:send":
            self._note("op_refused", taken, [code])
        self._acknowledge(taken.ack_id, answer, ORIGIN, is_own=False)

    def _note(self, action: str, taken: ClientEvent, codes: Iterable[str]) -> None:
        grant, payload = self._listener.grant, taken.payload or b""
        self._site.refusals.note(action, grant, self._hub.space_id, codes, payload)

    def _acknowledge(
        self, ack_id: int | None, answer: dict[str, object], position: Position, *, is_own: bool
    ) -> None:
        if ack_id is not None:
            frame = acknowledgement(ack_id, answer)
            self._outbox.add_acknowledgement(frame, position, is_own=is_own)

    async def _on_send(self, taken: ClientEvent) -> None:
        tree_id, ops, refused = await self._decoded(taken.payload)
        if not await self._is_in_time(taken, self._meter.ops_wait, len(ops) + len(refused)):
            return
        kept, transient = parted(ops)
        if transient:
            near, far = await self._hub.without_jumps(tree_id, transient)
            refused += [_far(op) for op in far]
            if near:
                self._hub.pass_on_transient(self._listener, tree_id, near)
        await self._credit(taken.cost)

        def done(outcome: Outcome | SilaError) -> None:
            self._settle(taken.cost)
            if isinstance(outcome, SilaError):
                self._refuse(taken, outcome.code, outcome.message, retry=True)
                return
            outcome.rejected += refused
            if outcome.rejected:
                self._note("op_refused", taken, [error.code for error in outcome.rejected])
            if outcome.conflicts:
                self._note("id_conflict", taken, [f"tree {tree_id}"] * len(outcome.conflicts))
            answer = self._sent(outcome)
            self._acknowledge(taken.ack_id, answer, outcome.position, is_own=outcome.accepted > 0)

        self._hub.submit(Batch(tree_id, kept, self._listener.sender), done)

    async def _credit(self, size: int) -> None:
        """Waits until another batch may be under way, and counts it."""
        while self._unanswered >= CREDIT or (
            self._unanswered and self._unanswered_bytes + size > INBOX_BYTES_MAX
        ):
            self._progress.clear()
            await self._progress.wait()
        self._unanswered += 1
        self._unanswered_bytes += size
        self._site.budget.take(size)
        self._settled.clear()

    def _settle(self, size: int) -> None:
        self._unanswered -= 1
        self._unanswered_bytes -= size
        self._site.budget.give_back(size)
        self._progress.set()
        if not self._unanswered:
            self._settled.set()

    def _sent(self, outcome: Outcome) -> dict[str, object]:
        for error in outcome.rejected:
            self._hub.on_reject(error.code)
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

    def _cursor(self, position: Position) -> dict[str, object]:
        return cursor_json(self._hub.store.epoch, position)

    async def _decoded(self, payload: bytes | None) -> tuple[str, list[Op], list[InvalidOpError]]:
        if payload is not None and len(payload) > INLINE_BYTES_MAX:
            return await self._workers.run(lambda: _decode_send(payload))
        return _decode_send(payload)

    async def _on_state(self, taken: ClientEvent) -> None:
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
            self._outbox.add_answer(answers.trees(self._hub.queries, asked), taken.cost)
        self._acknowledge(taken.ack_id, {"ok": True}, ORIGIN, is_own=False)

    async def _on_have(self, taken: ClientEvent) -> None:
        await self._settled.wait()
        asked = await self._workers_or_inline(taken.payload, answers.decode_have)
        self._outbox.add_answer(answers.holdings(self._hub, asked), taken.cost)
        self._acknowledge(taken.ack_id, {"ok": True}, ORIGIN, is_own=False)

    async def _workers_or_inline(
        self, payload: bytes | None, decode: Callable[[bytes | None], answers.T]
    ) -> answers.T:
        if payload is not None and len(payload) > INLINE_BYTES_MAX:
            return await self._workers.run(lambda: decode(payload))
        return decode(payload)


_Handler = Callable[[EventHandlers, ClientEvent], Awaitable[None]]


@dataclass(frozen=True, slots=True)
class EventRule:
    """What handles an event, and who may send it."""

    right: Right
    handler: _Handler

    def __post_init__(self) -> None:
        """Refuses a rule that cannot be checked: the program does not start with one."""
        assert self.right.is_of_members, "an event belongs to a space"


EVENT_RULES = {
    "ops:state": EventRule(Right.VIEWER, EventHandlers._on_state),
    "ops:have": EventRule(Right.VIEWER, EventHandlers._on_have),
    "ops:send": EventRule(Right.EDITOR, EventHandlers._on_send),
}
"""Every event that clients send, with the right that it needs."""

_WITHOUT_RULE = {name for name in vars(EventHandlers) if name.startswith("_on_")} - {
    rule.handler.__name__ for rule in EVENT_RULES.values()
}
assert not _WITHOUT_RULE, f"no rule for {_WITHOUT_RULE}"


def _far(op: Op) -> InvalidOpError:
    error = InvalidOpError("too far above the highest counter known here", code="counter_jump")
    error.op_id = (op.counter, op.peer)
    return error


def _decode_send(payload: bytes | None) -> tuple[str, list[Op], list[InvalidOpError]]:
    tree_id, ops_text = answers.decode_send(payload)
    ops, refused = decode_ops(ops_text)
    return tree_id, ops, refused
