"""One connection to one space: takes events in, in order, and lets answers out through the outbox.

`receive` is called by whatever carries the connection and only queues: handlers of the carrier
may run concurrently, the queue keeps their order. One task takes events from it (see `handlers`).
"""

from __future__ import annotations

import asyncio
import logging
from collections import deque
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.server.limits.constants import (
    BATCH_OPS,
    CREDIT,
    FRAME_BYTES_MAX,
    INBOX_BYTES_MAX,
    INBOX_EVENTS_MAX,
    OP_BYTES_MAX,
)
from sila_daemon.server.ops.op_store import Position, cursor_json
from sila_daemon.server.spaces.frames import ConnectedDevice, Frame, Peer, event
from sila_daemon.server.sync.handlers import ClientEvent, EventHandlers
from sila_daemon.server.sync.outbox import EndedError, Outbox

if TYPE_CHECKING:
    from sila_daemon.server.accounts.grants import Grant
    from sila_daemon.server.spaces.hub import Hub
    from sila_daemon.server.sync.session_site import SessionSite

LOG = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Hello:
    """Who connects, and what they understand."""

    grant: Grant
    sender: str
    """Names the connection among all that ever were."""
    protocol: int
    """1 for clients of the original, 2 for ours."""
    address: str = ""
    device: ConnectedDevice | None = None
    """What is told of the client to the others of the space."""


class SpaceSession:
    """One connection to one space."""

    def __init__(self, hub: Hub, peer: Peer, hello: Hello, site: SessionSite) -> None:
        self.sender = hello.sender
        self.grant = hello.grant
        self.protocol = hello.protocol
        self.device = hello.device
        self._hub = hub
        self._peer = peer
        self._site = site
        self._clock = site.clock
        self._outbox = Outbox(
            hub, peer, hello.grant, site, hello.sender, keeps_cursor=hello.protocol >= 2
        )
        self._inbox: deque[ClientEvent] = deque()
        self._inbox_bytes = 0
        self._filled = asyncio.Event()
        self._roomy = asyncio.Event()
        self._roomy.set()
        self._handlers = EventHandlers(hub, self, self._outbox, site, hello.address)
        self._ended: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        self._leave: Callable[[], None] | None = None
        self._is_over = False

    def receive(self, name: str, payload: bytes | None, ack_id: int | None) -> None:
        """Queues one event; returns at once."""
        if self._is_over:
            return
        arrived = ClientEvent(name, payload, ack_id)
        self._inbox.append(arrived)
        self._inbox_bytes += arrived.cost
        self._site.budget.take(arrived.cost)
        if self._inbox_bytes > INBOX_BYTES_MAX or len(self._inbox) > INBOX_EVENTS_MAX:
            self._roomy.clear()
        self._filled.set()

    @property
    def has_room(self) -> bool:
        """Whether more may be received now."""
        return self._roomy.is_set() and self._site.budget.is_roomy

    async def room(self) -> None:
        """Returns when more may be received: the carrier stops reading until then."""
        await self._roomy.wait()
        await self._site.budget.room()

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
        self._is_over = True
        self._site.budget.give_back(self._inbox_bytes)
        self._inbox.clear()
        self._inbox_bytes = 0
        self._outbox.let_go()
        callback, self._leave = self._leave, None
        if callback is not None:
            callback()

    async def run(self) -> None:
        """Serves the connection until it ends; cancelling it leaves nothing behind."""
        self._hub.listeners[self] = None
        self._note_presence()
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
            self._hub.listeners.pop(self, None)
            self._note_presence()
            self._roomy.set()
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            self.leave()
        await self._say_goodbye(reason)

    def _note_presence(self) -> None:
        if self.device is not None:
            self._site.presence.changed(self._hub)

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
                "serverId": self._site.server_id,
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
                await self._handlers.handle(taken, self._clock.time())
                self._inbox.popleft()
                self._inbox_bytes -= taken.cost
                self._site.budget.give_back(taken.cost)
                if self._inbox_bytes <= INBOX_BYTES_MAX // 2:
                    self._roomy.set()


_CODES_OF_ENDED_RIGHTS = frozenset({"auth_expired", "revoked", "not_permitted"})


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
