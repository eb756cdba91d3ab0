"""HTTP without sockets: a request is handed to the server's ASGI application."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass
from typing import Any


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

    async def read(self, size_max: int) -> bytes:
        """Returns the body."""
        assert len(self.data) <= size_max, "no answer in the simulation is this long"
        return self.data

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yields the body in pieces."""
        for start in range(0, len(self.data), 1000):
            yield self.data[start : start + 1000]


async def exchange(
    app: Any,
    method: str,
    path: str,
    headers: Mapping[str, str],
    data: bytes,
    address: str = "192.0.2.1",
) -> Exchanged:
    """Makes one request and returns its answer."""
    status, found, parts = 0, Headers(), bytearray()
    unread: list[dict[str, Any]] = [{"type": "http.request", "body": data, "more_body": False}]

    async def receive() -> dict[str, Any]:
        if unread:
            return unread.pop()
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
