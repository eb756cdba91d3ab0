"""One open space: takes batches from connections, commits them in groups, and tells everybody.

One task commits. While one group is being made durable the next one gathers, so that many
senders share one sync of the disk. What was committed is kept at hand for a while; each
connection takes it from there at its own pace (see `outbox`), so a slow reader costs nothing.
"""

from __future__ import annotations

import asyncio
import logging
from bisect import bisect_right
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

from sila_daemon.core.errors import InvalidOpError, SilaError
from sila_daemon.core.ops import Op, PropertyOp
from sila_daemon.core.wire import encode_ops
from sila_daemon.server.limits.constants import (
    BATCH_OPS,
    CHUNK_BYTES,
    COUNTER_JUMP_MAX,
    RECENT_BYTES_MAX,
)
from sila_daemon.server.ops.op_queries import OpQueries
from sila_daemon.server.ops.op_store import Batch, OpStore, Outcome, Position
from sila_daemon.server.spaces.frames import Frame, event, ops_event

if TYPE_CHECKING:
    from sila_daemon.server.accounts.grants import Grant
    from sila_daemon.server.spaces.frames import ConnectedDevice

LOG = logging.getLogger(__name__)

RENDERED_BYTES_MAX = 256 << 10
"""Frames of commits that are kept at hand for those who are a little behind."""

GROUP_OPS = 4 * BATCH_OPS
"""Ops in one commit of many batches: some 200 ms of the database's thread."""


class Listener(Protocol):
    """A connection as the hub sees it. Every method returns at once."""

    sender: str
    """Names the connection among all that ever were."""
    grant: Grant
    device: ConnectedDevice | None
    """What is told of it to the others; None for a client without a part in presence."""

    def wake(self) -> None:
        """Something was committed."""
        ...

    def offer_transient(self, frame: Frame) -> None:
        """Passes on live state; may drop it."""
        ...

    def notify(self, frame: Frame) -> None:
        """Passes on news about the space."""
        ...

    def end(self, reason: str) -> None:
        """Ends the connection."""
        ...


@dataclass(frozen=True, slots=True)
class Commit:
    """One batch as it was committed."""

    tree_id: str
    sender: str
    previous: Position
    position: Position
    text: str
    """The new ops as a JSON array in the wire form."""


@dataclass(frozen=True, slots=True)
class _Waiting:
    batch: Batch
    done: Callable[[Outcome | SilaError], None]


class Hub:
    """One open space."""

    def __init__(self, space_id: str, store: OpStore) -> None:
        self.space_id = space_id
        self.store = store
        self.queries = OpQueries(store)
        self.listeners: dict[Listener, None] = {}
        """In the order in which they came, so that a run can be repeated."""
        self._waiting: deque[_Waiting] = deque()
        self._filled = asyncio.Event()
        self._idle = asyncio.Event()
        self._idle.set()
        self._recent: deque[Commit] = deque()
        self._recent_bytes = 0
        self._rendered: dict[tuple[int, bool], Frame] = {}
        self._rendered_bytes = 0
        self.refused: str | None = None
        """Why nothing is taken any more, such as `shutting_down`."""
        self.on_reject: Callable[[str], None] = _ignore
        """Is told the code of every op and event that is refused."""

    @property
    def head(self) -> Position:
        """The end of the history, as told to connections."""
        return self.store.head

    @property
    def recent_bytes(self) -> int:
        """What commits that are kept at hand take."""
        return self._recent_bytes

    @property
    def is_idle(self) -> bool:
        """Whether everything that was submitted has been answered."""
        return self._idle.is_set()

    @property
    def waiting_count(self) -> int:
        """How many batches wait for their commit."""
        return len(self._waiting)

    def submit(self, batch: Batch, done: Callable[[Outcome | SilaError], None]) -> None:
        """Queues a batch; `done` is called, in the order of submission, once it is durable."""
        self._waiting.append(_Waiting(batch, done))
        self._idle.clear()
        self._filled.set()

    async def run(self) -> None:
        """Commits until cancelled. Never ends by itself."""
        while True:
            await self._filled.wait()
            self._filled.clear()
            while self._waiting:
                await self._commit_group()
            self._idle.set()

    async def drained(self) -> None:
        """Returns when everything that was submitted has been answered."""
        await self._idle.wait()

    async def _commit_group(self) -> None:
        group: list[_Waiting] = []
        room = GROUP_OPS
        while self._waiting and (not group or len(self._waiting[0].batch.ops) <= room):
            room -= len(self._waiting[0].batch.ops)
            group.append(self._waiting.popleft())
        outcomes: Sequence[Outcome | SilaError]
        try:
            # Nobody else is here to be told at once: whoever comes reads it from the store.
            outcomes = await self.store.commit(
                [waiting.batch for waiting in group], wants_text=len(self.listeners) > 1
            )
        except SilaError as error:
            outcomes = [error] * len(group)
        except Exception as error:
            # A fault of ours, such as a row that no check foresaw: its senders are told to try
            # again, and everybody else goes on.
            LOG.exception("commit failed in space %s", self.space_id)
            outcomes = [SilaError(f"commit failed: {error}", code="internal")] * len(group)
        for waiting, outcome in zip(group, outcomes, strict=True):
            self._settle(waiting, outcome)
        for listener in self.listeners:
            listener.wake()

    def _settle(self, waiting: _Waiting, outcome: Outcome | SilaError) -> None:
        batch = waiting.batch
        if isinstance(outcome, Outcome) and outcome.accepted:
            self._remember(
                Commit(
                    batch.tree_id, batch.sender, outcome.previous, outcome.position, outcome.text
                )
            )
            for op_id in outcome.conflicts:
                LOG.warning(
                    "id_conflict space=%s tree=%s counter=%d peer=%s sender=%s",
                    self.space_id, batch.tree_id, op_id.counter, op_id.peer, batch.sender,
                )  # fmt: skip
        try:
            waiting.done(outcome)
        except Exception:
            LOG.exception("an acknowledgement could not be queued in space %s", self.space_id)

    def _remember(self, commit: Commit) -> None:
        if not commit.text or len(commit.text) > 2 * CHUNK_BYTES:
            return  # It goes out in chunks, which SQL cuts.
        self._recent.append(commit)
        self._recent_bytes += len(commit.text)
        while self._recent_bytes > RECENT_BYTES_MAX and len(self._recent) > 1:
            self._recent_bytes -= len(self._recent.popleft().text)

    def commit_after(self, seq: int) -> Commit | None:
        """Returns the commit that begins right after `seq`, if it is still at hand."""
        if self._recent and self._recent[-1].previous.seq == seq:
            return self._recent[-1]
        index = bisect_right(self._recent, seq, key=lambda commit: commit.previous.seq) - 1
        if index >= 0 and self._recent[index].previous.seq == seq:
            return self._recent[index]
        return None

    def frame_of(self, commit: Commit, *, with_step: bool) -> Frame:
        """Renders a commit for those who did not make it, once for all who are about there.

        `with_step` is for those who keep a cursor.
        """
        key = commit.position.seq, with_step
        frame = self._rendered.get(key)
        if frame is None:
            step = (self.store.epoch, commit.previous, commit.position) if with_step else None
            frame = ops_event("ops:receive", commit.tree_id, commit.text, step)
            if self._rendered_bytes + frame.size > RENDERED_BYTES_MAX:
                self._rendered.clear()
                self._rendered_bytes = 0
            self._rendered[key] = frame
            self._rendered_bytes += frame.size
        return frame

    def pass_on_transient(self, sender: Listener, tree_id: str, ops: Sequence[Op]) -> None:
        """Gives live state to the others; it is neither stored nor numbered."""
        frame = ops_event("ops:receive", tree_id, encode_ops(ops).decode())
        for listener in self.listeners:
            if listener is not sender:
                listener.offer_transient(frame)

    async def without_jumps(self, tree_id: str, ops: list[Op]) -> tuple[list[Op], list[Op]]:
        """Parts transient ops into those whose counters are in reach, and those that jump."""
        reach = await self.queries.highest(tree_id) + COUNTER_JUMP_MAX
        near = [op for op in ops if op.counter <= reach]
        return near, [op for op in ops if op.counter > reach]

    def notify_all(self, name: str, payload: Any) -> None:
        """Tells everybody some news about the space."""
        frame = event(name, payload)
        for listener in self.listeners:
            listener.notify(frame)


def _ignore(_: str) -> None:
    """Hears nothing."""


def parted(ops: Sequence[Op]) -> tuple[list[Op], list[Op]]:
    """Parts ops into persistent and transient ones."""
    kept: list[Op] = []
    transient: list[Op] = []
    for op in ops:
        (transient if isinstance(op, PropertyOp) and op.transient else kept).append(op)
    return kept, transient


def rejection(error: InvalidOpError) -> dict[str, object]:
    """Renders one refused op for an acknowledgement."""
    counter, peer = error.op_id or (None, None)
    return {"counter": counter, "peerId": peer, "code": error.code, "message": error.message}
