"""What commands are given: JSON, read with care, since anybody may write to the socket."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import UsageError

if TYPE_CHECKING:
    from sila_daemon.server.world import World

Arguments = dict[str, Any]
Command = Callable[["World", Arguments], Awaitable[Any]]


def text(args: Arguments, name: str) -> str:
    """Returns an argument that must be there. Raises UsageError."""
    value = args.get(name)
    if not isinstance(value, str) or not value:
        raise UsageError(f"{name} is missing")
    return value


def number(args: Arguments, name: str, default: int) -> int:
    """Returns a whole number. Raises UsageError."""
    value = args.get(name, default)
    if type(value) is not int:
        raise UsageError(f"--{name} takes a number")
    return value


def flag(args: Arguments, name: str) -> bool:
    """Tells whether something was asked for."""
    return args.get(name) is True
