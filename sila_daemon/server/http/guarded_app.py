"""Keeps clients from holding on to what is ours: by not reading, by not sending, by garbage."""

from __future__ import annotations

import asyncio
import logging
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect

from sila_daemon.server.limits.constants import DRAIN_SECONDS_MAX

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

LOG = logging.getLogger(__name__)

BODY_SECONDS_MAX = 30.0
"""How long the next bytes of a body may take, and the whole of it beyond what its size allows."""

BODY_BYTES_PER_SECOND_MIN = 1024
"""Whoever sends more slowly than this is let go."""


class GuardedApp:
    """Passes requests on to an application and watches over both directions."""

    def __init__(self, app: ASGIApp) -> None:
        self._app = app

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        body = _Body(receive)

        async def draining(message: Message) -> None:
            if body.is_given_up and message["type"] == "http.response.start":
                # Or its sender would go on for ever, behind the answer.
                close = (b"connection", b"close")
                message = {**message, "headers": [*message.get("headers", []), close]}
            try:
                async with asyncio.timeout(DRAIN_SECONDS_MAX):
                    await send(message)
            except TimeoutError:
                _cut(send)
                raise ConnectionError("the reader takes nothing") from None

        try:
            await self._app(scope, body if scope["type"] == "http" else receive, draining)
        except (ClientDisconnect, ConnectionError) as error:
            LOG.info("a connection ended in the midst of an answer: %s", error)
        except (ValueError, IndexError, RecursionError, OSError) as error:
            if scope["type"] != "websocket":
                raise
            LOG.info("a connection was dropped for what it sent: %s", error)
            with suppress(RuntimeError, ConnectionError):
                await draining({"type": "websocket.close", "code": 1008})


class _Body:
    """The body of one request; a sender who dawdles counts as one who has gone."""

    def __init__(self, receive: Receive) -> None:
        self.is_given_up = False
        self._receive = receive
        self._is_whole = False
        self._spent = 0.0
        self._size = 0

    async def __call__(self) -> Message:
        """Returns the next bytes."""
        if self._is_whole:
            # From now on only the end of the connection is awaited.
            return await self._receive()
        loop = asyncio.get_running_loop()
        started = loop.time()
        allowed = BODY_SECONDS_MAX + self._size / BODY_BYTES_PER_SECOND_MIN - self._spent
        try:
            async with asyncio.timeout(min(BODY_SECONDS_MAX, max(allowed, 0.0))):
                message = await self._receive()
        except TimeoutError:
            LOG.info("a request was dropped: its body came too slowly")
            self.is_given_up = True
            return {"type": "http.disconnect"}
        # Time in which nobody asked for bytes is not the sender's.
        self._spent += loop.time() - started
        self._size += len(message.get("body", b""))
        self._is_whole = message["type"] != "http.request" or not message.get("more_body", False)
        return message


def _cut(send: Any) -> None:
    """Ends a transport at once: a graceful close would wait for its reader."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
