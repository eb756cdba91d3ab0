"""The composition root: one world, its carriers, and the one lifespan in which they live."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import socketio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException

from sila_daemon.server.gateway import GatewayServer
from sila_daemon.server.http_auth import AuthRoutes
from sila_daemon.server.http_common import refused
from sila_daemon.server.http_files import file_routes
from sila_daemon.server.http_packs import pack_routes
from sila_daemon.server.http_spaces import space_routes
from sila_daemon.server.rate_limit import RateLimit

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import Receive, Scope, Send

    from sila_daemon.server.world import World

LOG = logging.getLogger(__name__)


async def _http_error(_: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    return refused(error.status_code, code, str(error.detail).lower())


async def _failure(_: Request, error: Exception) -> Response:
    return refused(500, "internal", "the server failed")


def make_app(world: World, cors_allowed_origins: list[str] | None = None) -> GuardedApp:
    """Builds the ASGI application on an open world; the caller closes the world afterwards."""
    gateway = GatewayServer(world.admit, world.ports.clock, cors_allowed_origins)
    clock = world.ports.clock
    auth = AuthRoutes(
        # An office behind one address, and a person who mistypes, are let through.
        logins_by_address=RateLimit(clock, burst=20, per_second=20 / 60),
        logins_by_account=RateLimit(clock, burst=5, per_second=5 / 60),
    )

    @asynccontextmanager
    async def lifespan(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(gateway.run()), asyncio.create_task(world.spaces.run())]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            await gateway.stop()

    http = Starlette(
        routes=[*auth.routes, *space_routes(), *file_routes(), *pack_routes()],
        exception_handlers={HTTPException: _http_error, Exception: _failure},
        lifespan=lifespan,
    )
    http.state.world = world
    http.state.gateway = gateway
    return GuardedApp(socketio.ASGIApp(gateway, other_asgi_app=http), gateway)


class GuardedApp:
    """Keeps what a client's garbage raises inside Engine.IO from looking like a fault of ours."""

    def __init__(self, app: Any, gateway: GatewayServer) -> None:
        self._app = app
        self.gateway = gateway

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        if scope["type"] != "websocket":
            await self._app(scope, receive, send)
            return
        try:
            await self._app(scope, receive, send)
        except (ValueError, RecursionError, OSError) as error:
            LOG.info("a connection was dropped for what it sent: %s", error)
            await send({"type": "websocket.close", "code": 1008})
