"""Asking a running server to run a command; light, so that commands answer at once."""

from __future__ import annotations

import json
import os
import socket
from pathlib import Path
from typing import Any

from sila_daemon.core import errors
from sila_daemon.core.errors import SilaError, StorageError
from sila_daemon.ports.unix_socket import short_socket_path

NOT_SERVING = "not_serving"
"""The code of an error that says: nobody listens, the command was not given to anybody."""


def socket_path(data: Path) -> Path:
    """Returns where the socket of a data folder is: in it, or where its path is too long, in
    a short private directory of its own. Raises StorageError when there is no place."""
    usual = Path(os.path.realpath(data), "admin.sock")
    short = short_socket_path(str(usual))
    if short is None:
        raise StorageError(
            f"no place for an admin socket: {usual} is too long",
            hint="Choose a --data folder with a shorter path.",
        )
    return Path(short)


def is_in_data(path: Path, data: Path) -> bool:
    """Tells whether a socket is in the data folder itself."""
    return path.parent == Path(os.path.realpath(data))


def error_json(error: SilaError) -> dict[str, Any]:
    """Renders an error for scripts; `kind` lets it be raised again elsewhere."""
    return {
        "code": error.code,
        "message": error.message,
        "hint": error.hint,
        "kind": type(error).__name__,
    }


def error_from_json(data: dict[str, Any]) -> SilaError:
    """Makes the error again that another process rendered."""
    kind = getattr(errors, str(data.get("kind")), SilaError)
    if not (isinstance(kind, type) and issubclass(kind, SilaError)):
        kind = SilaError
    return kind(
        str(data.get("message")), code=str(data.get("code")), hint=str(data.get("hint", ""))
    )


def ask_server(data: Path, command: str, args: dict[str, Any]) -> Any:
    """Has a running server run a command.

    Raises what the command raised, or StorageError: with the code NOT_SERVING when nobody
    listens, else when no answer came, and then nobody knows whether it was done.
    """
    with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
        try:
            connection.connect(str(socket_path(data)))
        except OSError as error:
            raise StorageError(
                f"the server that uses {data} does not answer: {error}",
                code=NOT_SERVING,
                hint="It may be starting or stopping; try again in a moment.",
            ) from error
        try:
            request = json.dumps({"command": command, "args": args})
            connection.sendall(request.encode() + b"\n")
            with connection.makefile("rb") as answers:
                line = answers.readline()
        except OSError as error:
            raise StorageError(f"the server went away before it answered: {error}") from error
    try:
        answer = json.loads(line)
    except ValueError:
        raise StorageError("the server stopped before it answered") from None
    if answer["ok"]:
        return answer["data"]
    raise error_from_json(answer["error"])
