"""HTTP: how the server itself is doing."""

from __future__ import annotations

import hmac
import ipaddress
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from sila_daemon.core.errors import RemoteRefusedError, SilaError
from sila_daemon.server import metrics
from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.http import answers
from sila_daemon.server.http.about import JSON, Answer, about
from sila_daemon.server.http.common import address_of, ok, refused, world_of
from sila_daemon.server.http.edge import IS_DIRECT
from sila_daemon.server.http.openapi import Description
from sila_daemon.server.http.rules import RouteRule

if TYPE_CHECKING:
    from starlette.requests import Request


async def _health(_: Request) -> Response:
    """Answers as long as the process does."""
    return ok()


async def _ready(request: Request) -> Response:
    """Answers whether requests can be served: not while starting, stopping or without a disk."""
    world = world_of(request)
    if world.is_stopping:
        return refused(503, "shutting_down", "the server is stopping")
    try:
        await world.directory.is_taken("")
    except SilaError as error:
        return refused(503, "not_ready", error.message)
    return ok()


async def _metrics(request: Request) -> Response:
    """Shows figures to this machine, and to whoever has the token of the settings."""
    world = world_of(request)
    token = world.settings.metrics.token.encode()
    scheme, _, given = request.headers.get("authorization", "").partition(" ")
    has_token = (
        bool(token)
        and scheme.lower() == "bearer"
        and hmac.compare_digest(given.strip().encode("latin-1", "replace"), token)
    )
    if not has_token and not _is_local(request):
        raise RemoteRefusedError("figures are for this machine alone", code="not_permitted")
    return Response(world.metrics.text(), media_type=metrics.CONTENT_TYPE)


def _is_local(request: Request) -> bool:
    """Tells whether a request was made on this machine, and not through a proxy on it."""
    if not getattr(request.state, IS_DIRECT, False):
        return False
    try:
        return ipaddress.ip_address(address_of(request)).is_loopback
    except ValueError:
        return False


async def _openapi(request: Request) -> Response:
    """Describes the routes, as they are in this version."""
    description = request.app.state.description
    assert isinstance(description, Description)
    return Response(description.json, media_type=JSON)


OPERATION_RULES = [
    RouteRule(
        "GET",
        "/health",
        Right.PUBLIC,
        _health,
        about("Answers as long as the process does.", answers.Done),
    ),
    RouteRule(
        "GET",
        "/ready",
        Right.PUBLIC,
        _ready,
        about(
            "Tells whether requests can be served: not while stopping, nor without a disk.",
            answers.Done,
            codes="shutting_down not_ready",
        ),
    ),
    RouteRule(
        "GET",
        "/openapi.json",
        Right.PUBLIC,
        _openapi,
        about("Describes every route of the server, in OpenAPI 3.1.", dict[str, Any]),
    ),
    RouteRule(
        "GET",
        "/metrics",
        Right.PUBLIC,
        _metrics,
        about(
            "Shows figures to this machine, and to whoever has the token of `metrics.token`.",
            Answer(media_type="text/plain"),
            codes="not_permitted",
        ),
    ),
]
"""The routes, each with the right that it needs; `/metrics` has a rule of its own besides."""
