"""A websocket without any library, for tests of what libraries do not send."""

from __future__ import annotations

import asyncio
import socket


def frame(data: bytes, first: int = 0x81) -> bytes:
    """Makes a frame as clients send it, of a whole text unless something else is asked for."""
    size = len(data)
    if size < 126:
        head = bytes([0x80 | size])
    else:
        head = b"\xfe" + size.to_bytes(2) if size < 1 << 16 else b"\xff" + size.to_bytes(8)
    return bytes([first]) + head + bytes(4) + data


class RawSocket:
    """A websocket without any library: it reads only when told to."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._loop = asyncio.get_running_loop()

    @classmethod
    async def open(cls, url: str) -> RawSocket:
        """Connects with a small window, so that little is under way to a reader that stops."""
        host, _, port = url.removeprefix("http://").rpartition(":")
        connection = socket.socket()
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_RCVBUF, 4096)
        connection.setblocking(False)
        made = cls(connection)
        await made._loop.sock_connect(connection, (host, int(port)))
        await made._loop.sock_sendall(
            connection,
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n",
        )
        await made.read_until(b'"sid"')
        return made

    async def read_until(self, wanted: bytes) -> bytes:
        """Reads until some bytes have come, or the end."""
        taken = b""
        async with asyncio.timeout(10):
            while wanted not in taken:
                part = await self._loop.sock_recv(self._connection, 65536)
                if not part:
                    break
                taken += part
        return taken

    async def send(self, *texts: str) -> None:
        """Sends text frames; gives up when the other end does not take them."""
        async with asyncio.timeout(10):
            for text in texts:
                await self._loop.sock_sendall(self._connection, frame(text.encode()))

    async def send_frames(self, *frames: bytes) -> None:
        """Sends frames as they are, all at once."""
        async with asyncio.timeout(10):
            await self._loop.sock_sendall(self._connection, b"".join(frames))

    def close(self) -> None:
        """Hangs up."""
        self._connection.close()
