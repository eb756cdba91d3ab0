"""HTTP: signing in and out, one's password, and the devices that one is signed in on."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import JSONResponse, Response

from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.accounts.session_info import Device
from sila_daemon.server.http import answers, requests
from sila_daemon.server.http.about import about
from sila_daemon.server.http.common import address_of, json_body, ok, world_of
from sila_daemon.server.http.rules import RouteRule, caller_of

if TYPE_CHECKING:
    from starlette.requests import Request


async def _log_in(request: Request) -> Response:
    body = await json_body(request)
    device = Device.from_json(body.get("device"), address_of(request))
    accounts = world_of(request).accounts
    signed = await accounts.log_in(body.get("email"), body.get("password"), device)
    return JSONResponse({**signed.to_json(), "user": signed.user.to_json()}, headers=_NO_STORE)


async def _sign_up(request: Request) -> Response:
    body = await json_body(request)
    device = Device.from_json(body.get("device"), address_of(request))
    accounts = world_of(request).accounts
    signed = await accounts.sign_up(body.get("email"), body.get("password"), device)
    answer = {**signed.to_json(), "user": signed.user.to_json()}
    return JSONResponse(answer, 201, headers=_NO_STORE)


async def _refresh(request: Request) -> Response:
    body = await json_body(request)
    sessions = world_of(request).accounts.sessions
    signed = await sessions.refresh(body.get("refresh_token"), address_of(request))
    return JSONResponse(signed.to_json(), headers=_NO_STORE)


async def _me(request: Request) -> Response:
    return JSONResponse(caller_of(request).user.to_json())


async def _log_out(request: Request) -> Response:
    caller, world = caller_of(request), world_of(request)
    await world.accounts.sessions.end(caller.user.id, caller.claims.session_id)
    world.audit.note("logout", user_id=caller.user.id, address=address_of(request))
    return ok()


async def _change_password(request: Request) -> Response:
    caller, body = caller_of(request), await json_body(request)
    await world_of(request).accounts.change_password(
        caller.user,
        caller.claims.session_id,
        body.get("old"),
        body.get("new"),
        address_of(request),
    )
    return ok()


async def _list_sessions(request: Request) -> Response:
    caller, world = caller_of(request), world_of(request)
    await world.connections.see()
    found = await world.accounts.sessions.of_user(caller.user.id)
    current = caller.claims.session_id
    return ok(sessions=[{**one.to_json(), "current": one.id == current} for one in found])


async def _end_session(request: Request) -> Response:
    caller, world = caller_of(request), world_of(request)
    await world.accounts.sessions.end(caller.user.id, request.path_params["session_id"])
    world.audit.note("session_revoked", user_id=caller.user.id, address=address_of(request))
    return ok()


_NO_STORE = {"Cache-Control": "no-store"}

AUTH_RULES = [
    RouteRule(
        "POST",
        "/auth/login",
        Right.PUBLIC,
        _log_in,
        about(
            "Signs in with a password.",
            answers.SignedIn,
            takes=requests.LogIn,
            codes="bad_login rate_limited",
        ),
    ),
    RouteRule(
        "POST",
        "/auth/signup",
        Right.PUBLIC,
        _sign_up,
        about(
            "Makes an account and signs in to it, where `accounts.sign_up` is open.",
            {201: answers.SignedIn},
            takes=requests.SignUp,
            codes="sign_up_closed bad_email weak_password taken rate_limited",
        ),
    ),
    RouteRule(
        "POST",
        "/auth/refresh",
        Right.PUBLIC,
        _refresh,
        about(
            "Exchanges a refresh token for new tokens; extends a token of the original.",
            answers.Tokens,
            takes=requests.Refresh,
            codes="unauthorized bad_token auth_expired revoked rate_limited",
        ),
    ),
    RouteRule("GET", "/auth/me", Right.USER, _me, about("Tells who is signed in.", answers.User)),
    RouteRule(
        "POST", "/auth/logout", Right.USER, _log_out, about("Ends this session.", answers.Done)
    ),
    RouteRule(
        "POST",
        "/auth/password",
        Right.USER,
        _change_password,
        about(
            "Changes one's password and ends all other sessions.",
            answers.Done,
            takes=requests.PasswordChange,
            codes="wrong_password weak_password rate_limited",
        ),
    ),
    RouteRule(
        "GET",
        "/auth/sessions",
        Right.USER,
        _list_sessions,
        about("Lists where one is signed in.", answers.SessionList),
    ),
    RouteRule(
        "DELETE",
        "/auth/sessions/{session_id}",
        Right.USER,
        _end_session,
        about("Ends one of one's own sessions.", answers.Done, codes="not_found"),
    ),
]
"""The routes, each with the right that it needs."""
