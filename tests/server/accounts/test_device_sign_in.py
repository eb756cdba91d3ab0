"""Signing in a device by a code: the device's side, and the page on which a person decides."""

from __future__ import annotations

import html
import re
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import aiohttp
import pytest

from sila_daemon.core.errors import NotFoundError, RateLimitedError, RemoteRefusedError
from sila_daemon.server.accounts.device_codes import CODE_SECONDS, LETTERS, normal_user_code
from sila_daemon.server.accounts.session_info import Device
from tests.server.http_api import Api, running_api
from tests.server.world_fixture import SteppedClock, inline_ports, open_world

EMAIL = "person@example.org"
PASSWORD = "a phrase of words"
TV = {"id": "d1", "name": "<b>TV & co</b>", "platform": "linux"}


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path / "data") as api:
        await api.server.world.accounts.add_user(EMAIL, PASSWORD)
        yield api


class Browser:
    """Keeps cookies, and sends what a page's form says."""

    def __init__(self, api: Api) -> None:
        self.url = api.server.url
        self.session = aiohttp.ClientSession(cookie_jar=aiohttp.CookieJar(unsafe=True))
        self.page = ""
        self.status = 0
        self.headers: Any = {}

    async def ask(self, method: str, path: str, **options: Any) -> int:
        """Loads a page."""
        async with self.session.request(method, self.url + path, **options) as answer:
            self.page, self.status = await answer.text(), answer.status
            self.headers = answer.headers
        return self.status

    def fields(self) -> dict[str, str]:
        """The hidden fields and values of the form that is shown."""
        found = re.findall(r'<input[^>]* name="(\w+)"[^>]* value="([^"]*)"', self.page)
        return {name: html.unescape(value) for name, value in found}

    async def submit(self, path: str, *, headers: Any = None, **fields: str) -> int:
        """Sends the form that is shown."""
        data = {**self.fields(), **fields}
        sent = {"Origin": self.url, "Sec-Fetch-Site": "same-origin"} if headers is None else headers
        return await self.ask("POST", path, data=data, headers=sent)

    async def sign_in(self, code: str, password: str = PASSWORD) -> int:
        """Fills the first page in and sends it."""
        await self.ask("GET", "/device")
        return await self.submit("/device", user_code=code, email=EMAIL, password=password)


@pytest.fixture
async def browser(api: Api) -> AsyncIterator[Browser]:
    browser = Browser(api)
    yield browser
    await browser.session.close()


async def begun(api: Api) -> Any:
    """A device's first question."""
    status, headers, answer = await api.ask("POST", "/auth/device", {"device": TV}, token=None)
    assert status == 200 and headers["Cache-Control"] == "no-store"
    return answer


async def polled(api: Api, code: object) -> tuple[int, Any]:
    """A device's next question."""
    body = {"device_code": code}
    status, _, answer = await api.ask("POST", "/auth/device/token", body, token=None)
    return status, answer


async def test_a_device_is_let_in(api: Api, browser: Browser) -> None:
    codes = await begun(api)
    assert set(codes) == {
        "ok", "device_code", "user_code", "verification_uri", "verification_uri_complete",
        "interval", "expires_in",
    }  # fmt: skip
    assert re.fullmatch(rf"[{LETTERS}]{{4}}-[{LETTERS}]{{4}}", codes["user_code"])
    assert codes["verification_uri"] == f"{api.server.url}/device"
    status, answer = await polled(api, codes["device_code"])
    assert (status, answer["error"], answer["ok"]) == (400, "authorization_pending", False)
    assert await browser.sign_in(codes["user_code"].lower().replace("-", " ")) == 200
    assert html.escape(TV["name"]) in browser.page and TV["name"] not in browser.page
    assert "127.0.0.1" in browser.page and "linux" in browser.page
    assert await browser.submit("/device/decision", decision="allow") == 200
    assert "signed in" in browser.page
    status, signed = await polled(api, codes["device_code"])
    assert status == 200 and signed["user"]["email"] == EMAIL
    assert set(signed) == {"ok", "access_token", "refresh_token", "expires_in", "user"}
    _, _, listed = await api.ask("GET", "/auth/sessions", token=signed["access_token"])
    assert [one["name"] for one in listed["sessions"]] == [TV["name"]]
    status, again = await polled(api, codes["device_code"])
    assert again["refresh_token"] == signed["refresh_token"], "the answer was lost"
    assert (
        len((await api.ask("GET", "/auth/sessions", token=again["access_token"]))[2]["sessions"])
        == 1
    )
    body = {"refresh_token": signed["refresh_token"]}
    assert (await api.ask("POST", "/auth/refresh", body, token=None))[0] == 200
    assert (await polled(api, codes["device_code"]))[1]["code"] == "expired_token"


async def test_a_device_is_refused(api: Api, browser: Browser) -> None:
    codes = await begun(api)
    await browser.sign_in(codes["user_code"])
    await browser.submit("/device/decision", decision="refuse")
    assert "refused" in browser.page
    assert (await polled(api, codes["device_code"]))[1]["error"] == "access_denied"
    assert await browser.sign_in(codes["user_code"]) == 404, "a decision is final"


async def test_a_wrong_password_or_code_shows_nothing_of_the_device(
    api: Api, browser: Browser
) -> None:
    codes = await begun(api)
    for code, password, status in (
        (codes["user_code"], "wrong password", 401),
        ("BBBB-BBBB", PASSWORD, 404),
        ("", PASSWORD, 404),
    ):
        assert await browser.sign_in(code, password) == status
        assert "TV" not in browser.page and 'role="alert"' in browser.page
        assert password not in browser.page
    assert (await polled(api, codes["device_code"]))[1]["error"] == "authorization_pending"


async def test_the_page_can_run_nothing_and_be_framed_nowhere(api: Api, browser: Browser) -> None:
    codes = await begun(api)
    await browser.ask("GET", '/device?user_code="><script>alert(1)</script>')
    for _ in range(2):
        policy = browser.headers["Content-Security-Policy"]
        assert "default-src 'none'" in policy and "frame-ancestors 'none'" in policy
        assert "script" not in policy and "script" not in browser.page
        assert browser.headers["X-Frame-Options"] == "DENY"
        assert browser.headers["Cache-Control"] == "no-store"
        assert not re.search(r"(src|href)=", browser.page)
        await browser.sign_in(codes["user_code"])
    await browser.ask("GET", "/device?user_code=bcdf-ghjk")
    cookie = browser.headers["Set-Cookie"].lower()
    assert "httponly" in cookie and "samesite=strict" in cookie and "path=/device" in cookie
    assert browser.fields()["user_code"] == "BCDF-GHJK"


@pytest.mark.parametrize(
    "headers",
    [{"Origin": "https://evil.example"}, {"Origin": "null"}, {"Sec-Fetch-Site": "cross-site"},
     {"Sec-Fetch-Site": "same-site"}, {"Origin": "https://evil.example", "Sec-Fetch-Site": "none"}],
)  # fmt: skip
async def test_a_form_from_elsewhere_does_nothing(
    api: Api, browser: Browser, headers: dict[str, str]
) -> None:
    codes = await begun(api)
    await browser.sign_in(codes["user_code"])
    assert await browser.submit("/device/decision", headers=headers, decision="allow") == 403
    assert (await polled(api, codes["device_code"]))[1]["error"] == "authorization_pending"


async def test_a_form_needs_the_cookie_of_its_page(api: Api, browser: Browser) -> None:
    codes = await begun(api)
    await browser.sign_in(codes["user_code"])
    fields = {**browser.fields(), "decision": "allow"}
    assert set(fields) == {"form", "ticket", "decision"}
    other = Browser(api)
    try:
        await other.ask("GET", "/device")
        for changed in (
            fields,
            {**fields, **other.fields(), "ticket": fields["ticket"]},
            {"ticket": fields["ticket"], "decision": "allow"},
            {**fields, "ticket": ""},
            {**fields, "ticket": "x.y.1"},
            {**fields, "form": "0" * 64},
        ):
            assert await other.ask("POST", "/device/decision", data=changed) == 403
        assert await other.ask("POST", "/device/decision", data=b"\xff=" * 9000) in (400, 413)
    finally:
        await other.session.close()
    user = await api.server.world.accounts.user_by_email(EMAIL)
    forged = fields["ticket"].replace(user.id, api.server.user.id)
    assert await browser.ask("POST", "/device/decision", data={**fields, "ticket": forged}) == 403
    assert (await polled(api, codes["device_code"]))[1]["error"] == "authorization_pending"
    assert await browser.ask("POST", "/device/decision", data=fields) == 200
    assert (await polled(api, codes["device_code"]))[0] == 200


async def test_a_decision_takes_no_longer_than_five_minutes(api: Api, browser: Browser) -> None:
    codes = await begun(api)
    await browser.sign_in(codes["user_code"])
    api.server.clock.ahead = 301
    assert await browser.submit("/device/decision", decision="allow") == 400
    assert (await polled(api, codes["device_code"]))[1]["error"] == "authorization_pending"


@pytest.mark.parametrize("code", [None, 7, "", "x", "dev_" + "0" * 64, "\x00", "x" * 9999, [], {}])
async def test_a_made_up_device_code_is_expired(api: Api, code: Any) -> None:
    status, answer = await polled(api, code)
    assert (status, answer["error"], answer["code"]) == (400, "expired_token", "expired_token")


class Place:
    """A world with one user and a clock of its own."""

    def __init__(self, world: Any, clock: SteppedClock) -> None:
        self.codes = world.device_codes
        self.world = world
        self.clock = clock

    async def error(self, code: str) -> str:
        """The code with which a poll is refused."""
        with pytest.raises(RemoteRefusedError) as refusal:
            await self.codes.poll(code, "")
        return refusal.value.code


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    clock = SteppedClock()
    async with open_world(tmp_path / "data", inline_ports(clock)) as world:
        yield Place(world, clock)


async def test_who_asks_too_often_must_ask_less_often(place: Place) -> None:
    code = (await place.codes.begin(Device())).device_code
    assert await place.error(code) == "authorization_pending"
    assert await place.error(code) == "slow_down"
    place.clock.ahead += 6
    assert await place.error(code) == "slow_down", "ten seconds by now"
    place.clock.ahead += 15
    assert await place.error(code) == "authorization_pending"


async def test_codes_are_good_for_ten_minutes(place: Place) -> None:
    user = await place.world.accounts.add_user(EMAIL, None)
    begun = await place.codes.begin(Device())
    place.clock.ahead = CODE_SECONDS + 1
    assert await place.error(begun.device_code) == "expired_token"
    with pytest.raises(NotFoundError):
        await place.codes.find(begun.user_code, user, "")
    with pytest.raises(NotFoundError):
        await place.codes.decide(begun.user_code, user, is_allowed=True, address="")
    await place.codes.remove_expired()


async def test_nobody_is_let_in_by_a_user_who_is_gone(place: Place) -> None:
    user = await place.world.accounts.add_user(EMAIL, None)
    begun = await place.codes.begin(Device())
    await place.codes.decide(begun.user_code, user, is_allowed=True, address="")
    await place.world.accounts.set_disabled(EMAIL, is_disabled=True)
    assert await place.error(begun.device_code) == "access_denied"


async def test_guesses_and_beginnings_are_limited(place: Place) -> None:
    user = await place.world.accounts.add_user(EMAIL, None)
    for _ in range(10):
        with pytest.raises(NotFoundError):
            await place.codes.find("BBBB-BBBB", user, "192.0.2.1")
        await place.codes.begin(Device(address="192.0.2.1"))
    with pytest.raises(RateLimitedError):
        await place.codes.find("BBBB-BBBB", user, "192.0.2.2")
    with pytest.raises(RateLimitedError):
        await place.codes.begin(Device(address="192.0.2.1"))
    await place.codes.begin(Device(address="192.0.2.2"))


async def test_two_polls_at_once_begin_one_session(place: Place) -> None:
    import asyncio

    user = await place.world.accounts.add_user(EMAIL, None)
    begun = await place.codes.begin(Device(name="tv"))
    await place.codes.decide(begun.user_code, user, is_allowed=True, address="")
    signed = await asyncio.gather(*(place.codes.poll(begun.device_code, "") for _ in range(4)))
    assert len({one.refresh_token for one in signed}) == 1
    assert len(await place.world.accounts.sessions.of_user(user.id)) == 1
    assert {one.user_code for one in [await place.codes.begin(Device())]} != {begun.user_code}


def test_a_code_is_read_however_it_is_typed() -> None:
    for typed in ("bcdfghjk", "BCDF GHJK", " bcdf-ghjk ", "b.c.d.f.g.h.j.k"):
        assert normal_user_code(typed) == "BCDF-GHJK"
    assert len(normal_user_code("B" * 10_000)) <= 101
