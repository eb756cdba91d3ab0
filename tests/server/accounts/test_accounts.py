"""Signing in: what it costs, how often it may be tried, passwords, and sessions over HTTP."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import argon2
import pytest

from sila_daemon.core.errors import (
    ProtectionError,
    RateLimitedError,
    SignInNeededError,
    UsageError,
)
from sila_daemon.ports.workers import InlineWorkers
from sila_daemon.server.accounts import sessions as sessions_module
from sila_daemon.server.accounts.login_limits import LoginLimits, network_of
from sila_daemon.server.accounts.passwords import WAITING_MAX, Passwords, checked_password
from sila_daemon.server.accounts.session_info import Device
from tests.server.http_api import Api, running_api
from tests.server.memory_client import join
from tests.server.world_fixture import SPACE, SteppedClock, inline_ports, open_world

if TYPE_CHECKING:
    from sila_daemon.server.accounts.users import Accounts
    from sila_daemon.server.world import World

EMAIL = "a@example.org"
PASSWORD = "a phrase of words"


class Place:
    """A world with one user."""

    def __init__(self, world: World, clock: SteppedClock) -> None:
        self.world = world
        self.accounts: Accounts = world.accounts
        self.clock = clock

    @property
    def hashes(self) -> int:
        """How often Argon2 ran so far."""
        return self.accounts._passwords.hash_count

    async def cost(self, email: object, password: object, address: str = "") -> int:
        """Tries to sign in in vain; returns how often Argon2 ran for it."""
        before = self.hashes
        with pytest.raises((SignInNeededError, RateLimitedError)) as refusal:
            await self.accounts.log_in(email, password, Device(address=address))
        assert "address" not in refusal.value.message or "wrong" in refusal.value.message
        return self.hashes - before


@pytest.fixture
async def place(tmp_path: Path) -> AsyncIterator[Place]:
    clock = SteppedClock()
    async with open_world(tmp_path / "data", inline_ports(clock)) as world:
        await world.accounts.add_user(EMAIL, PASSWORD)
        await world.accounts.add_user("token-only@example.org", None)
        await world.accounts.add_user("disabled@example.org", PASSWORD)
        await world.accounts.set_disabled("disabled@example.org", is_disabled=True)
        yield Place(world, clock)


async def test_whoever_it_is_one_hash_is_computed(place: Place) -> None:
    await place.cost(EMAIL, "warm up", "192.0.2.1")
    for email, password in (
        (EMAIL, "wrong"), ("nobody@example.org", "wrong"), ("token-only@example.org", "wrong"),
        ("disabled@example.org", PASSWORD), ("disabled@example.org", "wrong"),
        ("\ud800@x.y", "\ud800"), (EMAIL, "x" * 100_000), ("nobody@example.org", ""),
    ):  # fmt: skip
        place.clock.ahead += 60
        assert await place.cost(email, password, "192.0.2.1") == 1, email
    before = place.hashes
    await place.accounts.log_in(EMAIL, PASSWORD, Device(address="192.0.2.1"))
    assert place.hashes == before + 1


async def test_the_first_try_costs_the_same_for_known_and_unknown(tmp_path: Path) -> None:
    costs = []
    for number, email in enumerate((EMAIL, "nobody@example.org")):
        async with open_world(tmp_path / str(number)) as world:
            await world.accounts.add_user(EMAIL, PASSWORD)
            place = Place(world, SteppedClock())
            costs.append(await place.cost(email, "wrong"))
    assert costs[0] == costs[1]


async def test_who_is_held_back_costs_no_hash(place: Place) -> None:
    costs = [await place.cost(EMAIL, "wrong", "192.0.2.1") for _ in range(8)]
    assert costs[1:5] == [1] * 4 and costs[5:] == [0] * 3
    before = place.hashes
    with pytest.raises(RateLimitedError) as refusal:
        await place.accounts.log_in(EMAIL, PASSWORD, Device(address="192.0.2.1"))
    assert place.hashes == before and 0 < refusal.value.retry_after_s <= 60
    elsewhere = await place.accounts.log_in(EMAIL, PASSWORD, Device(address="192.0.2.7"))
    assert elsewhere.user.email == EMAIL, "guessing from one place shuts out only that place"
    place.clock.ahead += refusal.value.retry_after_s
    await place.accounts.log_in(EMAIL, PASSWORD, Device(address="192.0.2.1"))


def test_guesses_from_everywhere_are_counted_for_the_account() -> None:
    limits = LoginLimits(SteppedClock())
    for number in range(20):
        limits.take(EMAIL, f"192.0.2.{number}")
    with pytest.raises(RateLimitedError):
        limits.take(EMAIL, "192.0.2.99")
    limits.take("other@example.org", "192.0.2.99")


def test_one_address_is_one_network() -> None:
    limits = LoginLimits(SteppedClock())
    for number in range(20):
        limits.take(f"u{number}@example.org", f"2001:db8::{number:x}")
    with pytest.raises(RateLimitedError):
        limits.take("x@example.org", "2001:db8:0:0:ffff::1")
    limits.take("x@example.org", "2001:db8:0:1::1")
    assert network_of("::ffff:192.0.2.1") == network_of("192.0.2.1") == "192.0.2.1"
    assert network_of("fe80::1%eth0") == "fe80::/64"
    assert len(network_of("x" * 10_000)) == 100


async def test_memory_of_hashes_is_bounded() -> None:
    passwords = Passwords(InlineWorkers(), argon2.PasswordHasher(1, 8, 1))
    await passwords.hash("first of all")
    tries = [passwords.hash(f"password {number}") for number in range(WAITING_MAX + 10)]
    done = await asyncio.gather(*tries, return_exceptions=True)
    refused = [one for one in done if isinstance(one, RateLimitedError)]
    assert 0 < len(refused) <= 10
    assert all(isinstance(one, str | RateLimitedError) for one in done)


async def test_a_hash_of_older_parameters_is_made_anew(place: Place) -> None:
    old = argon2.PasswordHasher(1, 8, 1).hash(PASSWORD)

    async def stored() -> str:
        rows = await place.world.database.read(
            lambda c: c.execute("SELECT password FROM users WHERE email = ?", (EMAIL,)).fetchall()
        )
        return str(rows[0][0])

    await place.world.database.write(
        lambda c: c.execute("UPDATE users SET password = ? WHERE email = ?", (old, EMAIL))
    )
    await place.cost(EMAIL, "wrong")
    assert await stored() == old, "only who knows the password"
    await place.accounts.log_in(EMAIL, PASSWORD, Device())
    renewed = await stored()
    assert renewed != old and renewed.startswith("$argon2id$v=19$m=19456,t=2,p=1$")
    await place.accounts.log_in(EMAIL, PASSWORD, Device())
    assert await stored() == renewed


async def test_a_password_is_the_same_however_it_is_typed(place: Place) -> None:
    await place.accounts.set_password(EMAIL, "cafe\u0301 noir bl\u00f6d")
    signed_in = await place.accounts.log_in(EMAIL, "caf\u00e9 noir blo\u0308d", Device())
    assert signed_in.user.email == EMAIL


@pytest.mark.parametrize(
    "password",
    ["", "short", "x" * 1025, "password1", "PASSWORD123", "aaaaaaaaaaaa", "abababababab", None, 7,
     ["a phrase of words"], "someone@example.org", "Someone@Example.org"],
)  # fmt: skip
def test_passwords_that_nobody_should_choose(password: Any) -> None:
    with pytest.raises(UsageError) as refusal:
        checked_password(password, "someone@example.org")
    assert refusal.value.code == "weak_password"


@pytest.mark.parametrize(
    "password",
    ["a phrase of words", "x7!k" * 2, "\u4e2d\u6587\u5bc6\u7801 1234", "p" * 512 + "qrs" * 100],
)
def test_passwords_that_are_fine(password: str) -> None:
    assert checked_password(password, "someone@example.org") == password


async def test_only_so_many_sessions_are_kept(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sessions_module, "SESSIONS_MAX", 3)
    user = await place.accounts.user_by_email(EMAIL)
    signed = []
    for number in range(4):
        place.clock.ahead += 1
        signed.append(await place.accounts.sessions.begin(user, Device(name=str(number))))
    names = [one.name for one in await place.accounts.sessions.of_user(user.id)]
    assert names == ["3", "2", "1"]
    with pytest.raises(SignInNeededError):
        await place.accounts.check(signed[0].access_token)


async def test_a_session_that_is_not_used_ends_with_its_time(place: Place) -> None:
    signed = await place.accounts.log_in(EMAIL, PASSWORD, Device())
    place.clock.ahead += 89 * 86_400
    signed = await place.accounts.sessions.refresh(signed.refresh_token)
    place.clock.ahead += 89 * 86_400
    signed = await place.accounts.sessions.refresh(signed.refresh_token)
    place.clock.ahead += 91 * 86_400
    with pytest.raises(SignInNeededError):
        await place.accounts.sessions.refresh(signed.refresh_token)
    await place.accounts.sessions.remove_expired()
    assert await place.accounts.sessions.of_user(signed.user.id) == []


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path / "data") as api:
        await api.server.world.accounts.add_user(EMAIL, PASSWORD)
        yield api


async def signed_in(api: Api, name: str = "laptop") -> Any:
    """Signs a device in."""
    body = {
        "email": EMAIL,
        "password": PASSWORD,
        "device": {"id": "d", "name": name, "platform": "linux"},
    }
    status, _, answer = await api.ask("POST", "/auth/login", body, token=None)
    assert status == 200, answer
    return answer


async def test_one_sees_and_ends_ones_sessions(api: Api) -> None:
    laptop, phone = await signed_in(api), await signed_in(api, "phone")
    api.server.clock.ahead = 100
    token = laptop["access_token"]
    _, _, listed = await api.ask("GET", "/auth/sessions", token=token)
    first, second = listed["sessions"]
    assert set(first) == {
        "id", "kind", "name", "platform", "address", "createdAt", "lastSeenAt", "expiresAt",
        "current",
    }  # fmt: skip
    assert (first["name"], first["current"], first["address"]) == ("laptop", True, "127.0.0.1")
    assert (second["name"], second["current"], second["platform"]) == ("phone", False, "linux")
    assert first["lastSeenAt"] >= first["createdAt"] + 100_000
    path = f"/auth/sessions/{second['id']}"
    owner_status = (await api.ask("DELETE", path))[0]
    assert owner_status == 404, "of somebody else"
    assert (await api.ask("DELETE", path, token=token))[0] == 200
    status, _, answer = await api.ask("GET", "/auth/me", token=phone["access_token"])
    assert (status, answer["code"]) == (401, "revoked")
    assert (await api.ask("DELETE", path, token=token))[0] == 404
    body = {"refresh_token": phone["refresh_token"]}
    assert (await api.ask("POST", "/auth/refresh", body, token=None))[0] == 401


async def test_a_connected_device_is_seen_now(api: Api) -> None:
    laptop, phone = await signed_in(api), await signed_in(api, "phone")
    world = api.server.world
    await world.directory.share(SPACE, laptop["user"]["id"], "viewer")
    client = await join(world, phone["access_token"])
    api.server.clock.ahead = 600
    token = laptop["access_token"]
    for is_connected in (True, False):
        _, _, listed = await api.ask("GET", "/auth/sessions", token=token)
        seen = {one["name"]: one["lastSeenAt"] for one in listed["sessions"]}
        assert (abs(seen["phone"] - seen["laptop"]) < 60_000) == is_connected
        client.session.end("gone")
        await client.task
        api.server.clock.ahead += 600
    assert [one["address"] for one in listed["sessions"]] == ["127.0.0.1", "192.0.2.9"]


async def test_a_new_password_ends_all_other_sessions(api: Api) -> None:
    world = api.server.world
    laptop, phone = await signed_in(api), await signed_in(api, "phone")
    await world.directory.share(SPACE, laptop["user"]["id"], "editor")
    here, there = (
        await join(world, laptop["access_token"]),
        await join(world, phone["access_token"]),
    )
    token = laptop["access_token"]
    cases: list[tuple[dict[str, Any], int, str]] = [
        ({"old": "wrong", "new": "another phrase"}, 403, "wrong_password"),
        ({"old": None, "new": "another phrase"}, 403, "wrong_password"),
        ({"old": PASSWORD, "new": "short"}, 400, "weak_password"),
        ({"old": PASSWORD}, 400, "weak_password"),
    ]
    for body, status, code in cases:
        api.server.clock.ahead += 60
        answered, _, answer = await api.ask("POST", "/auth/password", body, token=token)
        assert (answered, answer["code"]) == (status, code)
    api.server.clock.ahead += 60
    body = {"old": PASSWORD, "new": "another phrase"}
    assert (await api.ask("POST", "/auth/password", body, token=token))[0] == 200
    await there.task
    assert there.events("auth:expired") == [{"code": "revoked"}]
    assert (await api.ask("GET", "/auth/me", token=token))[0] == 200
    assert (await api.ask("GET", "/auth/me", token=phone["access_token"]))[0] == 401
    assert here.events("auth:expired") == []
    here.session.end("gone")
    await here.task
    login = {"email": EMAIL, "password": PASSWORD}
    assert (await api.ask("POST", "/auth/login", login, token=None))[0] == 401


async def test_guessing_the_old_password_is_limited(api: Api) -> None:
    token = (await signed_in(api))["access_token"]
    body = {"old": "wrong", "new": "another phrase"}
    statuses = [(await api.ask("POST", "/auth/password", body, token=token))[0] for _ in range(6)]
    assert statuses == [403] * 4 + [429] * 2


async def test_sign_up_is_closed_unless_it_was_opened(api: Api) -> None:
    accounts = api.server.world.accounts
    body = {"email": "New@Example.org", "password": "a new phrase", "device": {"name": "tv"}}
    status, _, answer = await api.ask("POST", "/auth/signup", body, token=None)
    assert (status, answer["code"]) == (403, "sign_up_closed")
    assert len(await accounts.users()) == 2
    accounts.is_sign_up_open = True
    status, _, answer = await api.ask("POST", "/auth/signup", body, token=None)
    assert (status, answer["user"]["email"]) == (201, "new@example.org")
    assert (await api.ask("GET", "/auth/me", token=answer["access_token"]))[0] == 200
    status, _, answer = await api.ask("POST", "/auth/signup", body, token=None)
    assert (status, answer["code"]) == (409, "taken")
    odd: list[tuple[Any, Any]] = [
        ("x", "a new phrase"),
        (7, "a new phrase"),
        ("y@b.co", "12345678"),
        ("y@b.co", 7),
    ]
    for email, password in odd:
        body = {"email": email, "password": password}
        assert (await api.ask("POST", "/auth/signup", body, token=None))[0] == 400
    for number in range(20):
        body = {"email": f"u{number}@b.co", "password": "a new phrase"}
        status = (await api.ask("POST", "/auth/signup", body, token=None))[0]
    assert status == 429 and len(await accounts.users()) < 23


async def test_an_address_has_one_account(place: Place) -> None:
    for email in (EMAIL, " A@EXAMPLE.ORG "):
        with pytest.raises(ProtectionError):
            await place.accounts.add_user(email, PASSWORD)
    for email in ("", "a", "a@", "@b", "a b@c", "a\n@b", "a\x00@b", "a@" + "b" * 300, "\ud800@b.c"):
        with pytest.raises(UsageError):
            await place.accounts.add_user(email, PASSWORD)


async def test_what_was_tried_is_in_the_audit_log(place: Place) -> None:
    signed = await place.accounts.log_in(EMAIL, PASSWORD, Device(address="192.0.2.1"))
    for _ in range(8):
        await place.cost(EMAIL, "wrong", "192.0.2.2")
    sessions = place.accounts.sessions
    token = signed.refresh_token
    for _ in range(2):
        token = (await sessions.refresh(token)).refresh_token
    with pytest.raises(SignInNeededError):
        await sessions.refresh(signed.refresh_token, "192.0.2.3")
    entries = await place.world.audit.entries()
    by_action = {entry.action: entry for entry in entries}
    assert by_action["login"].address == "192.0.2.1"
    assert [entry.action for entry in entries].count("login_refused") == 5
    assert [entry.action for entry in entries].count("login_rate_limited") == 1
    assert by_action["refresh_token_reused"].address == "192.0.2.3"
    assert not any(PASSWORD in str(entry) or token in str(entry) for entry in entries)
