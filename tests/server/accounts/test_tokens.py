"""Only our own, unexpired tokens of living sessions are accepted; refresh tokens rotate."""

from __future__ import annotations

import base64
import hashlib
import hmac
import json
from collections.abc import AsyncIterator, Callable
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt
import pytest
from cryptography.hazmat.primitives import serialization
from cryptography.hazmat.primitives.asymmetric import rsa

from sila_daemon.core.errors import SignInNeededError
from sila_daemon.server.accounts.session_info import Device
from sila_daemon.server.accounts.tokens import AUDIENCE
from tests.server.world_fixture import SteppedClock, inline_ports, open_world

if TYPE_CHECKING:
    from sila_daemon.server.world import World


class Signed:
    """A world with one user, and what its tokens are made of."""

    def __init__(self, world: World, data: Path, clock: SteppedClock) -> None:
        self.world = world
        self.clock = clock
        self.key_id, key, _ = (data / "signing.key").read_text().split()
        self.key = bytes.fromhex(key)
        self.claims: dict[str, Any] = {}

    def forged(self, key: bytes | None = None, alg: str = "HS256", **changes: Any) -> str:
        """Makes a token like a good one with changes; None takes a claim out."""
        claims = {**self.claims, **changes}
        claims = {name: value for name, value in claims.items() if value is not None}
        headers = {"kid": self.key_id}
        return jwt.encode(claims, self.key if key is None else key, algorithm=alg, headers=headers)


@pytest.fixture
async def signed(tmp_path: Path) -> AsyncIterator[Signed]:
    clock = SteppedClock()
    data = tmp_path / "data"
    async with open_world(data, inline_ports(clock)) as world:
        await world.accounts.add_user("a@example.org", "good password")
        signed = Signed(world, data, clock)
        token = await world.accounts.make_token("a@example.org", 1)
        signed.claims = jwt.decode(token, options={"verify_signature": False})
        yield signed


def _encoded(data: bytes) -> bytes:
    return base64.urlsafe_b64encode(data).rstrip(b"=")


def _with_header(signed: Signed, key: bytes | None = None, **header: Any) -> str:
    """Makes a token with any header at all, with a good HMAC over it; None takes a name out."""
    full = {"alg": "HS256", "typ": "JWT", "kid": signed.key_id, **header}
    full = {name: value for name, value in full.items() if value is not None}
    text = b".".join(_encoded(json.dumps(part).encode()) for part in (full, signed.claims))
    mac = hmac.new(signed.key if key is None else key, text, hashlib.sha256).digest()
    return b".".join([text, _encoded(mac)]).decode()


def _unsigned(signed: Signed) -> str:
    return _with_header(signed, alg="none").rpartition(".")[0] + "."


def _by_public_key(signed: Signed) -> str:
    """Signs with the text of a public key, as if the server checked with that."""
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    public = private.public_key().public_bytes(
        serialization.Encoding.PEM, serialization.PublicFormat.SubjectPublicKeyInfo
    )
    return _with_header(signed, key=public)


def _by_private_key(signed: Signed) -> str:
    private = rsa.generate_private_key(public_exponent=65537, key_size=2048)
    return jwt.encode(signed.claims, private, algorithm="RS256", headers={"kid": signed.key_id})


FORGERIES: dict[str, Callable[[Signed], object]] = {
    "nothing": lambda s: None,
    "a number": lambda s: 7,
    "empty": lambda s: "",
    "not a token": lambda s: "abc",
    "three dots": lambda s: "a.b.c",
    "too long": lambda s: s.forged() + "x" * 5000,
    "lone surrogate": lambda s: "\ud800.x.y",
    "another key": lambda s: s.forged(key=b"x" * 32),
    "no signature": _unsigned,
    "cut signature": lambda s: s.forged()[:-3],
    "another algorithm": lambda s: s.forged(key=s.key * 2, alg="HS512"),
    "no exp": lambda s: s.forged(exp=None),
    "no iss": lambda s: s.forged(iss=None),
    "no aud": lambda s: s.forged(aud=None),
    "no jti": lambda s: s.forged(jti=None),
    "no sub": lambda s: s.forged(sub=None),
    "no session": lambda s: s.forged(sid=None),
    "another issuer": lambda s: s.forged(iss="sila-server:other"),
    "another audience": lambda s: s.forged(aud="other"),
    "expired": lambda s: s.forged(exp=int(s.clock.time()) - 1),
    "expires never": lambda s: s.forged(exp=10**400),
    "expires as text": lambda s: s.forged(exp="9999999999"),
    "from the future": lambda s: s.forged(iat=int(s.clock.time()) + 3600),
    "another user": lambda s: s.forged(sub="f" * 32),
    "another session": lambda s: s.forged(sid="f" * 32),
    "algorithm none, signed": lambda s: _with_header(s, alg="none"),
    "algorithm None": lambda s: _with_header(s, alg="None"),
    "signed by RSA": _by_private_key,
    "HMAC with a public key": _by_public_key,
    "HMAC called RSA": lambda s: _with_header(s, alg="RS256"),
    "no key id": lambda s: _with_header(s, kid=None),
    "unknown key id": lambda s: _with_header(s, kid="00000000"),
    "key id of a path": lambda s: _with_header(s, key=b"", kid="../../../dev/null"),
    "key id of SQL": lambda s: _with_header(s, kid="x' UNION SELECT 'key"),
    "key id as list": lambda s: _with_header(s, kid=[s.key_id]),
    "key in the header": lambda s: _with_header(s, jwk={"kty": "oct", "k": "eHg"}),
    "key from an address": lambda s: _with_header(s, jku="https://evil.example/keys"),
    "certificate in the header": lambda s: _with_header(s, x5c=["MII"]),
    "critical extension": lambda s: _with_header(s, crit=["x"], x=1),
    "detached payload": lambda s: _with_header(s, crit=["b64"], b64=False),
    "another type": lambda s: _with_header(s, typ="at+jwt"),
    "no type": lambda s: _with_header(s, typ=None),
    "compressed": lambda s: _with_header(s, zip="DEF"),
    "encrypted form": lambda s: s.forged() + ".x.y",
    "another payload": lambda s: ".".join(
        [s.forged().split(".")[0], s.forged(sub="f" * 32).split(".")[1], s.forged().split(".")[2]]
    ),
    "no issue time": lambda s: s.forged(iat=None),
    "audience in a list of others": lambda s: s.forged(aud=["other", "more"]),
    "expires as true": lambda s: s.forged(exp=True),
    "expires as fraction": lambda s: s.forged(exp=s.clock.time() + 60.5),
    "not JSON inside": lambda s: ".".join(["e30", "bm90IGpzb24", "eA"]),
    "subject as object": lambda s: s.forged(jti={"a": 1}),
}


@pytest.mark.parametrize("name", FORGERIES)
async def test_forged_tokens_are_refused(signed: Signed, name: str) -> None:
    with pytest.raises(SignInNeededError):
        await signed.world.accounts.check(FORGERIES[name](signed))
    assert AUDIENCE == signed.claims["aud"]
    for good in (signed.forged(), _with_header(signed)):
        user, _ = await signed.world.accounts.check(good)
        assert user.email == "a@example.org", "the unchanged one is good"


async def test_a_token_ends_with_its_time(signed: Signed) -> None:
    token = signed.forged()
    _, claims = await signed.world.accounts.check(token)
    assert claims.expires_at > signed.clock.time(), "that it was good once is remembered"
    signed.clock.ahead = 86_400 + 1
    with pytest.raises(SignInNeededError) as refusal:
        await signed.world.accounts.check(token)
    assert refusal.value.code == "auth_expired"


async def test_a_repeated_refresh_gives_the_same_successor(signed: Signed) -> None:
    accounts = signed.world.accounts
    first = (await accounts.log_in("A@example.org ", "good password", Device())).refresh_token
    second = (await accounts.sessions.refresh(first)).refresh_token
    assert (await accounts.sessions.refresh(first)).refresh_token == second, "the answer was lost"
    third = (await accounts.sessions.refresh(second)).refresh_token
    assert len({first, second, third}) == 3
    assert (await accounts.sessions.refresh(second)).refresh_token == third


async def test_an_older_refresh_token_ends_the_session(signed: Signed) -> None:
    accounts = signed.world.accounts
    ended: list[str] = []
    accounts.sessions.on_end(lambda session_id, _: ended.append(session_id))
    signed_in = await accounts.log_in("a@example.org", "good password", Device())
    second = await accounts.sessions.refresh(signed_in.refresh_token)
    third = await accounts.sessions.refresh(second.refresh_token)
    for token in (signed_in.refresh_token, second.refresh_token, third.refresh_token):
        with pytest.raises(SignInNeededError):
            await accounts.sessions.refresh(token)
    assert len(ended) == 1
    with pytest.raises(SignInNeededError):
        await accounts.check(third.access_token)


async def test_a_made_up_refresh_token_ends_nothing(signed: Signed) -> None:
    accounts = signed.world.accounts
    signed_in = await accounts.log_in("a@example.org", "good password", Device())
    head = signed_in.refresh_token.rpartition("_")[0]
    for token in (f"{head}_{'0' * 64}", "srt_", "srt_x_y", "srt_" + "x" * 500):
        with pytest.raises(SignInNeededError):
            await accounts.sessions.refresh(token)
    refreshed = await accounts.sessions.refresh(signed_in.refresh_token)
    assert refreshed.refresh_token != signed_in.refresh_token


async def test_an_access_token_is_extended_for_the_original(signed: Signed) -> None:
    token = signed.forged()
    signed.clock.ahead = 43_200
    extended = await signed.world.accounts.sessions.refresh(token)
    signed.clock.ahead = 86_400 + 3600
    user, claims = await signed.world.accounts.check(extended.access_token)
    assert user.email == "a@example.org" and claims.expires_at - claims.issued_at == 86_400


async def test_a_new_password_ends_every_session(signed: Signed) -> None:
    accounts = signed.world.accounts
    signed_in = await accounts.log_in("a@example.org", "good password", Device())
    await accounts.set_password("a@example.org", "better password")
    with pytest.raises(SignInNeededError):
        await accounts.check(signed_in.access_token)
    with pytest.raises(SignInNeededError):
        await accounts.log_in("a@example.org", "good password", Device())
    again = await accounts.log_in("a@example.org", "better password", Device())
    assert again.user.email == "a@example.org"


async def test_no_secret_is_stored(signed: Signed, tmp_path: Path) -> None:
    signed_in = await signed.world.accounts.log_in("a@example.org", "good password", Device())
    await signed.world.database.read(lambda c: c.pragma("wal_checkpoint"))
    stored = b"".join(path.read_bytes() for path in (tmp_path / "data").glob("platform.sqlite*"))
    for secret in ("good password", signed_in.refresh_token, signed_in.access_token):
        assert secret.encode() not in stored
