"""The outermost layer: who asks, the id of the request, one log line and the figures of each."""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING, Any

from sila_daemon.server.logs import FACTS, REQUEST_ID

if TYPE_CHECKING:
    from starlette.types import ASGIApp, Message, Receive, Scope, Send

    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.server.http.proxies import TrustedProxies
    from sila_daemon.server.metrics import Metrics

LOG = logging.getLogger(__name__)

SOCKETS = "/socket.io"
ELSEWHERE = "(none)"
"""The route of a request that no rule is for."""

IS_DIRECT = "is_direct"
"""In the state of a request: whether no proxy can be seen before this server."""


class Edge:
    """Lets requests through to an application."""

    def __init__(
        self,
        app: ASGIApp,
        proxies: TrustedProxies,
        metrics: Metrics,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._app = app
        self._proxies = proxies
        self._metrics = metrics
        self._clock = clock
        self._randomness = randomness

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Answers one request."""
        if scope["type"] == "lifespan":
            await self._app(scope, receive, send)
            return
        asker = self._proxies.asker(scope)
        request_id = asker.request_id or self._randomness.token(8).hex()
        scope.setdefault("state", {})[IS_DIRECT] = asker.is_direct
        token = REQUEST_ID.set(request_id)
        try:
            if scope["type"] == "http":
                await self._answer(scope, receive, send, request_id)
            else:
                await self._app(scope, receive, send)
        finally:
            REQUEST_ID.reset(token)

    async def _answer(self, scope: Scope, receive: Receive, send: Send, request_id: str) -> None:
        started = self._clock.monotonic()
        status, received, sent = 0, 0, 0

        async def counted_receive() -> Message:
            nonlocal received
            message = await receive()
            received += len(message.get("body", b""))
            return message

        async def counted_send(message: Message) -> None:
            nonlocal status, sent
            if message["type"] == "http.response.start":
                status = message["status"]
                headers = [*message.get("headers", []), (b"x-request-id", request_id.encode())]
                message = {**message, "headers": headers}
            sent += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, counted_receive, counted_send)
        finally:
            seconds = self._clock.monotonic() - started
            route = _route(scope)
            method = scope["method"] if route != ELSEWHERE else "other"
            self._metrics.request(method, route, status, seconds, received, sent)
            level = logging.DEBUG if route == SOCKETS else logging.INFO
            if LOG.isEnabledFor(level):
                facts = _facts(scope, route) | {
                    "status": status, "ms": round(seconds * 1000, 1), "in": received, "out": sent,
                }  # fmt: skip
                LOG.log(level, "request", extra={FACTS: facts})


def _route(scope: Scope) -> str:
    rule = scope["state"].get("rule")
    if rule is not None:
        return str(rule.path)
    return SOCKETS if scope["path"].startswith(SOCKETS) else ELSEWHERE


def _facts(scope: Scope, route: str) -> dict[str, Any]:
    facts = {"method": scope["method"], "route": route, "address": (scope["client"] or ("",))[0]}
    caller = scope["state"].get("caller")
    if caller is not None:
        facts["user"] = caller.user.id
        if caller.space is not None:
            facts["space"] = caller.space.id
    return facts
