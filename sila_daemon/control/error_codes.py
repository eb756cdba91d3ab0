"""How an error crosses the socket: a number for JSON-RPC, a stable code for programs.

Kept free of heavy imports: the commands read it on every start.
"""

from __future__ import annotations

from typing import Any

from sila_daemon.core import errors
from sila_daemon.core.errors import ControlError, SilaError

PARSE_ERROR = -32700
INVALID_REQUEST = -32600
UNKNOWN_METHOD = -32601
INVALID_PARAMS = -32602
SILA_ERROR = -32000
"""Every other error: its `data` says which."""


def to_wire(error: SilaError) -> dict[str, Any]:
    """Renders an error as the `error` member of an answer."""
    numbers = {
        "parse_error": PARSE_ERROR,
        "invalid_request": INVALID_REQUEST,
        "line_too_long": INVALID_REQUEST,
        "unknown_method": UNKNOWN_METHOD,
        "invalid_params": INVALID_PARAMS,
    }
    return {
        "code": numbers.get(error.code, SILA_ERROR),
        "message": error.message,
        "data": {"code": error.code, "hint": error.hint, "exitCode": error.exit_code},
    }


def from_wire(wire: dict[str, Any]) -> SilaError:
    """Makes the error again that the daemon meant: its class by code, else by exit code."""
    data = wire.get("data") or {}
    code, exit_code = str(data.get("code", "")), data.get("exitCode", 70)
    kinds = _kinds(SilaError)
    kind = next((kind for kind in kinds if kind.default_code == code), None) or next(
        (kind for kind in kinds if kind.exit_code == exit_code), SilaError
    )
    message = str(wire.get("message", "the daemon answered with an error"))
    return kind(message, code=code or None, hint=str(data.get("hint", "")))


def refused(code: str, message: str, hint: str = "") -> ControlError:
    """An error of the protocol itself."""
    return ControlError(message, code=code, hint=hint)


def not_running() -> errors.DaemonNotRunningError:
    """What a client says when nobody answers."""
    return errors.DaemonNotRunningError(
        "the daemon is not running", hint="start it with: sila-daemon start"
    )


def connection_lost(message: str) -> errors.DaemonNotRunningError:
    """What a client says when the daemon goes away in the middle."""
    return errors.DaemonNotRunningError(
        message, code="connection_lost", hint="see whether it runs with: sila-daemon status"
    )


def _kinds(kind: type[SilaError]) -> list[type[SilaError]]:
    """The class and everything below it, from the top down."""
    return [kind, *(below for child in kind.__subclasses__() for below in _kinds(child))]
