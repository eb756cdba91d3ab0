"""Sends a server what it is owed: batches cut by bytes, several under way, within its credit."""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.errors import FormatError, RemoteUnavailableError
from sila_daemon.core.ops import MoveOp
from sila_daemon.mirror import messages
from sila_daemon.mirror.messages import SendAnswer
from sila_daemon.store.outbox import OwedOp, Refusal
from sila_daemon.store.space_store import Acknowledgement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sila_daemon.core.ops import Op
    from sila_daemon.mirror.connector import Connection
    from sila_daemon.mirror.messages import Limits
    from sila_daemon.mirror.remote_status import RemoteStatus
    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.space_store import SpaceStore

BATCH_BYTES_MAX = 256 << 10
"""JSON of one batch, unless one op alone is larger."""

ANSWER_TIMEOUT_S = 30.0
"""A server that is this late with an answer is taken to be gone."""

PAGE_OPS = 4000
"""Debts read from the store at once."""

RETRY_S = 5.0
"""When a server that said "later" did not say when."""

_FRAME_BYTES_SPARE = 64 << 10

_LASTING_CODES = frozenset(
    {"malformed_op", "bad_id", "op_too_large", "value_not_json", "counter_out_of_range"}
)
"""The op itself is at fault: offering it again cannot help."""


@dataclass(slots=True)
class Batch:
    """Ops of one tree that are under way."""

    tree_id: str
    owed: list[OwedOp]
    sent_at: float = 0.0


class Pusher:
    """What one connection sends. Debts end elsewhere, by the answers that are told here."""

    def __init__(
        self,
        layer: str,
        connection: Connection,
        store: SpaceStore,
        clock: Clock,
        limits: Limits,
        status: RemoteStatus,
        count_debt: Callable[[], Awaitable[None]],
    ) -> None:
        """`count_debt` makes the status tell what is owed."""
        self._layer = layer
        self._connection = connection
        self._store = store
        self._clock = clock
        self._limits = limits
        self._status = status
        self._count_debt = count_debt
        self._credit = max(1, limits.credit)
        self._waiting: deque[Batch] = deque()
        self._under_way: dict[int, Batch] = {}
        self._read_up_to = 0
        self._retry_at: float | None = None
        self._wake = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or about to be."""
        return not (self._waiting or self._under_way)

    def wake(self) -> None:
        """Looks for new debts."""
        self._wake.set()

    async def run(self) -> None:
        """Sends until cancelled. Raises RemoteUnavailableError when answers do not come."""
        while True:
            self._wake.clear()
            if self._retry_at is None or self._clock.monotonic() >= self._retry_at:
                await self._send_all()
            if self.is_idle and self._retry_at is None and self._status.pending_ops:
                # What another server brought, this one may have brought as well by now.
                await self._count_debt()
            try:
                async with asyncio.timeout(self._patience_s()):
                    await self._wake.wait()
            except TimeoutError:
                self._check_patience()

    def _patience_s(self) -> float | None:
        now = self._clock.monotonic()
        moments = [batch.sent_at + ANSWER_TIMEOUT_S for batch in self._under_way.values()]
        if self._retry_at is not None and not self._under_way:
            moments.append(self._retry_at)
        return max(0.0, min(moments) - now) if moments else None

    def _check_patience(self) -> None:
        now = self._clock.monotonic()
        if any(now >= batch.sent_at + ANSWER_TIMEOUT_S for batch in self._under_way.values()):
            raise RemoteUnavailableError("the server does not answer")

    async def _send_all(self) -> None:
        if self._retry_at is not None and not self._under_way:
            # What was put off is read from the outbox again, from its beginning.
            self._retry_at = None
            self._read_up_to = 0
            self._waiting.clear()
        while len(self._under_way) < self._credit and self._retry_at is None:
            if not self._waiting and not await self._read_page():
                return
            batch = self._waiting.popleft()
            payload = messages.encode_send(batch.tree_id, [owed.op for owed in batch.owed])
            batch.sent_at = self._clock.monotonic()
            call_id = await self._connection.ask("ops:send", payload)
            self._under_way[call_id] = batch

    async def _read_page(self) -> bool:
        """Cuts the next debts into batches; tells whether there are any."""
        page = await self._store.owed(self._layer, self._read_up_to, PAGE_OPS)
        if not page:
            return False
        self._read_up_to = page[-1].seq
        oversized: list[Refusal] = []
        by_tree: dict[str, tuple[Batch, int]] = {}
        for owed in page:
            size = estimated_bytes(owed.op)
            if size > self._limits.frameBytes - _FRAME_BYTES_SPARE:
                message = f"about {size} bytes; the server takes {self._limits.frameBytes} at once"
                oversized.append(Refusal(owed.seq, "op_too_large", message))
                continue
            batch, filled = by_tree.get(owed.tree_id, (None, 0))
            if (
                batch is None
                or filled + size > BATCH_BYTES_MAX
                or len(batch.owed) >= self._limits.batchOps
            ):
                batch, filled = Batch(owed.tree_id, []), 0
                self._waiting.append(batch)
            batch.owed.append(owed)
            by_tree[owed.tree_id] = batch, filled + size
        if oversized:
            self._status.refused_ops += len(oversized)
            await self._store.acknowledge(self._layer, [Acknowledgement([], oversized)])
        return bool(self._waiting) or await self._read_page()

    def answered(self, call_id: int, payload: bytes) -> tuple[SendAnswer, Acknowledgement] | None:
        """Takes an answer; returns what it settles, None when it answers nothing of ours.

        Raises FormatError. The caller stores what is returned; the cursor is its business.
        """
        batch = self._under_way.pop(call_id, None)
        if batch is None:
            return None
        self._wake.set()
        answer = messages.decode(payload, SendAnswer)
        if not answer.ok:
            self._put_off(answer)
            return answer, Acknowledgement([])
        refused = {(op.counter, op.peerId): op for op in answer.rejected}
        held: list[OwedOp] = []
        lasting: list[Refusal] = []
        for owed in batch.owed:
            rejected = refused.get((owed.op.counter, owed.op.peer))
            if rejected is None:
                held.append(owed)
            elif rejected.code in _LASTING_CODES:
                lasting.append(Refusal(owed.seq, rejected.code, rejected.message))
            else:
                self._put_off(SendAnswer(False, code=rejected.code, message=rejected.message))
        if len(held) + len(refused) < len(batch.owed):
            raise FormatError("the server's answer does not add up")
        return answer, Acknowledgement(held, lasting)

    def _put_off(self, answer: SendAnswer) -> None:
        """Waits before anything is sent again; says why."""
        delay_s = RETRY_S if answer.retryAfterMs is None else answer.retryAfterMs / 1000
        self._retry_at = self._clock.monotonic() + min(max(delay_s, 0.1), 60.0)
        self._status.reason = (
            f"the server does not take changes now: {answer.message or answer.code}"
        )


def estimated_bytes(op: Op) -> int:
    """Returns about how long the JSON of an op is; never much less than it will be."""
    size = 128 + len(op.peer) + 2 * len(op.target)
    if isinstance(op, MoveOp):
        return size + 2 * len(op.parent or "")
    return size + 2 * len(op.key) + len(op.value or b"")
