"""Engine.IO whose packets keep their order while most of them leave in one step."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

import engineio
from engineio import packet as eio_packet
from engineio.async_drivers import asgi

from sila_daemon.server.sync.websockets import DIRECT

if TYPE_CHECKING:
    from sila_daemon.server.sync.websockets import DirectWebSocketProtocol

_EioServer: Any = engineio.AsyncServer
_AsgiWebSocket: Any = asgi.WebSocket


class _Outgoing(asyncio.Queue[Any]):
    """Packets that wait to leave; one that only ends a poll is left out when another will."""

    def __init__(self) -> None:
        super().__init__()
        self.unsent = 0
        """Packets that were put and that nobody has taken up yet."""

    async def put(self, item: Any) -> None:
        """Queues a packet."""
        if item is None or item.packet_type != eio_packet.NOOP or self.empty():
            await super().put(item)

    def put_nowait(self, item: Any) -> None:
        """Queues a packet at once."""
        super().put_nowait(item)
        self.unsent += 1

    def task_done(self) -> None:
        """Notes that a packet was taken up."""
        super().task_done()
        self.unsent -= 1


class EngineWebSocket(_AsgiWebSocket):  # type: ignore[misc]
    """The websocket of one connection; knows whether a frame may overtake what is queued."""

    def __init__(self, handler: Any, engine: Engine) -> None:
        super().__init__(handler, engine)
        self._engine = engine
        self._socket = handler.__self__
        self._direct: DirectWebSocketProtocol | None = None
        self._is_sending = False

    async def __call__(self, environ: dict[str, Any]) -> Any:
        """Serves the websocket until it ends."""
        self._direct = (environ["asgi.scope"].get("extensions") or {}).get(DIRECT)
        self._engine.websockets[self._socket.sid] = self
        try:
            return await super().__call__(environ)
        finally:
            del self._engine.websockets[self._socket.sid]

    async def send(self, message: str | bytes) -> None:
        """Sends a packet that was queued."""
        # Nothing is awaited between taking packets up and here, nor between two of them.
        self._is_sending = True
        try:
            await super().send(message)
        finally:
            self._is_sending = False

    @property
    def is_clear(self) -> bool:
        """Whether nothing that was queued must leave first."""
        return not (self._is_sending or self._socket.queue.unsent) and bool(self._socket.upgraded)

    def write_now(self, frame: bytes) -> bool:
        """Sends a frame at once, when the way is clear; False when the transport has no room."""
        return self._direct is not None and self._direct.write_frame(frame)


class Engine(_EioServer):  # type: ignore[misc]
    """Engine.IO whose queues nobody can fill by asking for nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._async: dict[str, Any] = {**asgi._async, "websocket": EngineWebSocket}
        self.websockets: dict[str, EngineWebSocket] = {}
        """The websockets that are open, by the id of their connection."""

    def create_queue(self, *_: Any, **__: Any) -> _Outgoing:
        """Makes the queue of one connection."""
        return _Outgoing()
