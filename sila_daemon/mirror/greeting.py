"""How a server introduces itself: of which kind it is, and whether it is the one from before."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_daemon.core.errors import RemoteRefusedError, RemoteUnavailableError
from sila_daemon.mirror import messages
from sila_daemon.mirror.connector import Event
from sila_daemon.mirror.messages import CodeOnly, Ready

if TYPE_CHECKING:
    from sila_daemon.mirror.connector import Connection
    from sila_daemon.store.servers import ServerFacts

GREETING_TIMEOUT_S = 15.0

ORIGINAL = 1
"""The protocol of an original server: its greeting names none."""


async def greeting(connection: Connection) -> Ready:
    """Returns what a server says first. Raises RemoteError."""
    try:
        async with asyncio.timeout(GREETING_TIMEOUT_S):
            while True:
                arrived = await connection.receive()
                if isinstance(arrived, Event) and arrived.name == "ready":
                    return messages.decode(arrived.payload, Ready)
                if isinstance(arrived, Event):
                    check_farewell(arrived)
    except TimeoutError:
        raise RemoteUnavailableError("the server accepts, and says nothing") from None


def check_identity(ready: Ready, facts: ServerFacts, space_id: str) -> None:
    """Raises RemoteRefusedError for a server that is not the one from before.

    One of the original's kind has no identity; it may become one of ours, and not the reverse.
    """
    if ready.spaceId != space_id:
        raise RemoteRefusedError("the server answers for another space", code="other_space")
    is_ours = ready.protocol > ORIGINAL
    if is_ours and (not ready.serverId or ready.cursor is None):
        raise RemoteRefusedError("the server does not say who it is", code="bad_greeting")
    if facts.server_id is not None and facts.server_id != (ready.serverId if is_ours else None):
        raise RemoteRefusedError(
            "another server answers at this address than before; nothing is sent to it",
            code="other_server",
            hint="remove the server from the space and add it again if this is right",
        )


def check_farewell(arrived: Event) -> None:
    """Raises the error that the server takes its leave with, if that is what came."""
    if arrived.name == "auth:expired":
        code = messages.decode(arrived.payload, CodeOnly).code
        if code in ("not_permitted", "revoked"):
            raise RemoteRefusedError("access to this space was taken away", code=code)
        raise RemoteUnavailableError("the session has expired", code="auth_expired")
    if arrived.name == "error":
        code = messages.decode(arrived.payload, CodeOnly).code
        raise RemoteUnavailableError(f"the server ends the connection: {code}", code=code)
