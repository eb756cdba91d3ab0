"""uvicorn's websocket, of which texts are taken and sent in one step.

By way of ASGI every small packet is taken by a queue, several tasks and a state machine: many
times as much computing as what is done with it. A text in one frame needs none of that, on either
way: it leaves the state of the connection as it is.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from uvicorn.protocols.websockets.wsproto_impl import WSProtocol
from wsproto.connection import ConnectionState
from wsproto.events import CloseConnection
from wsproto.frame_protocol import CloseReason

from sila_daemon.server.sync.frame_reader import FrameReader, NotTextError

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

    on_text: Callable[[bytes], bool] | None = None
    """Is offered every text; what it does not take goes the way of ASGI."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._reader: FrameReader | None = FrameReader(self.config.ws_max_size)
        self._is_asked = False

    def handle_connect(self, event: Request) -> None:
        """Begins to answer the request for a websocket."""
        super().handle_connect(event)
        extensions: dict[str, Any] = {**(self.scope["extensions"] or {}), DIRECT: self}
        self.scope["extensions"] = extensions

    def data_received(self, data: bytes) -> None:
        """Takes what has come."""
        if self._reader is None or not self.handshake_complete:
            if self._is_asked:
                # Frames before the answer: where they end is known to the library alone.
                self._reader = None
            self._is_asked = True
            super().data_received(data)
            return
        try:
            for part, is_text in self._reader.feed(data):
                if not is_text:
                    super().data_received(part)
                elif self._is_open:
                    self._take(part)
        except NotTextError:
            self._refuse_text()

    @property
    def _is_open(self) -> bool:
        return not self.close_sent and self.conn.state is ConnectionState.OPEN

    def _refuse_text(self) -> None:
        """Closes as the library does for a text that is none."""
        self._reader = None
        if self._is_open and not self.transport.is_closing():
            code = CloseReason.INVALID_FRAME_PAYLOAD_DATA
            self.transport.write(self.conn.send(CloseConnection(code=code)))
        self.transport.close()

    def _take(self, text: bytes) -> None:
        """Hands a text over: at once, unless others wait that came before it."""
        if self.queue.empty() and self.on_text is not None and self.on_text(text):
            return
        self.queue.put_nowait({"type": "websocket.receive", "text": text.decode()})
        if not self.read_paused:
            self.read_paused = True
            self.transport.pause_reading()

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
