"""One connection: the mirror's end, the server's end, and the wire between them.

A wire keeps the order of what it carries, as TCP does, and loses everything from some point on
when it is cut. A silent one carries nothing more, and both ends learn of it only by their pings.
"""

from __future__ import annotations

import asyncio
import itertools
from collections import deque
from contextvars import Context
from random import Random
from typing import TYPE_CHECKING

import msgspec

from sila_daemon.core import wire_json
from sila_daemon.core.errors import RemoteUnavailableError
from sila_daemon.mirror.connector import Answer, Event, Incoming

if TYPE_CHECKING:
    from collections.abc import Callable

    from sila_daemon.server.spaces.frames import Frame
    from sila_daemon.server.sync.session import SpaceSession
    from tests.simulation.trace import Trace

PING_TIMEOUT_S = 20.0
BUFFERED_FRAMES_MAX = 64

_split = msgspec.json.Decoder(list[msgspec.Raw]).decode
_name_of = msgspec.json.Decoder(str).decode


def _parts(text: str) -> list[msgspec.Raw]:
    """Cuts a frame into its arguments, as the connector does."""
    try:
        return _split(text)
    except msgspec.DecodeError:  # A lone surrogate: the slow way.
        first, *others = wire_json.loads(text)
        name = msgspec.Raw(msgspec.json.encode(first)) if isinstance(first, str) else first
        return [name, *others]


Sent = tuple[str, bytes, int | None]
"""Name, payload and number of an event of a client."""


class Wire:
    """Carries frames both ways."""

    def __init__(
        self, name: str, server_url: str, random: Random, trace: Trace, delay_s: float
    ) -> None:
        self.name = name
        self.server_url = server_url
        self.is_open = True
        self.is_silent = False
        self.is_served = False
        self.loses_next_answer = False
        self.is_read = True
        self.frames_in_flight_max = BUFFERED_FRAMES_MAX
        self.largest_event = 0
        """Bytes of the largest event that was handed to the server."""
        self.blocked_since: float | None = None
        """Since when the server waits for room."""
        self.ended_at: float | None = None
        self.at_the_door: Callable[[Wire, Sent], bool] | None = None
        """Meets what arrives at the server, and tells whether the server is not to see it."""
        self.on_frame: Callable[[Frame], None] | None = None
        """Watches what the server lets out."""
        self.farewell = ""
        """Why the server ended the connection."""
        self.up: deque[Sent | None] = deque()
        self.down: deque[Frame | None] = deque()
        self._put_up_at: deque[float] = deque()
        self._put_down_at: deque[float] = deque()
        self.inbox: deque[Incoming] = deque()
        self.moved = asyncio.Event()
        """Something was put on the wire, or arrived."""
        self.roomy = asyncio.Condition()
        self.arrived = asyncio.Event()
        self._session: SpaceSession | None = None
        self._random = random
        self._trace = trace
        self._delay_s = delay_s
        self._tasks: list[asyncio.Task[None]] = []
        self._filled = {"up": asyncio.Event(), "down": asyncio.Event()}

    def carry(self, session: SpaceSession) -> None:
        """Begins to carry."""
        self._session = session
        self.is_served = True
        loop = asyncio.get_running_loop()
        self._tasks = [
            loop.create_task(self._carry_up(session), context=Context()),
            loop.create_task(self._carry_down(), context=Context()),
        ]
        for task in self._tasks:
            task.add_done_callback(_complain)

    @property
    def session(self) -> SpaceSession | None:
        """The server's end of it, once there is one."""
        return self._session

    def stop_reading(self, frames_in_flight_max: int) -> None:
        """Leaves what comes down where it is; so much of it is taken before the server waits."""
        self.is_read = False
        self.frames_in_flight_max = frames_in_flight_max

    def put_up(self, sent: Sent | None) -> None:
        """Takes an event of the client; None is its farewell."""
        self.up.append(sent)
        self._put_up_at.append(self._trace.now())
        self._filled["up"].set()

    def put_down(self, frame: Frame | None) -> None:
        """Takes a frame of the server; None is its farewell."""
        if frame is not None and self.on_frame is not None:
            self.on_frame(frame)
        self.down.append(frame)
        self._put_down_at.append(self._trace.now())
        self._filled["down"].set()

    def cut(self, *, server_learns: bool = True) -> None:
        """Ends the connection; what is on its way is lost."""
        if not self.is_open:
            return
        self.is_open = False
        self.ended_at = self._trace.now()
        for task in self._tasks:
            task.cancel()
        for waiting in (self.up, self.down, self._put_up_at, self._put_down_at):
            waiting.clear()
        self.arrived.set()
        session = self._session
        if session is not None:
            if server_learns:
                self._gone(session)
            else:
                asyncio.get_running_loop().call_later(PING_TIMEOUT_S, self._gone, session)
        asyncio.get_running_loop().create_task(self._wake_senders(), context=Context())

    def fall_silent(self) -> None:
        """Carries nothing more; both ends find out after a while."""
        self.is_silent = True
        asyncio.get_running_loop().call_later(PING_TIMEOUT_S, self.cut)

    def _gone(self, session: SpaceSession) -> None:
        session.end("gone")
        if not self.is_served:
            session.leave()

    async def _wake_senders(self) -> None:
        async with self.roomy:
            self.roomy.notify_all()

    async def _hop(self, since: float) -> None:
        """Takes as long as a message that was sent at `since`: many are on the way at once."""
        takes_s = self._delay_s * (0.5 + self._random.random())
        await asyncio.sleep(max(0.0, since + takes_s - self._trace.now()))
        while self.is_silent:
            await asyncio.Event().wait()

    @property
    def is_full(self) -> bool:
        """Whether the server must wait before it puts another frame on the wire."""
        return len(self.down) >= self.frames_in_flight_max

    async def has_room(self) -> None:
        """Returns when the server may put another frame on the wire, or the wire has ended."""
        if self.is_full:
            self.blocked_since = self._trace.now()
        async with self.roomy:
            await self.roomy.wait_for(lambda: not self.is_full or not self.is_open)
        if self.is_open:
            self.blocked_since = None

    async def _carry_up(self, session: SpaceSession) -> None:
        while True:
            while not self.up:
                self._filled["up"].clear()
                await self._filled["up"].wait()
            await self._hop(self._put_up_at.popleft())
            sent = self.up.popleft()
            if sent is None:
                self.cut()
                return
            name, payload, number = sent
            self._trace.note(self.name, f"> {name} {len(payload)} bytes")
            self.largest_event = max(self.largest_event, len(payload))
            if self.at_the_door is not None and self.at_the_door(self, sent):
                continue
            session.receive(name, payload, number)
            await session.room()

    async def _carry_down(self) -> None:
        while True:
            while not self.down:
                self._filled["down"].clear()
                await self._filled["down"].wait()
            await self._hop(self._put_down_at.popleft())
            while not self.is_read:
                await asyncio.Event().wait()
            frame = self.down.popleft()
            async with self.roomy:
                self.roomy.notify_all()
            if frame is None:
                self.cut()
                return
            if frame.ack_id is not None and self.loses_next_answer:
                self._trace.fault(self.name, "lost answer")
                self.cut()
                return
            self._arrive(frame)

    def _arrive(self, frame: Frame) -> None:
        parts = _parts(frame.text)
        arrived: Incoming
        if frame.ack_id is not None:
            arrived = Answer(frame.ack_id, bytes(parts[0]))
            self._trace.note(self.name, f"< answer {len(arrived.payload)} bytes")
        else:
            payload = bytes(parts[1]) if len(parts) > 1 else b"null"
            arrived = Event(_name_of(parts[0]), payload)
            self._trace.note(self.name, f"< {arrived.name} {len(payload)} bytes")
        self.inbox.append(arrived)
        self.arrived.set()


def _complain(task: asyncio.Task[None]) -> None:
    """Tells of a failure at once: nobody waits for these tasks."""
    if not task.cancelled() and (error := task.exception()) is not None:
        context = {"message": "a wire broke", "exception": error}
        asyncio.get_running_loop().call_exception_handler(context)


class ClientEnd:
    """The mirror's port Connection."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire
        self._numbers = itertools.count(1)

    async def send(self, name: str, payload: bytes) -> None:
        """Puts an event on the wire."""
        await self._put(name, payload, None)

    async def ask(self, name: str, payload: bytes) -> int:
        """Puts an event on the wire that will be answered."""
        number = next(self._numbers)
        await self._put(name, payload, number)
        return number

    async def _put(self, name: str, payload: bytes, number: int | None) -> None:
        if not self._wire.is_open:
            raise RemoteUnavailableError("the connection ended")
        await asyncio.sleep(0)
        if self._wire.is_open:
            self._wire.put_up((name, payload, number))

    async def receive(self) -> Incoming:
        """Returns what arrived."""
        wire = self._wire
        while not wire.inbox:
            if not wire.is_open:
                raise RemoteUnavailableError("the connection ended")
            wire.arrived.clear()
            await wire.arrived.wait()
        return wire.inbox.popleft()

    async def close(self) -> None:
        """Says farewell; what was sent before still arrives."""
        if self._wire.is_open:
            self._wire.put_up(None)


class ServerEnd:
    """The server's port Peer."""

    def __init__(self, wire: Wire) -> None:
        self._wire = wire

    async def send(self, frame: Frame) -> None:
        """Puts a frame on the wire when there is room."""
        wire = self._wire
        await wire.has_room()
        if not wire.is_open:
            raise ConnectionError("the connection ended")
        wire.put_down(frame)

    def send_now(self, frame: Frame) -> bool:
        """Puts a frame on the wire if there is room."""
        wire = self._wire
        if not wire.is_open:
            raise ConnectionError("the connection ended")
        if wire.is_full:
            return False
        wire.put_down(frame)
        return True

    async def close(self, reason: str) -> None:
        """Says farewell; what was sent before still arrives."""
        if self._wire.is_open:
            self._wire.farewell = reason
            if reason == "slow_consumer":
                self._wire.cut()  # As the gateway does: nothing that waits will ever be read.
            else:
                self._wire.put_down(None)
