"""The composition root: one world, its carriers, and the one lifespan in which they live."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from typing import TYPE_CHECKING, Any

import socketio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware
from starlette.requests import ClientDisconnect

from sila_daemon.server.gateway import GatewayServer
from sila_daemon.server.http_auth import AUTH_RULES
from sila_daemon.server.http_common import refused
from sila_daemon.server.http_device import DEVICE_RULES
from sila_daemon.server.http_files import FILE_RULES
from sila_daemon.server.http_members import MEMBER_RULES
from sila_daemon.server.http_packs import PACK_RULES
from sila_daemon.server.http_rules import routes_of
from sila_daemon.server.http_spaces import SPACE_RULES
from sila_daemon.server.http_uploads import UPLOAD_RULES
from sila_daemon.server.limits import DRAIN_SECONDS_MAX
from sila_daemon.server.origins import OriginRule

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Message, Receive, Scope, Send

    from sila_daemon.server.world import World

LOG = logging.getLogger(__name__)

ROUTE_RULES = [
    *AUTH_RULES,
    *DEVICE_RULES,
    *SPACE_RULES,
    *MEMBER_RULES,
    *FILE_RULES,
    *PACK_RULES,
    *UPLOAD_RULES,
]
"""Every route of the server, each with the right that it needs."""


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    return refused(error.status_code, code, str(error.detail).lower())


async def _failure(_: Request, error: Exception) -> Response:
    return refused(500, "internal", "the server failed")


def make_app(world: World, allowed_origins: Sequence[str] = ()) -> GuardedApp:
    """Builds the ASGI application on an open world; the caller closes the world afterwards.

    `allowed_origins` are those of web pages that are not the server's own. Raises UsageError.
    """
    origins = OriginRule(allowed_origins)
    gateway = GatewayServer(world.admit, world.ports.clock, world.ports.workers, origins)

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(gateway.run()), asyncio.create_task(world.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await gateway.stop()

    http = Starlette(
        routes=routes_of(ROUTE_RULES),
        exception_handlers={HTTPException: _http_error, Exception: _failure},
        lifespan=lifespan,
        middleware=_cross_origin(origins),
    )
    http.state.world = world
    http.state.gateway = gateway
    return GuardedApp(socketio.ASGIApp(gateway, other_asgi_app=http), gateway)


def _cross_origin(origins: OriginRule) -> list[Middleware]:
    """Tells browsers that pages from elsewhere may read the answers, if any may."""
    if not origins.allowed:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins.allowed,
            allow_methods=["GET", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=["Authorization", "Content-Type", "If-Match", "If-None-Match", "Range"],
            expose_headers=["ETag", "Content-Range", "Retry-After", "X-Sha256"],
            max_age=600,
        )
    ]


class GuardedApp:
    """Keeps clients from holding on to what is ours by not reading, or by sending garbage."""

    def __init__(self, app: Any, gateway: GatewayServer) -> None:
        self._app = app
        self.gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return

        async def draining(message: Message) -> None:
            try:
                async with asyncio.timeout(DRAIN_SECONDS_MAX):
                    await send(message)
            except TimeoutError:
                _cut(send)
                raise ConnectionError("the reader takes nothing") from None

        try:
            await self._app(scope, receive, draining)
        except (ClientDisconnect, ConnectionError) as error:
            LOG.info("a connection ended in the midst of an answer: %s", error)
        except (ValueError, IndexError, RecursionError, OSError) as error:
            if scope["type"] != "websocket":
                raise
            LOG.info("a connection was dropped for what it sent: %s", error)
            with suppress(RuntimeError, ConnectionError):
                await draining({"type": "websocket.close", "code": 1008})


def _cut(send: Send) -> None:
    """Ends a transport at once: a graceful close would wait for its reader."""
    transport = getattr(getattr(send, "__self__", None), "transport", None)
    if transport is not None:
        transport.abort()
