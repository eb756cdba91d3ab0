"""HTTP: signing in a device by a code, and the page on which a person lets it in."""

from __future__ import annotations

from typing import TYPE_CHECKING

from starlette.responses import HTMLResponse, JSONResponse, Response

from sila_daemon.core.errors import RemoteRefusedError, SilaError
from sila_daemon.server.accounts.device_codes import (
    CODE_SECONDS,
    INTERVAL_SECONDS,
    normal_user_code,
)
from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.accounts.session_info import Device
from sila_daemon.server.http import answers, device_page, requests
from sila_daemon.server.http.about import HTML, Answer, Body, Parameter, about
from sila_daemon.server.http.common import address_of, error_answer, json_body, refused, world_of
from sila_daemon.server.http.rules import RouteRule

if TYPE_CHECKING:
    from starlette.requests import Request

    from sila_daemon.server.accounts.page_forms import PageForms

_NO_STORE = {"Cache-Control": "no-store"}


async def _begin(request: Request) -> Response:
    body = await json_body(request)
    device = Device.from_json(body.get("device"), address_of(request))
    begun = await world_of(request).device_codes.begin(device)
    page = request.base_url.replace(path="/device", query="", fragment="")
    answer = {
        "ok": True,
        "device_code": begun.device_code,
        "user_code": begun.user_code,
        "verification_uri": str(page),
        "verification_uri_complete": f"{page}?user_code={begun.user_code}",
        "interval": INTERVAL_SECONDS,
        "expires_in": CODE_SECONDS,
    }
    return JSONResponse(answer, headers=_NO_STORE)


async def _poll(request: Request) -> Response:
    body, codes = await json_body(request), world_of(request).device_codes
    try:
        signed = await codes.poll(body.get("device_code"), address_of(request))
    except RemoteRefusedError as error:
        # `error` is the code itself, as clients of the RFC read it.
        return refused(400, error.code, error.code, error_description=error.message)
    return JSONResponse({**signed.to_json(), "user": signed.user.to_json()}, headers=_NO_STORE)


async def _page(request: Request) -> Response:
    forms = _forms(request)
    cookie = forms.cookie_of(request)
    given = request.query_params.get("user_code", "")[:20]
    code = normal_user_code(given) if given else ""
    return _shown(request, cookie, device_page.sign_in_page(forms.form_token(cookie), code))


async def _sign_in(request: Request) -> Response:
    world, forms = world_of(request), _forms(request)
    address, cookie = address_of(request), forms.cookie_of(request)
    fields: dict[str, str] = {}
    try:
        fields = await forms.read(request)
        user = await world.accounts.verify(fields.get("email"), fields.get("password"), address)
        device = await world.device_codes.find(fields.get("user_code", ""), user, address)
    except SilaError as error:
        again = device_page.sign_in_page(
            forms.form_token(cookie),
            fields.get("user_code", "")[:20],
            fields.get("email", "")[:300],
            error.message,
        )
        return _shown(request, cookie, again, error)
    ticket = forms.ticket(cookie, user.id, device.user_code)
    page = device_page.decision_page(forms.form_token(cookie), ticket, device, user.email)
    return _shown(request, cookie, page)


async def _decide(request: Request) -> Response:
    world, forms = world_of(request), _forms(request)
    cookie = forms.cookie_of(request)
    try:
        fields = await forms.read(request)
        user_id, code = forms.read_ticket(cookie, fields.get("ticket", ""))
        user = await world.accounts.active_user(user_id)
        is_allowed = fields.get("decision") == "allow"
        await world.device_codes.decide(
            code, user, is_allowed=is_allowed, address=address_of(request)
        )
    except SilaError as error:
        page = device_page.result_page("Nothing was changed.", error.message)
        return _shown(request, cookie, page, error)
    text = (
        "The device is signed in. You may close this page."
        if is_allowed
        else "The device was refused. You may close this page."
    )
    return _shown(request, cookie, device_page.result_page(text))


def _forms(request: Request) -> PageForms:
    return world_of(request).page_forms


def _shown(request: Request, cookie: str, page: str, error: SilaError | None = None) -> Response:
    """Makes the answer of a page, with the status and the waiting time of an error."""
    response = HTMLResponse(page, headers=device_page.HEADERS)
    if error is not None:
        plain = error_answer(error)
        response.status_code = plain.status_code
        if "Retry-After" in plain.headers:
            response.headers["Retry-After"] = plain.headers["Retry-After"]
    _forms(request).keep_cookie(request, response, cookie)
    return response


_PAGE = Answer(media_type=HTML)

_FORM = ("application/x-www-form-urlencoded",)

DEVICE_RULES = [
    RouteRule(
        "POST",
        "/auth/device",
        Right.PUBLIC,
        _begin,
        about(
            "Asks for a code with which a person lets this device in.",
            answers.DeviceCode,
            takes=Body(requests.DeviceBegin, is_required=False),
            codes="rate_limited",
        ),
    ),
    RouteRule(
        "POST",
        "/auth/device/token",
        Right.PUBLIC,
        _poll,
        about(
            "Asks whether the device was let in, and signs it in once it was.",
            answers.SignedIn,
            takes=requests.DevicePoll,
            codes="authorization_pending slow_down access_denied expired_token",
        ),
    ),
    RouteRule(
        "GET",
        "/device",
        Right.PUBLIC,
        _page,
        about(
            "Shows the page on which a person lets a device in.",
            _PAGE,
            parameters=[Parameter("user_code", "The code that the device shows.")],
        ),
    ),
    RouteRule(
        "POST",
        "/device",
        Right.PUBLIC,
        _sign_in,
        about(
            "Takes the first form of the page: who decides, and about which code.",
            _PAGE,
            takes=Body(requests.DeviceForm, _FORM),
            codes="not_permitted bad_form too_large bad_login bad_code rate_limited",
            refuses_with=HTML,
        ),
    ),
    RouteRule(
        "POST",
        "/device/decision",
        Right.PUBLIC,
        _decide,
        about(
            "Takes the second form of the page: whether the device is let in.",
            _PAGE,
            takes=Body(requests.DecisionForm, _FORM),
            codes="not_permitted bad_form too_large expired_token revoked bad_code",
            refuses_with=HTML,
        ),
    ),
]
"""The routes, each with the right that it needs."""
