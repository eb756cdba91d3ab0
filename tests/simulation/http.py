"""HTTP without sockets: a request is handed to the server's ASGI application."""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from dataclasses import dataclass, replace
from typing import Any

from sila_daemon.core.errors import RemoteUnavailableError

PIECE_BYTES = 1000


class Headers(dict[str, str]):
    """Headers whose names compare without case."""

    def __getitem__(self, name: str) -> str:
        return super().__getitem__(name.lower())

    def get(self, name: str, default: Any = None) -> Any:
        """Returns a header."""
        return super().get(name.lower(), default)


@dataclass(frozen=True, slots=True)
class Exchanged:
    """An answer that came whole."""

    status: int
    headers: Mapping[str, str]
    data: bytes
    breaks_at: int | None = None
    """After so many bytes of the body the connection ends."""

    def broken(self, share: float) -> Exchanged:
        """Returns the same answer of which only a part arrives."""
        return replace(self, breaks_at=int(share * len(self.data)))

    async def read(self, size_max: int) -> bytes:
        """Returns the body."""
        assert len(self.data) <= size_max, "no answer in the simulation is this long"
        return b"".join([piece async for piece in self.chunks()])

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yields the body in pieces. Raises RemoteUnavailableError where the connection ends."""
        for piece in _pieces(self.data[: self.breaks_at]):
            yield piece
            await asyncio.sleep(0)
        if self.breaks_at is not None:
            raise RemoteUnavailableError("the connection ended")


def _pieces(data: bytes) -> list[bytes]:
    return [data[start : start + PIECE_BYTES] for start in range(0, len(data), PIECE_BYTES)]


@dataclass(frozen=True, slots=True)
class Upload:
    """How a body goes to the server."""

    hop: Callable[[], Awaitable[None]]
    """Takes as long as each piece but the first."""
    breaks_at: int | None = None
    """After so many bytes the client is gone."""


async def exchange(
    app: Any,
    method: str,
    path: str,
    headers: Mapping[str, str],
    data: bytes,
    address: str = "192.0.2.1",
    upload: Upload | None = None,
) -> Exchanged:
    """Makes one request and returns its answer; without `upload` the body is there at once."""
    status, found, parts = 0, Headers(), bytearray()
    is_broken = upload is not None and upload.breaks_at is not None
    pieces = _pieces(data[: upload.breaks_at]) if upload is not None else [data]
    unread = deque(pieces or [b""])

    async def receive() -> dict[str, Any]:
        if unread:
            if upload is not None and len(unread) < len(pieces):
                await upload.hop()
            body = unread.popleft()
            return {"type": "http.request", "body": body, "more_body": bool(unread) or is_broken}
        if is_broken:
            return {"type": "http.disconnect"}
        return await asyncio.get_running_loop().create_future()  # type: ignore[no-any-return]

    async def send(message: dict[str, Any]) -> None:
        nonlocal status
        if message["type"] == "http.response.start":
            status = message["status"]
            found.update((k.decode().lower(), v.decode()) for k, v in message["headers"])
        else:
            parts.extend(message.get("body", b""))

    given = {**headers, "content-length": str(len(data)), "host": "server"}
    scope = {
        "type": "http",
        "asgi": {"version": "3.0"},
        "http_version": "1.1",
        "method": method,
        "scheme": "http",
        "path": path,
        "raw_path": path.encode(),
        "query_string": b"",
        "root_path": "",
        "headers": [(k.lower().encode(), v.encode()) for k, v in given.items()],
        "client": (address, 1),
        "server": ("server", 80),
    }
    await app(scope, receive, send)
    return Exchanged(status, found, bytes(parts))
