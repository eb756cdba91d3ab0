"""Tokens: JWTs that only this server signs and accepts, and the chain of refresh tokens."""

from __future__ import annotations

import hashlib
import hmac
import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import jwt

from sila_daemon.core.errors import SignInNeededError
from sila_daemon.ports.randomness import Randomness, new_id

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock
    from sila_daemon.server.accounts.signing_keys import SigningKey, SigningKeys

AUDIENCE = "sila"
TOKEN_LENGTH_MAX = 4096
_REQUIRED = ["sub", "sid", "iss", "aud", "jti", "iat", "exp"]
_HEADER = {"alg": "HS256", "typ": "JWT"}
_CLOCK_SKEW_SECONDS = 60
_SECONDS_MAX = 3651 * 86_400
"""Longer than any token that is made here."""

_VERIFIED_MAX = 4096
"""Tokens whose signatures are remembered as right."""

_REFRESH = re.compile(r"srt_([0-9a-f]{32})_(\d{1,15})_[0-9a-f]{64}_[0-9a-f]{32}", re.ASCII)


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says."""

    user_id: str
    session_id: str
    issued_at: int
    """Unix seconds, as `expires_at`."""
    expires_at: int


@dataclass(frozen=True, slots=True)
class RefreshToken:
    """A refresh token that came in; nothing of it is checked but its form."""

    text: str
    session_id: str
    generation: int
    """How often the session had been refreshed when the token was made."""


class Tokens:
    """Signs and checks with the keys of this server."""

    def __init__(
        self, keys: SigningKeys, server_id: str, clock: Clock, randomness: Randomness
    ) -> None:
        self._keys = keys
        self._issuer = f"sila-server:{server_id}"
        self._clock = clock
        self._randomness = randomness
        self._verified: dict[bytes, tuple[str, Claims]] = {}
        """What tokens say whose signature is right, and their key, by the token's SHA-256."""

    def access(self, user_id: str, email: str, session_id: str, seconds: int) -> str:
        """Makes a JWT that is good for `seconds`."""
        now, key = int(self._clock.time()), self._keys.newest
        claims = {
            "sub": user_id,
            "email": email,
            "sid": session_id,
            "iss": self._issuer,
            "aud": AUDIENCE,
            "jti": new_id(self._randomness),
            "iat": now,
            "exp": now + seconds,
        }
        return jwt.encode(claims, key.secret, algorithm="HS256", headers={"kid": key.id})

    def check(self, token: object) -> Claims:
        """Returns what a token says. Raises SignInNeededError for any that is not ours or is old.

        The time comes from the port, so the library's own look at the clock is switched off.
        """
        if not isinstance(token, str) or len(token) > TOKEN_LENGTH_MAX:
            raise _invalid("no token")
        name = token_hash(token)
        key_id, claims = self._verified.get(name) or self._verify(token)
        if self._keys.find(key_id) is None:
            raise _invalid("the token is not valid")
        now = self._clock.time()
        if now >= claims.expires_at:
            raise SignInNeededError("the token has expired", code="auth_expired")
        if claims.expires_at > now + _SECONDS_MAX:
            raise _invalid("the token is good for too long")
        if claims.issued_at > now + _CLOCK_SKEW_SECONDS:
            raise _invalid("the token is from the future")
        if name not in self._verified:
            if len(self._verified) >= _VERIFIED_MAX:
                del self._verified[next(iter(self._verified))]
            self._verified[name] = key_id, claims
        return claims

    def _verify(self, token: str) -> tuple[str, Claims]:
        """Returns the key that has signed a token, and what it says, however old that is."""
        try:
            key = self._key_of(token)
            claims: dict[str, Any] = jwt.decode(
                token,
                key.secret,
                algorithms=["HS256"],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, ArithmeticError, ValueError, TypeError, RecursionError):
            raise _invalid("the token is not valid") from None
        texts = [claims["sub"], claims["sid"], claims["jti"]]
        times = [claims["iat"], claims["exp"]]
        if not all(type(text) is str for text in texts) or not all(type(t) is int for t in times):
            raise _invalid("the token is not valid")
        return key.id, Claims(claims["sub"], claims["sid"], claims["iat"], claims["exp"])

    def _key_of(self, token: str) -> SigningKey:
        """Returns the key that a token names.

        The header is exactly the one that is written here: whatever else it may ask for, such as
        another algorithm, a key from an address or a critical extension, is not looked at.
        """
        header = jwt.get_unverified_header(token)
        key = self._keys.find(header.get("kid"))
        if key is None or header != {**_HEADER, "kid": key.id}:
            raise _invalid("the token is not valid")
        return key

    def first_refresh(self, session_id: str, seed: str | None = None) -> str:
        """Makes the first refresh token of a session: from a secret `seed` always the same one."""
        key = self._keys.newest
        secret = self._randomness.token(32).hex() if seed is None else _mac(key, "first:" + seed)
        return _sealed(key, f"srt_{session_id}_0_{secret}")

    def next_refresh(self, token: RefreshToken, key_id: str | None = None) -> str | None:
        """Derives the successor of a refresh token: with one key always the same one.

        So an answer that was lost on the way can be given again, though only hashes are stored.
        None when the key is no longer accepted.
        """
        key = self._keys.newest if key_id is None else self._keys.find(key_id)
        if key is None:
            return None
        secret = _mac(key, "refresh:" + token.text)
        return _sealed(key, f"srt_{token.session_id}_{token.generation + 1}_{secret}")

    @property
    def refresh_key_id(self) -> str:
        """Names the key that `next_refresh` uses by itself."""
        return self._keys.newest.id

    def is_of_ours(self, token: RefreshToken) -> bool:
        """Tells whether a refresh token was made here, however long ago."""
        head, _, mac = token.text.rpartition("_")
        return any(hmac.compare_digest(_mac(key, head)[:32], mac) for key in self._keys.accepted())


def parse_refresh(token: object) -> RefreshToken | None:
    """Reads a refresh token; None for anything of another form."""
    match = _REFRESH.fullmatch(token) if isinstance(token, str) and len(token) < 300 else None
    return None if match is None else RefreshToken(match[0], match[1], int(match[2]))


def token_hash(token: str) -> bytes:
    """Returns what is stored of a refresh token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def _mac(key: SigningKey, text: str) -> str:
    return hmac.new(key.secret, text.encode(), hashlib.sha256).hexdigest()


def _sealed(key: SigningKey, head: str) -> str:
    """Ends a refresh token with what shows later that it was made here."""
    return f"{head}_{_mac(key, head)[:32]}"


def _invalid(message: str) -> SignInNeededError:
    return SignInNeededError(message, code="bad_token")
