"""The smallest client: one call, one answer, only the standard library.

The commands use it, because loading asyncio costs more than asking the daemon.
"""

from __future__ import annotations

import json
import os
import socket
from collections.abc import Iterator
from typing import Any

from sila_daemon.control.error_codes import connection_lost, from_wire, not_running, refused
from sila_daemon.control.limits import checked_request
from sila_daemon.control.peer import peer_uid

_CHUNK_BYTES = 1 << 16


def call(socket_path: str | os.PathLike[str], method: str, /, **params: Any) -> Any:
    """Calls one method and returns its result; parameters that are None are left out.

    Waits as long as the daemon works on it. Raises the SilaError that the daemon answered with, and
    DaemonNotRunningError.
    """
    with _connected(socket_path) as connection:
        for message in _messages(connection, method, params):
            if _is_answer(message):
                return _result(message)
    raise connection_lost("the daemon ended before it answered")


def subscribe(socket_path: str | os.PathLike[str], **params: Any) -> Iterator[dict[str, Any]]:
    """Yields the answer to `events.subscribe`, then every event, until the daemon ends."""
    with _connected(socket_path) as connection:
        for message in _messages(connection, "events.subscribe", params):
            if _is_answer(message):
                yield _result(message)
            elif "method" in message:
                yield message["params"]


def _connected(socket_path: str | os.PathLike[str]) -> socket.socket:
    connection = socket.socket(socket.AF_UNIX)
    try:
        connection.connect(os.fspath(socket_path))
    except (FileNotFoundError, ConnectionRefusedError):
        connection.close()
        raise not_running() from None
    except OSError as error:
        connection.close()
        raise refused("socket", f"cannot reach {socket_path}: {error.strerror}") from error
    if peer_uid(connection) not in (None, os.getuid()):
        connection.close()
        raise refused("foreign_daemon", f"{socket_path} belongs to another user")
    return connection


def _messages(
    connection: socket.socket, method: str, params: dict[str, Any]
) -> Iterator[dict[str, Any]]:
    given = {name: value for name, value in params.items() if value is not None}
    request = {"jsonrpc": "2.0", "id": 1, "method": method, "params": given}
    line = checked_request(json.dumps(request, allow_nan=False).encode() + b"\n")
    try:
        connection.sendall(line)
        parts: list[bytes] = []
        while chunk := connection.recv(_CHUNK_BYTES):
            *whole, rest = chunk.split(b"\n")
            for line in whole:
                yield json.loads(b"".join((*parts, line)))
                parts = []
            parts.append(rest)
    except (ConnectionResetError, BrokenPipeError):
        raise connection_lost("the daemon ended before it answered") from None


def _is_answer(message: dict[str, Any]) -> bool:
    """Whether a message is for our request; a refusal of a line that was not read has no id."""
    return message.get("id") == 1 or (message.get("id") is None and "error" in message)


def _result(message: dict[str, Any]) -> Any:
    if "error" in message:
        raise from_wire(message["error"])
    return message["result"]
