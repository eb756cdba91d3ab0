"""HTTP: signing in and out."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from sila_daemon.core.errors import FormatError, SilaError
from sila_daemon.server.accounts import Device
from sila_daemon.server.http_common import (
    address_of,
    answering_errors,
    error_answer,
    json_body,
    ok,
    signed_in,
    world_of,
)

if TYPE_CHECKING:
    from starlette.requests import Request

    from sila_daemon.server.rate_limit import RateLimit


class AuthRoutes:
    """The routes below `/auth`."""

    def __init__(self, logins_by_address: RateLimit, logins_by_account: RateLimit) -> None:
        self._by_address = logins_by_address
        self._by_account = logins_by_account

    @property
    def routes(self) -> list[Route]:
        """The routes, to be put into an application."""
        return [
            Route("/auth/login", answering_errors(self._log_in), methods=["POST"]),
            Route("/auth/refresh", answering_errors(self._refresh), methods=["POST"]),
            Route("/auth/logout", answering_errors(self._log_out), methods=["POST"]),
            Route("/auth/me", answering_errors(self._me), methods=["GET"]),
        ]

    async def _log_in(self, request: Request) -> Response:
        body, address = await json_body(request), address_of(request)
        account = str(body.get("email", "")).strip().lower()[:300]
        # One after the other: who is held back by address must not use up others' attempts.
        wait = self._by_address.wait_seconds(address) or self._by_account.wait_seconds(account)
        if wait > 0:
            error = FormatError("too many attempts; wait a little", code="rate_limited")
            return _with_retry_after(error, wait)
        device = Device.from_json(body.get("device"), address)
        accounts = world_of(request).accounts
        signed = await accounts.log_in(body.get("email"), body.get("password"), device)
        return JSONResponse({**signed.to_json(), "user": signed.user.to_json()})

    async def _refresh(self, request: Request) -> Response:
        body = await json_body(request)
        signed = await world_of(request).accounts.refresh(body.get("refresh_token"))
        return JSONResponse(signed.to_json())

    async def _log_out(self, request: Request) -> Response:
        _, claims = await signed_in(request)
        await world_of(request).accounts.log_out(claims.session_id)
        return ok()

    async def _me(self, request: Request) -> Response:
        user, _ = await signed_in(request)
        return JSONResponse(user.to_json())


def _with_retry_after(error: SilaError, seconds: float) -> Response:
    answer = error_answer(error)
    answer.headers["Retry-After"] = str(int(seconds) + 1)
    return answer
