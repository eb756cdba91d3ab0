"""What one connection is owed: commits from its position on, answers, acknowledgements, news.

It knows how far the connection has been told (`position`) and takes the next commit from the hub,
or from SQL when the hub let go of it. An acknowledgement waits until everything before its commit
has been sent, so that prev and cursor of all that leaves are contiguous, and memory does not grow
with the distance between reader and head.

What a commit brings is sent at once, by whoever tells of it, as long as the reader keeps up. For
everything that takes waiting there is one task.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError
from sila_daemon.server.json_text import dumps
from sila_daemon.server.limits.constants import (
    DRAIN_SECONDS_MAX,
    NEWS_MAX,
    OUTBOX_BYTES_MAX,
    TRANSIENT_BYTES_MAX,
)
from sila_daemon.server.ops.op_store import Position, cursor_json
from sila_daemon.server.spaces.frames import Frame, Peer, event, ops_event

if TYPE_CHECKING:
    from sila_daemon.server.accounts.grants import Grant
    from sila_daemon.server.ops.op_queries import Step
    from sila_daemon.server.spaces.hub import Hub
    from sila_daemon.server.sync.session_site import SessionSite

Answer = AsyncIterator[Frame]
"""Frames that are made one by one, each only when the one before it has left."""


class EndedError(Exception):
    """The connection has no right to hear more, or its reader is gone."""


@dataclass(slots=True)
class _Told:
    """An acknowledgement and the position before which it must not leave."""

    frame: Frame
    position: Position
    is_own: bool
    """Whether `position` is the end of a commit of this connection."""


class Outbox:
    """The outgoing half of one connection."""

    def __init__(
        self, hub: Hub, peer: Peer, grant: Grant, site: SessionSite, sender: str, keeps_cursor: bool
    ) -> None:
        self.position = hub.head
        self._hub = hub
        self._peer = peer
        self._grant = grant
        self._clock = site.clock
        self._budget = site.budget
        self._sender = sender
        self._keeps_cursor = keeps_cursor
        self._news: deque[Frame] = deque()
        self._transient: deque[Frame] = deque()
        self._transient_bytes = 0
        self._told: deque[_Told] = deque()
        self._answers: deque[tuple[Answer, int]] = deque()
        self._backlog_bytes = 0
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._asked_tree_ids: list[str] | None = None
        """While a `since` is answered: the trees sent so far."""
        self._rewind: Position | None = None
        self._is_deaf = False
        self._is_over = False
        self._filled = asyncio.Event()
        self._is_resting = False
        """Whether the task waits until it is woken, so that others may send in its place."""

    async def room(self) -> None:
        """Returns when more acknowledgements and answers may be added."""
        await self._roomy.wait()

    def let_go(self) -> None:
        """Forgets what waits; nothing is added any more."""
        self._is_over = True
        self._told.clear()
        self._answers.clear()
        self._budget.give_back(self._backlog_bytes)
        self._backlog_bytes = 0

    def _grow(self, size: int) -> None:
        if self._is_over:
            return
        self._backlog_bytes += size
        self._budget.take(size)
        if self._backlog_bytes > OUTBOX_BYTES_MAX:
            self._roomy.clear()
        else:
            self._roomy.set()

    def wake(self) -> None:
        """Sends what was committed, or has the task look for it."""
        if not (self._is_resting and self._is_told_at_once()):
            self._filled.set()

    def _is_told_at_once(self) -> bool:
        """Sends acknowledgements and commits; False when some of it is left to the task."""
        if self._news or self._transient or self._rewind is not None:
            return False
        try:
            while True:
                if self._told and self._told[0].position.seq <= self.position.seq:
                    if not self._is_sent_now(self._told[0].frame):
                        return False
                    self._grow(-self._told.popleft().frame.size)
                elif self.position.seq >= self._hub.head.seq:
                    return True
                else:
                    commit = self._hub.commit_after(self.position.seq)
                    if commit is None:
                        return False
                    if commit.sender != self._sender:
                        frame = self._hub.frame_of(commit, with_step=self._keeps_cursor)
                        if not self._is_sent_now(frame):
                            return False
                    self.position = commit.position
        except (EndedError, ConnectionError):
            return False  # The task comes upon the same, and ends of it.

    def add_news(self, frame: Frame) -> None:
        """Queues a small frame that goes before everything else."""
        if len(self._news) < NEWS_MAX:
            self._news.append(frame)
        else:
            self._is_deaf = True
        self._filled.set()

    def add_transient(self, frame: Frame) -> None:
        """Queues live state, or drops it when too much waits."""
        if self._transient_bytes + frame.size <= TRANSIENT_BYTES_MAX:
            self._transient.append(frame)
            self._transient_bytes += frame.size
            self._filled.set()

    def add_acknowledgement(self, frame: Frame, position: Position, *, is_own: bool) -> None:
        """Queues an acknowledgement that leaves when `position` is reached."""
        if self._is_over:
            return
        self._told.append(_Told(frame, position, is_own))
        self._grow(frame.size)
        self._filled.set()

    def add_answer(self, answer: Answer, size: int) -> None:
        """Queues the answer to a question that takes `size` bytes or so until it is answered."""
        if self._is_over:
            return
        self._answers.append((answer, size))
        self._grow(size)
        self._filled.set()

    def go_back_to(self, position: Position) -> None:
        """Tells everything after `position` as `ops:sync`, then `ops:sync:done`, then goes on."""
        # Applied between two sends: the task may be in the midst of moving the position.
        self._rewind = position
        self._filled.set()

    async def run(self) -> None:
        """Sends until cancelled. Raises EndedError, ConnectionError."""
        while True:
            self._filled.clear()
            if self._rewind is not None:
                self.position, self._rewind = self._rewind, None
                self._asked_tree_ids = []
            moved = await self._send_small()
            moved = await self._step() or moved
            moved = await self._send_part_of_answer() or moved
            if not moved:
                self._is_resting = True
                try:
                    await self._filled.wait()
                finally:
                    self._is_resting = False

    def _is_sent_now(self, frame: Frame) -> bool:
        """Sends a frame if that takes no waiting. Raises EndedError, ConnectionError."""
        problem = self._grant.problem(self._clock.time())
        if problem is not None:
            raise EndedError(problem)
        if self._is_deaf:
            raise EndedError("slow_consumer")
        return self._peer.send_now(frame)

    async def _send(self, frame: Frame) -> None:
        if self._is_sent_now(frame):
            return
        try:
            async with asyncio.timeout(DRAIN_SECONDS_MAX):
                await self._peer.send(frame)
        except TimeoutError:
            raise EndedError("slow_consumer") from None

    async def _send_small(self) -> bool:
        moved = False
        while self._news:
            await self._send(self._news.popleft())
            moved = True
        while self._transient:
            frame = self._transient.popleft()
            self._transient_bytes -= frame.size
            await self._send(frame)
            moved = True
        return moved

    async def _step(self) -> bool:
        """Sends the next acknowledgement or the next commits; False when there are none."""
        if self._told and self._told[0].position.seq <= self.position.seq:
            frame = self._told.popleft().frame
            await self._send(frame)
            self._grow(-frame.size)
            return True
        head = self._hub.head
        if self.position.seq >= head.seq:
            return await self._finish_since(head)
        if self._asked_tree_ids is None:
            commit = self._hub.commit_after(self.position.seq)
            if commit is not None:
                if commit.sender != self._sender:
                    await self._send(self._hub.frame_of(commit, with_step=self._keeps_cursor))
                self.position = commit.position
                return True
        is_asked = self._asked_tree_ids is not None
        for step in await self._hub.queries.steps_after(
            self.position.seq, head.seq, self._sender, wants_own=is_asked
        ):
            if not await self._tell(step):
                break
        return True

    async def _tell(self, step: Step) -> bool:
        """Sends stored ops; False when acknowledgements must come before the next ones."""
        if (
            step.is_own
            and self._told
            and self._told[0].is_own
            and step.position.tag == self._told[0].position.tag
        ):
            # The acknowledgement is the step over one's own commit.
            self.position = step.position
            return step.position.seq < self._told[0].position.seq
        if self._asked_tree_ids is None:
            if not step.is_own:
                await self._send_ops("ops:receive", step)
        else:
            if step.tree_id not in self._asked_tree_ids:
                self._asked_tree_ids.append(step.tree_id)
            await self._send_ops("ops:sync", step)
        self.position = step.position
        return not (self._told and self._told[0].position.seq <= self.position.seq)

    async def _send_ops(self, name: str, step: Step) -> None:
        places = self._hub.store.epoch, self.position, step.position
        await self._send(
            ops_event(name, step.tree_id, step.text, places if self._keeps_cursor else None)
        )

    async def _finish_since(self, head: Position) -> bool:
        if self._asked_tree_ids is None:
            return False
        tree_ids, self._asked_tree_ids = self._asked_tree_ids, None
        cursor = cursor_json(self._hub.store.epoch, head)
        await self._send(event("ops:sync:done", {"treeIds": tree_ids, "cursor": cursor}))
        return True

    async def _send_part_of_answer(self) -> bool:
        if not self._answers:
            return False
        try:
            frame = await anext(self._answers[0][0], None)
        except SilaError as error:
            frame = Frame(f'["error",{dumps({"code": error.code, "message": error.message})}]')
        if frame is None:
            self._grow(-self._answers.popleft()[1])
        else:
            await self._send(frame)
        return True
