"""uvicorn's HTTP protocol, bounded: by itself it waits for headers of any size, for ever."""

from __future__ import annotations

import asyncio
from typing import Any

from uvicorn.protocols.http.httptools_impl import HttpToolsProtocol

HEADER_SECONDS_MAX = 20.0
"""From the first byte of a connection, or of its next request, to the end of the headers."""

HEADER_BYTES_MAX = 32 << 10
URL_BYTES_MAX = 8 << 10

_REFUSALS = {
    414: b"414 URI Too Long",
    431: b"431 Request Header Fields Too Large",
    503: b"503 Service Unavailable",
}


class BoundedHttpProtocol(HttpToolsProtocol):
    """One connection; it ends when a request does not begin in time, or begins too large."""

    connections_max = 10_000
    """Open connections of the process; more are closed at once."""

    def __init__(self, *args: Any, **options: Any) -> None:
        super().__init__(*args, **options)
        self._deadline: asyncio.TimerHandle | None = None
        self._header_bytes = 0

    def connection_made(self, transport: asyncio.Transport) -> None:  # type: ignore[override]
        """Takes a connection, unless there are too many."""
        super().connection_made(transport)
        if len(self.connections) > self.connections_max:
            self._refuse(503)
        else:
            self._wait_for_headers()

    def connection_lost(self, exc: Exception | None) -> None:
        """Forgets the connection."""
        self._headers_came()
        super().connection_lost(exc)

    def data_received(self, data: bytes) -> None:
        """Takes bytes, as long as the connection is not refused."""
        if not self.transport.is_closing():
            super().data_received(data)

    def on_message_begin(self) -> None:
        """A request begins."""
        super().on_message_begin()
        self._header_bytes = 0
        if self._deadline is None:
            self._wait_for_headers()

    def on_url(self, url: bytes) -> None:
        """Takes a part of the URL."""
        super().on_url(url)
        if len(self.url) > URL_BYTES_MAX:
            self._refuse(414)

    def on_header(self, name: bytes, value: bytes) -> None:
        """Takes a header."""
        self._header_bytes += len(name) + len(value) + 4
        if self._header_bytes > HEADER_BYTES_MAX:
            self._refuse(431)
        else:
            super().on_header(name, value)

    def on_headers_complete(self) -> None:
        """The headers are there: the request is answered."""
        self._headers_came()
        if not self.transport.is_closing():
            super().on_headers_complete()

    def on_body(self, body: bytes) -> None:
        """Takes a part of the body, unless the request was refused."""
        if not self.transport.is_closing():
            super().on_body(body)

    def on_message_complete(self) -> None:
        """The body is there, too."""
        if not self.transport.is_closing():
            super().on_message_complete()

    def _wait_for_headers(self) -> None:
        self._deadline = self.loop.call_later(HEADER_SECONDS_MAX, self._give_up)

    def _headers_came(self) -> None:
        if self._deadline is not None:
            self._deadline.cancel()
            self._deadline = None

    def _give_up(self) -> None:
        self._deadline = None
        if self.transport is not None:
            self.transport.abort()

    def _refuse(self, status: int) -> None:
        if self.transport.is_closing():
            return
        head = b"HTTP/1.1 %b\r\ncontent-length: 0\r\nconnection: close\r\n\r\n" % _REFUSALS[status]
        self.transport.write(head)
        self.transport.close()


def bounded_protocol(connections_max: int) -> type[BoundedHttpProtocol]:
    """Makes the protocol for a server that takes so many connections."""
    return type("Bounded", (BoundedHttpProtocol,), {"connections_max": connections_max})
