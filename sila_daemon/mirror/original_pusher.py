"""Sends an original server what it is owed. It answers nothing, so a question follows each batch.

The answer to that question shows that the server survived the batch, and no more than that:
whether it has the ops is seen later, see `confirmation`.
"""

from __future__ import annotations

import asyncio
from collections import deque
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.core.errors import RemoteUnavailableError
from sila_daemon.mirror import original_messages as wire
from sila_daemon.mirror.rejections import ENDS_CONNECTION
from sila_daemon.store.quarantine import Quarantine, Refusal

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sila_daemon.mirror.connector import Connection
    from sila_daemon.mirror.heard_ops import HeardOps
    from sila_daemon.mirror.remote_status import RemoteStatus
    from sila_daemon.mirror.suspects import Suspects, Suspicion
    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.sightings import DueOp, Sightings

ANSWER_TIMEOUT_S = 60.0
"""A server that is this late with an answer is taken to be gone."""

PAGE_OPS = 4000
UNDER_WAY_MAX = 4
"""Batches whose question was not answered yet."""

UNSEEN_OPS_MAX = 20_000
"""With so many sent and not seen, the rest waits: so much is sent again at most after a crash."""

COMPANY = (10_000, 32, 1)
"""How many ops a batch has, by how often they were sent before: one of them may be to blame."""


@dataclass(slots=True)
class _Batch:
    tree_id: str
    seqs: list[int] = field(default_factory=list)
    ops: list[bytes] = field(default_factory=list)
    size: int = 0
    sent_at: float = 0.0
    is_suspect: bool = False
    times: int = 0
    """How often it was sent already: then nothing else goes beside it, nor soon after it."""

    def has_room(self, size: int, times: int) -> bool:
        company = COMPANY[min(times, len(COMPANY) - 1)]
        return len(self.ops) < company and self.size + size <= wire.BATCH_BYTES_MAX

    def add(self, seq: int, op: bytes) -> None:
        self.seqs.append(seq)
        self.ops.append(op)
        self.size += len(op) + 1

    def drop(self, seqs: set[int]) -> None:
        """Leaves out ops that need not be sent any more."""
        left = [(seq, op) for seq, op in zip(self.seqs, self.ops, strict=True) if seq not in seqs]
        self.seqs, self.ops = [seq for seq, _ in left], [op for _, op in left]
        self.size = sum(len(op) + 1 for op in self.ops)


class OriginalPusher:
    """What one connection sends."""

    def __init__(
        self,
        layer: str,
        connection: Connection,
        sightings: Sightings,
        quarantine: Quarantine,
        heard: HeardOps,
        clock: Clock,
        status: RemoteStatus,
        suspects: Suspects,
        alone_s: float,
    ) -> None:
        """`alone_s` is how long nothing follows what was missing before.

        The server may answer once more before it dies of it, and loses what it has not written.
        """
        self._layer = layer
        self._connection = connection
        self._sightings = sightings
        self._quarantine = quarantine
        self._heard = heard
        self._clock = clock
        self._status = status
        self._suspects = suspects
        self._waiting: deque[_Batch] = deque()
        self._doubtful: dict[Suspicion, _Batch] = {}
        self._under_way: deque[_Batch] = deque()
        self._sent_at: dict[int, float] = {}
        """When this connection sent what was neither seen nor missed yet, in monotonic seconds."""
        self._read_up_to = 0
        self._is_stale = False
        """What was passed over is to be read again."""
        self._alone_s = alone_s
        self._alone_until = 0.0
        self._wake = asyncio.Event()
        self.taken = asyncio.Event()
        """Set whenever the server has taken a batch."""

    @property
    def is_idle(self) -> bool:
        """Whether nothing is under way or about to be."""
        return not (self._waiting or self._doubtful or self._under_way)

    @property
    def is_held_up(self) -> bool:
        """Whether too much was sent that is not seen."""
        return len(self._sent_at) >= UNSEEN_OPS_MAX

    def wake(self) -> None:
        """Looks for new debts."""
        self._wake.set()

    def offer_again(self) -> None:
        """Offers everything that may be sent, from its beginning."""
        self._is_stale = True  # A page that is being read now may lack it, and end beyond it.
        self._wake.set()

    def was_sent(self, seq: int) -> bool:
        """Tells whether this connection sent an op that was neither seen nor missed yet."""
        return seq in self._sent_at

    def was_sent_before(self, seq: int, moment: float) -> bool:
        """Tells whether an op was sent before a moment, earlier connections included."""
        return self._sent_at.get(seq, 0.0) <= moment

    def forget(self, seqs: Iterable[int]) -> None:
        """Takes note of what was seen, or shown to be missing."""
        known = set(seqs)
        for seq in known:
            self._sent_at.pop(seq, None)
        for batch in self._waiting:
            batch.drop(known)
        self._waiting = deque(batch for batch in self._waiting if batch.seqs)
        self._wake.set()

    async def run(self) -> None:
        """Sends until cancelled. Raises RemoteUnavailableError when answers do not come."""
        while True:
            self._wake.clear()
            while self._may_send() and (batch := await self._next_batch()) is not None:
                await self._send(batch)
            if self.is_idle:
                self._suspects.clear_all()
            try:
                async with asyncio.timeout(self._patience_s()):
                    await self._wake.wait()
            except TimeoutError:
                self._check_patience()

    def _patience_s(self) -> float | None:
        now = self._now()
        moments = [batch.sent_at + ANSWER_TIMEOUT_S for batch in self._under_way]
        moments += [self._alone_until] if self._alone_until > now else []
        return max(0.0, min(moments) - now) if moments else None

    def _check_patience(self) -> None:
        if self._under_way and self._now() >= self._under_way[0].sent_at + ANSWER_TIMEOUT_S:
            raise RemoteUnavailableError("the server does not answer")

    async def barrier_answered(self) -> None:
        """Takes the answer to the question after the first batch that is under way."""
        if not self._under_way:
            return
        batch = self._under_way.popleft()
        await self._sightings.note_sent(batch.seqs)
        self._suspects.clear(batch.seqs)
        self.taken.set()
        self._wake.set()

    def failed(self) -> list[Refusal]:
        """Takes the end of the connection, for which the server gave no reason.

        Returns the op that was shown to end it.
        """
        found: list[Refusal] = []
        for batch in self._under_way:
            if self._suspects.failed(batch.seqs) and len(self._under_way) == 1:
                self._suspects.clear(batch.seqs)
                message = "the server ends the connection whenever this comes"
                found.append(Refusal(batch.seqs[0], ENDS_CONNECTION, message))
        self._under_way.clear()
        return found

    def _may_send(self) -> bool:
        return (
            len(self._under_way) < UNDER_WAY_MAX
            and not self.is_held_up
            and self._now() >= self._alone_until
            and not any(batch.is_suspect for batch in self._under_way)
        )

    async def _send(self, batch: _Batch) -> None:
        batch.sent_at = self._now()
        self._sent_at.update(dict.fromkeys(batch.seqs, batch.sent_at))
        self._under_way.append(batch)
        if batch.times:
            self._alone_until = batch.sent_at + self._alone_s
        await self._connection.send("ops:send", wire.encode_send(batch.tree_id, batch.ops))
        await self._connection.send("ops:state", wire.BARRIER)

    async def _next_batch(self) -> _Batch | None:
        if self._waiting or await self._read_page():
            must_wait = self._waiting[0].times and self._under_way
            return None if must_wait else self._waiting.popleft()
        if self._doubtful and not self._under_way:
            return self._doubtful.pop(min(self._doubtful, key=lambda suspicion: suspicion.turn))
        return None

    async def _read_page(self) -> bool:
        """Cuts the next debts into batches; tells whether there are any."""
        while not self._waiting:
            if self._is_stale:
                self._is_stale, self._read_up_to = False, 0
            async with self._heard.delivering:
                page = await self._sightings.due(self._read_up_to, PAGE_OPS)
                due = [op for op in page if op.seq not in self._heard]
            if not page:
                return False
            self._read_up_to = page[-1].seq
            await self._cut(op for op in due if op.seq not in self._sent_at)
        return True

    async def _cut(self, due: Iterable[DueOp]) -> None:
        oversized: list[Refusal] = []
        batches: dict[tuple[str, int], _Batch] = {}
        for entry in due:
            op = wire.encoded(entry.op)
            if len(op) > wire.OP_BYTES_MAX:
                message = f"{len(op)} bytes; this server takes {wire.FRAME_BYTES_MAX} at once"
                oversized.append(Refusal(entry.seq, "op_too_large", message))
                continue
            suspicion = self._suspects.of(entry.seq)
            if suspicion is not None:
                batch = self._doubtful.setdefault(suspicion, _Batch(entry.tree_id, is_suspect=True))
                batch.add(entry.seq, op)
                continue
            key = entry.tree_id, entry.times
            batch = batches.get(key) or _Batch(entry.tree_id, times=entry.times)
            if batch.ops and not batch.has_room(len(op), entry.times):
                batch = _Batch(entry.tree_id, times=entry.times)
            if not batch.ops:
                self._waiting.append(batch)
            batches[key] = batch
            batch.add(entry.seq, op)
        if oversized:
            self._status.refused_ops += len(oversized)
            now_ms = int(self._clock.time() * 1000)
            await self._quarantine.refuse(self._layer, oversized, now_ms)

    def _now(self) -> float:
        return self._clock.monotonic()
