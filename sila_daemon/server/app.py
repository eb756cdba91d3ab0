"""The composition root: one world, its carriers, and the one lifespan in which they live."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

import socketio
from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.middleware import Middleware
from starlette.middleware.cors import CORSMiddleware

from sila_daemon.server.http.common import refused
from sila_daemon.server.http.edge import Edge
from sila_daemon.server.http.guarded_app import GuardedApp
from sila_daemon.server.http.openapi import Description
from sila_daemon.server.http.origins import OriginRule
from sila_daemon.server.http.proxies import TrustedProxies
from sila_daemon.server.http.routes.table import ROUTE_RULES
from sila_daemon.server.http.rules import methods_of, routes_of
from sila_daemon.server.sync.gateway import GatewayServer

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response
    from starlette.types import ASGIApp, Receive, Scope, Send

    from sila_daemon.server.world import World

LOG = logging.getLogger(__name__)


async def _http_error(request: Request, error: Exception) -> Response:
    assert isinstance(error, HTTPException)
    code = {404: "not_found", 405: "method_not_allowed"}.get(error.status_code, "refused")
    answer = refused(error.status_code, code, str(error.detail).lower())
    if error.status_code == 405:
        answer.headers["Allow"] = ", ".join(sorted(methods_of(request)))
    return answer


async def _failure(_: Request, error: Exception) -> Response:
    return refused(500, "internal", "the server failed")


def make_app(world: World, allowed_origins: Sequence[str] = ()) -> ServerApp:
    """Builds the ASGI application on an open world; the caller closes the world afterwards.

    `allowed_origins` are those of web pages that are not the server's own. Raises UsageError.
    """
    origins = OriginRule([*world.settings.listen.allowed_origins, *allowed_origins])
    ports = world.ports
    gateway = GatewayServer(world.connections.admit, ports.clock, ports.workers, origins.allows)

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
    # A redirect would be to whatever the Host header says, and is documented nowhere.
    http.router.redirect_slashes = False
    http.state.world = world
    http.state.gateway = gateway
    http.state.description = Description(ROUTE_RULES)
    metrics = world.metrics
    metrics.watch(lambda: _gauges(world, gateway))
    gateway.on_event = metrics.event
    served = socketio.ASGIApp(gateway, other_asgi_app=http)
    proxies = TrustedProxies(world.settings.listen.trusted_proxies)
    edge = Edge(served, proxies, metrics, ports.clock, ports.randomness)
    return ServerApp(GuardedApp(edge), gateway)


@dataclass(frozen=True, slots=True)
class ServerApp:
    """The whole application."""

    http: ASGIApp
    gateway: GatewayServer

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request or socket."""
        await self.http(scope, receive, send)


def _gauges(world: World, gateway: GatewayServer) -> dict[str, float]:
    """Looks at what there is now."""
    spaces = world.spaces.open_spaces.values()
    return {
        "sila_connections": len(gateway.eio.sockets),
        "sila_sessions": len(world.connections.living),
        "sila_hubs": len(spaces),
        "sila_queued_batches": sum(space.hub.waiting_count for space in spaces),
        "sila_unfinished_uploads": sum(space.files.uploads.count for space in spaces),
        "sila_audit_waiting": world.audit.waiting_count,
    }


def _cross_origin(origins: OriginRule) -> list[Middleware]:
    """Tells browsers that pages from elsewhere may read the answers, if any may."""
    if not origins.allowed:
        return []
    return [
        Middleware(
            CORSMiddleware,
            allow_origins=origins.allowed,
            allow_methods=["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE"],
            allow_headers=[
                "Authorization",
                "Content-Type",
                "If-Match",
                "If-None-Match",
                "If-Range",
                "Range",
                "Upload-Complete",
                "Upload-Length",
                "Upload-Offset",
            ],
            expose_headers=[
                "ETag",
                "Content-Range",
                "Location",
                "Retry-After",
                "Upload-Complete",
                "Upload-Limit",
                "Upload-Offset",
                "X-Request-Id",
                "X-Sha256",
            ],
            max_age=600,
        )
    ]
