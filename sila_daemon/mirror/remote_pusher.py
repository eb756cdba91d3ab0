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
from sila_daemon.mirror.rejections import (
    ENDS_CONNECTION,
    LASTING_CODES,
    SENDER_CODES,
    TOO_LARGE,
)
from sila_daemon.store.quarantine import Quarantine, Refusal
from sila_daemon.store.space_store import Acknowledgement

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sila_daemon.core.ops import Op
    from sila_daemon.mirror.back_off import BackOff
    from sila_daemon.mirror.connector import Connection
    from sila_daemon.mirror.messages import Limits
    from sila_daemon.mirror.remote_status import RemoteStatus
    from sila_daemon.mirror.suspects import Suspects, Suspicion
    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.outbox import OwedOp
    from sila_daemon.store.space_store import SpaceStore

BATCH_BYTES_MAX = 256 << 10
"""JSON of one batch, unless one op alone is larger."""

ANSWER_TIMEOUT_S = 30.0
"""A server that is this late with an answer is taken to be gone."""

PAGE_OPS = 4000
"""Debts read from the store at once."""

DELAY_S_MIN = 0.1
DELAY_S_MAX = 60.0
"""So long may a server have us wait before something is offered again."""

_FRAME_BYTES_SPARE = 64 << 10


@dataclass(slots=True)
class SendingHistory:
    """What sending to one server taught, over all connections."""

    pauses: BackOff
    """How long to wait when the server takes nothing for now."""
    suspects: Suspects


@dataclass(slots=True)
class Batch:
    """Ops of one tree that are under way."""

    tree_id: str
    owed: list[OwedOp]
    sent_at: float = 0.0
    is_suspect: bool = False
    """It failed before: nothing else is under way beside it."""

    @property
    def seqs(self) -> list[int]:
        """The numbers of its ops in the store."""
        return [owed.seq for owed in self.owed]


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
        history: SendingHistory,
    ) -> None:
        """`count_debt` makes the status tell what is owed."""
        self._layer = layer
        self._connection = connection
        self._store = store
        self._quarantine = Quarantine(store.database)
        self._clock = clock
        self._limits = limits
        self._status = status
        self._count_debt = count_debt
        self._pauses = history.pauses
        self._suspects = history.suspects
        self._credit = max(1, limits.credit)
        self._waiting: deque[Batch] = deque()
        self._doubtful: dict[Suspicion, Batch] = {}
        """Batches that failed before; they go last."""
        self._under_way: dict[int, Batch] = {}
        self._read_up_to = 0
        self._may_owe_more = True
        """Whether there may be debts behind what was read."""
        self._is_stale = False
        """What was put off is to be read again."""
        self._retry_at: float | None = None
        self._wake = asyncio.Event()

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or about to be."""
        return not (self._waiting or self._doubtful or self._under_way)

    def wake(self) -> None:
        """Looks for new debts, if there are any: each is counted before anybody rings."""
        if self._status.pending_ops:
            self._may_owe_more = True
            self._wake.set()

    def offer_again(self) -> None:
        """Offers everything that is owed, without waiting for the end of a pause."""
        self._is_stale = True
        self._retry_at = None
        self._wake.set()

    async def run(self) -> None:
        """Sends until cancelled. Raises RemoteUnavailableError when answers do not come."""
        while True:
            self._wake.clear()
            if self._retry_at is None or self._clock.monotonic() >= self._retry_at:
                await self._send_all()
            if self.is_idle and self._retry_at is None:
                self._suspects.clear_all()
                if self._status.pending_ops:
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
        if self._is_stale and not self._under_way:
            # What was put off is read from the outbox again, from its beginning.
            self._is_stale, self._retry_at = False, None
            self._read_up_to, self._may_owe_more = 0, True
            self._waiting.clear()
            self._doubtful.clear()
        while self._may_send():
            batch = await self._next_batch()
            if batch is None:
                return
            payload = messages.encode_send(batch.tree_id, [owed.op for owed in batch.owed])
            batch.sent_at = self._clock.monotonic()
            call_id = await self._connection.ask("ops:send", payload)
            self._under_way[call_id] = batch

    def _may_send(self) -> bool:
        return (
            self._retry_at is None
            and len(self._under_way) < self._credit
            and not any(batch.is_suspect for batch in self._under_way.values())
        )

    async def _next_batch(self) -> Batch | None:
        if self._waiting or await self._read_page():
            return self._waiting.popleft()
        if self._doubtful and not self._under_way:
            return self._doubtful.pop(min(self._doubtful, key=lambda suspicion: suspicion.turn))
        return None

    async def _read_page(self) -> bool:
        """Cuts the next debts into batches; tells whether there are any."""
        if not self._may_owe_more:
            return False
        self._may_owe_more = False  # Before: what is rung while it is read is read after.
        page = await self._store.owed(self._layer, self._read_up_to, PAGE_OPS)
        if not page:
            return False
        self._may_owe_more |= len(page) == PAGE_OPS
        self._read_up_to = page[-1].seq
        oversized: list[Refusal] = []
        by_tree: dict[str, tuple[Batch, int]] = {}
        for owed in page:
            size = estimated_bytes(owed.op)
            if size > self._limits.frameBytes - _FRAME_BYTES_SPARE:
                message = f"about {size} bytes; the server takes {self._limits.frameBytes} at once"
                oversized.append(Refusal(owed.seq, "op_too_large", message))
                continue
            if self._suspects.of(owed.seq) is not None:
                self._add_doubtful(owed)
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
            await self._quarantine.refuse(self._layer, oversized, self._now_ms())
        return bool(self._waiting) or await self._read_page()

    def _add_doubtful(self, owed: OwedOp) -> None:
        suspicion = self._suspects.of(owed.seq)
        assert suspicion is not None
        batch = self._doubtful.setdefault(suspicion, Batch(owed.tree_id, [], is_suspect=True))
        batch.owed.append(owed)

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
            return answer, Acknowledgement([], self._refused_whole(batch, answer))
        refused = {(op.counter, op.peerId): op for op in answer.rejected}
        held: list[OwedOp] = []
        lasting: list[Refusal] = []
        is_put_off = False
        for owed in batch.owed:
            rejected = refused.get((owed.op.counter, owed.op.peer))
            if rejected is None:
                held.append(owed)
            elif rejected.code in LASTING_CODES:
                lasting.append(Refusal(owed.seq, rejected.code, rejected.message))
            elif not is_put_off:
                is_put_off = True
                self._put_off(SendAnswer(False, code=rejected.code, message=rejected.message))
        if len(held) + len(refused) < len(batch.owed):
            raise FormatError("the server's answer does not add up")
        self._suspects.clear(batch.seqs)
        if not is_put_off and not self._suspects:
            self._pauses.reset()
        return answer, Acknowledgement(held, lasting)

    def _refused_whole(self, batch: Batch, answer: SendAnswer) -> list[Refusal]:
        """Takes a refusal that names no op; returns the op that it is about, once that is known."""
        seqs = batch.seqs
        is_alone = len(seqs) == 1
        if answer.code in LASTING_CODES and is_alone:
            self._suspects.clear(seqs)
            return [Refusal(seqs[0], answer.code, answer.message)]
        if not is_alone and (answer.code in LASTING_CODES or answer.code == TOO_LARGE):
            self._suspects.halve(seqs)
            for owed in batch.owed:
                self._add_doubtful(owed)
            return []
        if answer.code not in SENDER_CODES:
            # The server failed on something: its neighbours are not to wait for it.
            if is_alone:
                self._suspects.suspect(seqs, 1)
            else:
                self._suspects.failed(seqs)
        self._put_off(answer)
        return []

    def failed(self) -> list[Refusal]:
        """Takes the end of the connection, for which the server gave no reason.

        Returns the op that was shown to end it.
        """
        found: list[Refusal] = []
        for batch in self._under_way.values():
            if self._suspects.failed(batch.seqs) and len(self._under_way) == 1:
                self._suspects.clear(batch.seqs)
                message = "the server ends the connection whenever this comes"
                found.append(Refusal(batch.seqs[0], ENDS_CONNECTION, message))
        self._under_way.clear()
        return found

    def _put_off(self, answer: SendAnswer) -> None:
        """Waits before anything is sent again; says why."""
        # All batches under way are refused for one reason: that is one failure, not several.
        delay_s = self._pauses.next_s() if self._retry_at is None else DELAY_S_MIN
        if answer.retryAfterMs is not None:
            delay_s = max(delay_s, answer.retryAfterMs / 1000)
        self._is_stale = True
        ends_at = self._clock.monotonic() + min(max(delay_s, DELAY_S_MIN), DELAY_S_MAX)
        self._retry_at = max(self._retry_at or 0.0, ends_at)
        self._status.reason = (
            f"the server does not take changes now: {answer.message or answer.code}"
        )

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)


def estimated_bytes(op: Op) -> int:
    """Returns about how long the JSON of an op is; never much less than it will be."""
    size = 128 + len(op.peer) + 2 * len(op.target)
    if isinstance(op, MoveOp):
        return size + 2 * len(op.parent or "")
    return size + 2 * len(op.key) + len(op.value or b"")
