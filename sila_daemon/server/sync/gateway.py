"""Socket.IO: the carrier of sessions. Knows packets and connections, nothing about ops.

python-socketio starts a task for every event and answers when a handler returns. Neither keeps
order, so this subclass hands each event to its session at once, and sessions acknowledge through
their own queue. A client that cannot be read from fast enough makes `queue.join` wait: that is
the only back-pressure the library has.
"""

from __future__ import annotations

import asyncio
import logging
import re
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import socketio
from engineio.payload import Payload
from socketio import packet

from sila_daemon.core.errors import SilaError
from sila_daemon.server.limits.constants import FRAME_BYTES_MAX, NAMESPACES_PER_SOCKET_MAX
from sila_daemon.server.sync.engine import Engine
from sila_daemon.server.sync.gate import Admit, Knock, RefusedError
from sila_daemon.server.sync.handlers import EVENT_RULES
from sila_daemon.server.sync.packets import (
    UNREAD,
    SafeJson,
    SpacePacket,
    read_event,
    read_leniently,
)
from sila_daemon.server.sync.websockets import text_frame

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.workers import Workers
    from sila_daemon.server.spaces.frames import Frame
    from sila_daemon.server.sync.engine import EngineWebSocket
    from sila_daemon.server.sync.session import SpaceSession

LOG = logging.getLogger(__name__)

PING_SECONDS = 10
FRAME_MARGIN_BYTES = 1 << 20
"""A frame that is too large by no more than this is answered before the connection closes."""

AllowsOrigin = Callable[[str | None, dict[str, Any]], bool]
"""Tells whether a request with this Origin header, in this WSGI environment, is answered."""

_MESSAGE = "4"
"""Engine.IO's type of a packet that carries one of Socket.IO's."""

_EVENT = b"42/"
"""How an event in a namespace begins."""

_NAMESPACE = re.compile(r"/spaces/([A-Za-z0-9_-]{3,128})\Z")
_UNFLUSHED_BYTES_MAX = 64 << 10
_QUEUED_PACKETS_MAX = 2000
"""Packets that wait to leave, beyond which no more questions to join are answered."""

_LONELY_SECONDS_MAX = 30.0
"""How long a connection may stay that has joined no space."""


class SocketPeer:
    """One namespace of one Engine.IO connection."""

    def __init__(self, server: GatewayServer, eio_sid: str, namespace: str) -> None:
        self._server = server
        self._eio_sid = eio_sid
        self.namespace = namespace
        self._unflushed = 0

    async def send(self, frame: Frame) -> None:
        """Queues a frame once the ones before it were taken by the transport."""
        socket = self._open_socket()
        if self._unflushed > _UNFLUSHED_BYTES_MAX:
            await socket.queue.join()
            self._unflushed = 0
        self._unflushed += frame.size
        await self._server._send_packet(self._eio_sid, self._packet(frame))

    def send_now(self, frame: Frame) -> bool:
        """Sends a frame when nothing is queued and the transport has room."""
        websocket: EngineWebSocket | None = self._server.eio.websockets.get(self._eio_sid)
        if websocket is None:
            self._open_socket()
            return False
        carried = frame.carried
        if carried is None or carried[0] != self.namespace:
            # Made once for all neighbours in one space.
            text = f"{_MESSAGE}{self._packet(frame).encode()}"
            frame.carried = carried = self.namespace, text_frame(text.encode())
        return websocket.send_now(carried[1])

    def _packet(self, frame: Frame) -> SpacePacket:
        kind = packet.EVENT if frame.ack_id is None else packet.ACK
        return SpacePacket(kind, frame.text, self.namespace, frame.ack_id)

    def _open_socket(self) -> Any:
        socket = self._server.eio.sockets.get(self._eio_sid)
        if socket is None or socket.closed or socket.closing:
            raise ConnectionError("the connection is closed")
        return socket

    async def close(self, reason: str) -> None:
        """Leaves the namespace; drops the whole connection of one that does not read."""
        sid = self._server.manager.sid_from_eio_sid(self._eio_sid, self.namespace)
        if sid is not None:
            await self._server.disconnect(sid, namespace=self.namespace)
        socket = self._server.eio.sockets.get(self._eio_sid)
        if reason == "slow_consumer" and socket is not None:
            await socket.close(wait=False, abort=True)


_AsyncServer: Any = socketio.AsyncServer


class GatewayServer(_AsyncServer):  # type: ignore[misc]
    """python-socketio with events that keep their order."""

    def __init__(
        self, admit: Admit, clock: Clock, workers: Workers, allows_origin: AllowsOrigin
    ) -> None:
        # The library takes at most 16 packets in one POST of a polling client and drops more
        # without a word; the original's client sends whatever has gathered.
        Payload.max_decode_packets = 65_536
        super().__init__(
            async_mode="asgi",
            namespaces="*",
            serializer=SpacePacket,
            json=SafeJson,
            cors_allowed_origins=allows_origin,
            max_http_buffer_size=FRAME_BYTES_MAX + FRAME_MARGIN_BYTES,
            ping_interval=PING_SECONDS,
            ping_timeout=PING_SECONDS,
            http_compression=False,
        )
        self._admit = admit
        self._clock = clock
        self._workers = workers
        self._sessions: dict[tuple[str, str], SpaceSession] = {}
        self._running: dict[tuple[str, str], asyncio.Task[None]] = {}
        self._connected_at: dict[str, float] = {}
        self._closing: asyncio.Future[Any] | None = None
        self.on_event: Callable[[str], None] = lambda _: None
        """Is told the name of every event of a client."""
        self.eio.on_text = self._take
        self.on("connect", self._on_connect, namespace="*")
        self.on("disconnect", self._on_disconnect, namespace="*")

    def _engineio_server_class(self) -> type[Engine]:
        return Engine

    async def _on_connect(
        self, namespace: str, sid: str, environ: dict[str, Any], auth: object = None
    ) -> None:
        refuse: Any = socketio.exceptions.ConnectionRefusedError
        match = _NAMESPACE.match(namespace)
        if match is None:
            raise refuse("Invalid namespace")
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace)
        client = (environ.get("asgi.scope") or {}).get("client") or ("", 0)
        knock = Knock(match[1], auth, str(client[0]))
        try:
            session = await self._admit(knock, SocketPeer(self, eio_sid, namespace))
        except RefusedError as error:
            raise refuse(str(error)) from None
        except SilaError as error:
            LOG.warning("space %s cannot be joined: %s", match[1], error.message)
            raise refuse("unavailable") from None
        except Exception:
            LOG.exception("space %s cannot be joined", match[1])
            raise refuse("unavailable") from None
        self._sessions[eio_sid, namespace] = session

    async def _on_disconnect(self, namespace: str, sid: str, reason: object = None) -> None:
        eio_sid = self.manager.eio_sid_from_sid(sid, namespace)
        session = self._sessions.pop((eio_sid, namespace), None)
        if session is not None:
            session.end("gone")
            if (eio_sid, namespace) not in self._running:
                session.leave()

    async def _handle_eio_connect(self, eio_sid: str, environ: dict[str, Any]) -> None:
        self._connected_at[eio_sid] = self._clock.monotonic()
        await super()._handle_eio_connect(eio_sid, environ)

    async def _handle_eio_disconnect(self, eio_sid: str, reason: object) -> None:
        self._connected_at.pop(eio_sid, None)
        await super()._handle_eio_disconnect(eio_sid, reason)

    async def _handle_connect(self, eio_sid: str, namespace: str | None, data: object) -> None:
        namespace = namespace or "/"
        joined = sum(1 for joined_sid, _ in self._sessions if joined_sid == eio_sid)
        if (eio_sid, namespace) in self._sessions or joined >= NAMESPACES_PER_SOCKET_MAX:
            return
        socket = self.eio.sockets.get(eio_sid)
        if socket is None or socket.closed or socket.closing:
            return  # The library would remember who asks behind the end, for ever.
        if socket.queue.qsize() > _QUEUED_PACKETS_MAX:
            return  # Who asks so often without reading the answers gets no more of them.
        await super()._handle_connect(eio_sid, namespace, data)
        session = self._sessions.get((eio_sid, namespace))
        if session is not None:
            # Only now: the client drops events that come before its CONNECT was answered.
            task = asyncio.create_task(self._serve(session, eio_sid, namespace))
            self._running[eio_sid, namespace] = task

    async def _serve(self, session: SpaceSession, eio_sid: str, namespace: str) -> None:
        try:
            await session.run()
        except Exception:
            LOG.exception("a session failed")
        finally:
            if self._sessions.get((eio_sid, namespace)) is session:
                del self._sessions[eio_sid, namespace]
            self._running.pop((eio_sid, namespace), None)

    async def _handle_event(
        self, eio_sid: str, namespace: str | None, id: int | None, data: list[Any]
    ) -> None:
        session = self._sessions.get((eio_sid, namespace or "/"))
        if session is None:
            return
        name, payload = data
        if name == UNREAD:
            body = payload
            name, payload = await self._workers.run(lambda: read_leniently(body))
        self._hand_over(session, name, payload, id)
        await session.room()

    def _take(self, eio_sid: str, text: bytes) -> bool:
        """Hands an event to its session at once, if there is one that has room."""
        if not text.startswith(_EVENT):
            return False
        event = read_event(text, len(_MESSAGE))
        session = None if event is None else self._sessions.get((eio_sid, event.namespace))
        if event is None or session is None or not session.has_room:
            return False
        self._hand_over(session, event.name, event.payload, event.number)
        return True

    def _hand_over(
        self, session: SpaceSession, name: str, payload: bytes | None, number: int | None
    ) -> None:
        self.on_event(name if name in EVENT_RULES else "other")
        session.receive(name, payload, number)

    async def run(self) -> None:
        """Ends connections whose right has run out, or that join nothing, until cancelled."""
        while True:
            await self._clock.sleep(0.5)
            now = self._clock.time()
            for session in list(self._sessions.values()):
                problem = session.grant.problem(now)
                if problem is not None:
                    session.end(problem)
            await self._end_lonely()

    async def _end_lonely(self) -> None:
        joined = {eio_sid for eio_sid, _ in self._sessions}
        latest = self._clock.monotonic() - _LONELY_SECONDS_MAX
        for eio_sid, since in list(self._connected_at.items()):
            socket = self.eio.sockets.get(eio_sid)
            if since < latest and eio_sid not in joined and socket is not None:
                await socket.close(wait=False)

    def begin_stop(self) -> None:
        """Closes every connection in a way that makes clients come back later."""

        sockets = list(self.eio.sockets.values())
        self._closing = asyncio.gather(
            *(socket.close(wait=False) for socket in sockets), return_exceptions=True
        )

    async def stop(self) -> None:
        """Ends every session; call it once no more connections are taken."""
        self.begin_stop()
        assert self._closing is not None
        await self._closing
        for task in list(self._running.values()):
            task.cancel()
        await asyncio.gather(*self._running.values(), return_exceptions=True)
        await self.shutdown()
