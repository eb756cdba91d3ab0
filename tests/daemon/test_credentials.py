"""Accounts: where tokens are, when they are replaced, and who sees them."""

from __future__ import annotations

import asyncio
import base64
import json
import stat
from pathlib import Path
from typing import Any

import pytest

from sila_daemon.core.errors import (
    FormatError,
    NotFoundError,
    ProtectionError,
    RemoteUnavailableError,
    SignInNeededError,
    StorageError,
    UsageError,
)
from sila_daemon.credentials.auth_api import Device, Grant
from sila_daemon.credentials.keyring_store import KeyringStore
from sila_daemon.credentials.server_url import server_url, split_space_url
from sila_daemon.credentials.token_file import AccountStore
from sila_daemon.credentials.tokens import Credentials
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from tests.clocks import HandClock

URL = "https://home.example"
DEVICE = Device("d" * 32, "laptop", "linux")


class Server:
    """The account routes of a server that rotates refresh tokens."""

    def __init__(self) -> None:
        self.generation = 0
        self.lasts_s = 900
        self.refreshes: list[str] = []
        self.logouts: list[str] = []
        self.failure: Exception | None = None

    def grant(self) -> Grant:
        self.generation += 1
        return Grant(f"access-{self.generation}", f"refresh-{self.generation}", self.lasts_s)

    async def login(self, url: str, email: str, password: str, device: Device) -> Grant:
        if password != "right":
            raise SignInNeededError("no")
        return self.grant()

    async def refresh(self, url: str, refresh_token: str) -> Grant:
        await asyncio.sleep(0)
        if self.failure is not None:
            raise self.failure
        self.refreshes.append(refresh_token)
        return self.grant()

    async def me(self, url: str, access_token: str) -> dict[str, Any]:
        return {"email": "b@example.org"}

    async def logout(self, url: str, access_token: str) -> None:
        self.logouts.append(access_token)


class Bench:
    """Credentials on a real disk with a server that does as it is told."""

    def __init__(self, folder: Path, keyring: KeyringStore | None = None) -> None:
        self.path = folder / "credentials.json"
        self.keyring = keyring
        self.clock = HandClock(1_000_000.0)
        self.server = Server()

    async def open(self) -> Credentials:
        store = AccountStore(self.path, SystemDisk(), SystemRandomness(), self.keyring)
        credentials = Credentials(store, self.server, self.clock, DEVICE)
        await credentials.load()
        return credentials

    async def signed_in(self) -> Credentials:
        credentials = await self.open()
        await credentials.login(URL, email="a@example.org", password="right")
        return credentials


async def test_only_its_owner_reads_the_file_and_it_survives_a_restart(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    await bench.signed_in()
    assert stat.S_IMODE(bench.path.stat().st_mode) == 0o600
    again = await bench.open()
    assert await again.access_token(URL) == "access-1"
    assert [account.email for account in again.accounts()] == ["a@example.org"]
    assert "access" not in repr(again.accounts())


async def test_a_token_is_replaced_before_it_ends_and_kept_before_it_is_used(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    credentials = await bench.signed_in()
    bench.clock.now += 850
    tokens = await asyncio.gather(*(credentials.access_token(URL) for _ in range(5)))
    assert set(tokens) == {"access-2"}
    assert bench.server.refreshes == ["refresh-1"]
    assert "refresh-2" in bench.path.read_text()


async def test_a_short_token_is_kept_for_half_its_time(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.server.lasts_s = 20
    credentials = await bench.signed_in()
    bench.clock.now += 9
    assert {await credentials.access_token(URL) for _ in range(3)} == {"access-1"}
    bench.clock.now += 2
    assert {await credentials.access_token(URL) for _ in range(3)} == {"access-2"}
    assert bench.server.refreshes == ["refresh-1"]


async def test_a_refused_token_is_replaced(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    credentials = await bench.signed_in()
    await credentials.refused(URL)
    assert await credentials.access_token(URL) == "access-2"
    assert await credentials.access_token(URL) == "access-2"


async def test_a_server_that_is_away_costs_nothing_while_the_token_is_good(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    credentials = await bench.signed_in()
    bench.server.failure = RemoteUnavailableError("away")
    bench.clock.now += 850
    assert await credentials.access_token(URL) == "access-1"
    bench.clock.now += 100
    with pytest.raises(RemoteUnavailableError):
        await credentials.access_token(URL)


async def test_a_session_that_was_ended_there_needs_a_person_also_after_a_restart(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    credentials = await bench.signed_in()
    bench.server.failure = SignInNeededError("session revoked")
    await credentials.refused(URL)
    with pytest.raises(SignInNeededError):
        await credentials.access_token(URL)
    with pytest.raises(SignInNeededError):
        await (await bench.open()).access_token(URL)
    bench.server.failure = None
    await credentials.login(URL, email="a@example.org", password="right")
    assert await credentials.access_token(URL) == "access-2"


async def test_without_an_account_one_is_told_to_sign_in(tmp_path: Path) -> None:
    with pytest.raises(SignInNeededError) as caught:
        await (await Bench(tmp_path).open()).access_token(URL)
    assert "sila-daemon login" in caught.value.hint


async def test_signing_out_forgets_here_and_tells_the_server(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    credentials = await bench.signed_in()
    await credentials.logout(URL)
    assert bench.server.logouts == ["access-1"]
    assert "access-1" not in bench.path.read_text()
    with pytest.raises(NotFoundError):
        await credentials.logout(URL)


async def test_signing_in_by_token_reads_when_it_ends(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    credentials = await bench.open()
    claims = base64.urlsafe_b64encode(json.dumps({"exp": 1_000_900}).encode()).decode().rstrip("=")
    account = await credentials.login(URL + "/", email=None, token=f"x.{claims}.y")
    assert (account.url, account.email, account.expires_at) == (URL, "b@example.org", 1_000_900)
    bench.clock.now += 850
    assert await credentials.access_token(URL) == "access-1"
    assert bench.server.refreshes == [f"x.{claims}.y"]


async def test_a_token_that_nothing_renews_afterwards_is_extended_in_good_time(
    tmp_path: Path,
) -> None:
    bench = Bench(tmp_path)
    credentials = await bench.open()
    token = jwt_of(iat=1_000_000, exp=1_600_000)
    await credentials.login(URL, email=None, token=token)
    bench.clock.now += 299_000
    assert await credentials.access_token(URL) == token
    bench.clock.now += 2_000
    bench.server.failure = SignInNeededError("it extends nothing")
    assert await credentials.access_token(URL) == token, "it is still good"
    bench.server.failure = None
    assert await credentials.access_token(URL) == token, "who said no is not asked all the time"
    credentials = await bench.open()
    assert await credentials.access_token(URL) == "access-1"
    assert bench.server.refreshes == [token]


def jwt_of(**claims: int) -> str:
    text = base64.urlsafe_b64encode(json.dumps(claims).encode()).decode().rstrip("=")
    return f"x.{text}.y"


@pytest.mark.parametrize("url", ["http://127.0.0.1:6001", "http://localhost", "http://[::1]:80"])
async def test_http_is_fine_on_this_machine(url: str, tmp_path: Path) -> None:
    credentials = await Bench(tmp_path).open()
    account = await credentials.login(url, email="a@b", password="right")
    assert account.url == url.removesuffix(":80")


async def test_http_elsewhere_takes_a_persons_word(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    credentials = await bench.open()
    with pytest.raises(ProtectionError):
        await credentials.login("http://home.example", email="a@b", password="right")
    await credentials.login("http://home.example", email="a@b", password="right", insecure=True)
    credentials.check_transport("http://home.example")
    with pytest.raises(ProtectionError):
        credentials.check_transport("http://other.example")


def test_one_server_has_one_spelling() -> None:
    assert server_url(" HTTPS://Home.Example:443/ ") == "https://home.example"
    assert split_space_url("http://h:6001/spaces/abc") == ("http://h:6001", "abc")
    assert split_space_url("http://h:6001") == ("http://h:6001", None)
    for bad in ("home.example", "ftp://x", "http://", "http://u@x", "http://x?y", "http://x:y"):
        with pytest.raises(UsageError):
            server_url(bad)


async def test_a_damaged_file_is_not_overwritten(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    bench.path.write_text("{")
    with pytest.raises(FormatError):
        await bench.open()
    assert bench.path.read_text() == "{"


class Locker:
    """A keyring backend in memory, which may hang."""

    def __init__(self) -> None:
        self.kept: dict[tuple[str, str], str] = {}
        self.is_hanging = False

    def get_password(self, service: str, user: str) -> str | None:
        if self.is_hanging:
            raise RuntimeError("locked")
        return self.kept.get((service, user))

    def set_password(self, service: str, user: str, password: str) -> None:
        self.kept[service, user] = password

    def delete_password(self, service: str, user: str) -> None:
        del self.kept[service, user]


async def test_with_a_keyring_the_file_holds_no_token(tmp_path: Path) -> None:
    locker = Locker()
    bench = Bench(tmp_path, KeyringStore(locker, "sila"))
    await bench.signed_in()
    assert "access-1" not in bench.path.read_text()
    assert "access-1" in locker.kept["sila", URL]
    assert await (await bench.open()).access_token(URL) == "access-1"
    locker.is_hanging = True
    with pytest.raises(SignInNeededError):
        await (await bench.open()).access_token(URL)
    locker.is_hanging = False
    await (await bench.open()).logout(URL)
    assert locker.kept == {}


async def test_a_keyring_that_refuses_to_keep_a_token_signs_nobody_in(tmp_path: Path) -> None:
    class Full(Locker):
        def set_password(self, service: str, user: str, password: str) -> None:
            raise RuntimeError("full")

    bench = Bench(tmp_path, KeyringStore(Full(), "sila"))
    with pytest.raises(StorageError):
        await bench.signed_in()
    with pytest.raises(SignInNeededError):
        await (await bench.open()).access_token(URL)


async def test_a_refresh_that_fails_late_does_not_undo_signing_in(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    credentials = await bench.signed_in()
    bench.clock.now += 890
    bench.server.failure = SignInNeededError("the refresh token is not valid")

    refreshing = asyncio.create_task(credentials.access_token(URL))
    await asyncio.sleep(0)  # The refresh is under way.
    await credentials.login(URL, email="a@example.org", password="right")
    with pytest.raises(SignInNeededError):
        await refreshing

    assert await credentials.access_token(URL) == "access-2"


async def test_a_refresh_that_ends_late_does_not_undo_signing_out(tmp_path: Path) -> None:
    bench = Bench(tmp_path)
    credentials = await bench.signed_in()
    bench.clock.now += 890

    refreshing = asyncio.create_task(credentials.access_token(URL))
    await asyncio.sleep(0)
    await credentials.logout(URL)
    await refreshing

    assert credentials.accounts() == []
