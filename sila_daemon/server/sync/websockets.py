"""uvicorn's websocket, which can also take a frame in one step.

By way of ASGI every small packet is taken by a queue, a task and a state machine: three times as
much computing as sending it. The server's own frames need none of that: a text in one frame,
without a mask, leaves the state of the connection as it is.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.connection import ConnectionState

if TYPE_CHECKING:
    from wsproto.events import Request

DIRECT = "sila.websocket"
"""The ASGI extension behind which the protocol of a connection stands."""

_WHOLE_TEXT = 0x81


def text_frame(text: bytes) -> bytes:
    """Makes the frame of a whole text message, as servers send it."""
    size = len(text)
    if size < 126:
        return bytes((_WHOLE_TEXT, size)) + text
    if size < 1 << 16:
        return bytes((_WHOLE_TEXT, 126)) + size.to_bytes(2) + text
    return bytes((_WHOLE_TEXT, 127)) + size.to_bytes(8) + text


class DirectWebSocketProtocol(WSProtocol):
    """One websocket."""

    def handle_connect(self, event: Request) -> None:
        """Begins to answer the request for a websocket."""
        super().handle_connect(event)
        extensions: dict[str, Any] = {**(self.scope["extensions"] or {}), DIRECT: self}
        self.scope["extensions"] = extensions

    def write_frame(self, frame: bytes) -> bool:
        """Sends a frame at once, unless its reader is behind or the connection is not open."""
        if (
            not self.handshake_complete
            or self.close_sent
            or self.disconnected
            or not self.writable.is_set()
            or self.conn.state is not ConnectionState.OPEN
            or self.transport.is_closing()
        ):
            return False
        self.transport.write(frame)
        return True
