"""Engine.IO whose packets keep their order while most of them leave in one step."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
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
        self._is_listening = False
        """Whether all that came has been handled."""

    async def __call__(self, environ: dict[str, Any]) -> Any:
        """Serves the websocket until it ends."""
        self._direct = (environ["asgi.scope"].get("extensions") or {}).get(DIRECT)
        self._engine.websockets[self._socket.sid] = self
        if self._direct is not None:
            self._direct.on_text = self._take
        try:
            return await super().__call__(environ)
        finally:
            if self._direct is not None:
                self._direct.on_text = None
            del self._engine.websockets[self._socket.sid]

    async def wait(self) -> Any:
        """Returns the next packet that was not taken at once."""
        self._is_listening = True
        try:
            return await super().wait()
        finally:
            self._is_listening = False

    def _take(self, text: bytes) -> bool:
        """Handles a packet at once, if nothing that came before it is being handled."""
        socket = self._socket
        if not (self._is_listening and socket.upgraded) or socket.closed or socket.closing:
            return False
        return self._engine.on_text(socket.sid, text)

    async def send(self, message: str | bytes) -> None:
        """Sends a packet that was queued."""
        # Nothing is awaited between taking packets up and here, nor between two of them.
        self._is_sending = True
        try:
            await super().send(message)
        finally:
            self._is_sending = False

    def send_now(self, frame: bytes) -> bool:
        """Sends a frame at once if nothing that was queued must leave first and there is room.

        Raises ConnectionError when the connection is closed.
        """
        socket = self._socket
        if socket.closed or socket.closing:
            raise ConnectionError("the connection is closed")
        if self._is_sending or socket.queue.unsent or not socket.upgraded:
            return False
        return self._direct is not None and self._direct.write_frame(frame)


class Engine(_EioServer):  # type: ignore[misc]
    """Engine.IO whose queues nobody can fill by asking for nothing."""

    def __init__(self, **options: Any) -> None:
        super().__init__(**options)
        self._async: dict[str, Any] = {**asgi._async, "websocket": EngineWebSocket}
        self.websockets: dict[str, EngineWebSocket] = {}
        """The websockets that are open, by the id of their connection."""
        self.on_text: Callable[[str, bytes], bool] = lambda *_: False
        """Is offered the packets of websockets, each with the id of its connection; what it does
        not take goes Engine.IO's way, with several tasks for each."""

    def create_queue(self, *_: Any, **__: Any) -> _Outgoing:
        """Makes the queue of one connection."""
        return _Outgoing()
