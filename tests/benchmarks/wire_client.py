"""A Socket.IO client that costs next to nothing, so that what is measured is the server."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import cast

_REQUEST = (
    b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: bench\r\n"
    b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
    b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
)

_TEXT, _PING, _PONG = 0x81, 0x89, 0x8A

OnText = Callable[[bytes], None]


def framed(content: bytes, first: int = _TEXT) -> bytes:
    """Makes a websocket frame of a client; its mask is zero, which leaves the content as it is."""
    size = len(content)
    if size < 126:
        head = bytes([0x80 | size])
    else:
        head = b"\xfe" + size.to_bytes(2) if size < 1 << 16 else b"\xff" + size.to_bytes(8)
    return bytes([first]) + head + bytes(4) + content


class WireClient(asyncio.Protocol):
    """One connection to one space."""

    def __init__(self, space_id: str, token: str, on_text: OnText, protocol: int = 2) -> None:
        self.namespace = f"/spaces/{space_id},".encode()
        self.ready = asyncio.Event()
        self.gone = asyncio.Event()
        self._auth = f'{{"token":"{token}","protocol":{protocol}}}'.encode()
        self._on_text = on_text
        self._buffer = bytearray()
        self._is_upgraded = False
        self._transport: asyncio.Transport | None = None
        self._roomy = asyncio.Event()
        self._roomy.set()

    @classmethod
    async def connect(
        cls, url: str, space_id: str, token: str, on_text: OnText, protocol: int = 2
    ) -> WireClient:
        """Connects and returns once the server said `ready`; `on_text` hears what comes after."""
        host, _, port = url.removeprefix("http://").rpartition(":")
        loop = asyncio.get_running_loop()
        client = cls(space_id, token, on_text, protocol)
        await loop.create_connection(lambda: client, host, int(port))
        async with asyncio.timeout(30):
            await client.ready.wait()
        return client

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Asks for a websocket."""
        # uvloop's transports are none of asyncio's by their class.
        self._transport = cast("asyncio.Transport", transport)
        self._transport.write(_REQUEST)

    def connection_lost(self, error: Exception | None) -> None:
        """Notes the end."""
        self.gone.set()

    def pause_writing(self) -> None:
        """Keeps `send` waiting."""
        self._roomy.clear()

    def resume_writing(self) -> None:
        """Lets `send` go on."""
        self._roomy.set()

    async def send(self, name: str, payload: bytes, ack_id: int | None = None) -> None:
        """Sends an event when there is room."""
        await self._roomy.wait()
        if self.gone.is_set():
            raise ConnectionError("the server hung up")
        number = b"" if ack_id is None else b"%d" % ack_id
        self._write(b'42%b%b["%b",%b]' % (self.namespace, number, name.encode(), payload))

    def stop_reading(self) -> None:
        """Takes nothing more from the connection, and keeps it."""
        assert self._transport is not None
        self._transport.pause_reading()

    def read_on(self) -> None:
        """Takes what has come meanwhile, and what comes."""
        assert self._transport is not None
        self._transport.resume_reading()

    def send_text(self, text: bytes) -> None:
        """Sends any text, as a client does that keeps to nothing."""
        self._write(text)

    def close(self) -> None:
        """Hangs up."""
        if self._transport is not None:
            self._transport.close()

    def _write(self, content: bytes, first: int = _TEXT) -> None:
        assert self._transport is not None
        self._transport.write(framed(content, first))

    def data_received(self, data: bytes) -> None:
        """Takes frames apart."""
        buffer = self._buffer
        buffer += data
        if not self._is_upgraded:
            end = buffer.find(b"\r\n\r\n")
            if end < 0:
                return
            del buffer[: end + 4]
            self._is_upgraded = True
        start = 0
        while (span := self._frame_at(start)) is not None:
            first, (begin, start) = buffer[start], span
            content = bytes(buffer[begin:start])
            if first == _PING:
                self._write(content, _PONG)
            else:
                self._take(content)
        del buffer[:start]

    def _frame_at(self, start: int) -> tuple[int, int] | None:
        """Returns where the payload of the frame at `start` begins and ends, if it is whole."""
        buffer = self._buffer
        if len(buffer) < start + 2:
            return None
        size, begin = buffer[start + 1], start + 2
        if size >= 126:
            width = 2 if size == 126 else 8
            size, begin = int.from_bytes(buffer[begin : begin + width]), begin + width
        return (begin, begin + size) if len(buffer) >= begin + size else None

    def _take(self, text: bytes) -> None:
        if text[:2] in (b"42", b"43"):
            head = len(self.namespace) + 2
            if not self.ready.is_set() and text[head:].startswith(b'["ready"'):
                self.ready.set()
            else:
                self._on_text(text)
        elif text[:1] == b"0":
            self._write(b"40" + self.namespace + self._auth)
        elif text == b"2":
            self._write(b"3")
