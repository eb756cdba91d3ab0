"""Tokens: JWTs that only this server signs and accepts, and the chain of refresh tokens."""

from __future__ import annotations

import hashlib
import hmac
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import jwt

from sila_daemon.core.errors import SignInNeededError, StorageError
from sila_daemon.ports.disk import Disk, read_file, write_atomic
from sila_daemon.ports.randomness import Randomness, new_id

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock

KEY_BYTES = 32
AUDIENCE = "sila"
_REQUIRED = ["sub", "sid", "iss", "aud", "jti", "iat", "exp"]
_CLOCK_SKEW_SECONDS = 60
_SECONDS_MAX = 3651 * 86_400
"""Longer than any token that is made here."""


@dataclass(frozen=True, slots=True)
class Claims:
    """What a valid token says."""

    user_id: str
    session_id: str
    issued_at: int
    """Unix seconds, as `expires_at`."""
    expires_at: int


class Tokens:
    """Signs and checks with one key."""

    def __init__(self, key: bytes, server_id: str, clock: Clock, randomness: Randomness) -> None:
        assert len(key) >= KEY_BYTES
        self._key = key
        self._issuer = f"sila-server:{server_id}"
        self._clock = clock
        self._randomness = randomness

    def access(self, user_id: str, email: str, session_id: str, seconds: int) -> str:
        """Makes a JWT that is good for `seconds`."""
        now = int(self._clock.time())
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
        return jwt.encode(claims, self._key, algorithm="HS256")

    def check(self, token: object) -> Claims:
        """Returns what a token says. Raises SignInNeededError for any that is not ours or is old.

        The time comes from the port, so the library's own look at the clock is switched off.
        """
        if not isinstance(token, str) or len(token) > 4096:
            raise SignInNeededError("no token")
        try:
            claims: dict[str, Any] = jwt.decode(
                token,
                self._key,
                algorithms=["HS256"],
                audience=AUDIENCE,
                issuer=self._issuer,
                options={"require": _REQUIRED, "verify_exp": False, "verify_iat": False},
            )
        except (jwt.InvalidTokenError, ArithmeticError, ValueError, TypeError, RecursionError):
            raise SignInNeededError("the token is not valid", code="bad_token") from None
        texts = [claims["sub"], claims["sid"], claims["jti"]]
        times = [claims["iat"], claims["exp"]]
        if not all(type(text) is str for text in texts) or not all(type(t) is int for t in times):
            raise SignInNeededError("the token is not valid", code="bad_token")
        now = self._clock.time()
        if now >= claims["exp"]:
            raise SignInNeededError("the token has expired", code="auth_expired")
        if claims["exp"] > now + _SECONDS_MAX:
            raise SignInNeededError("the token is good for too long", code="bad_token")
        if claims["iat"] > now + _CLOCK_SKEW_SECONDS:
            raise SignInNeededError("the token is from the future", code="bad_token")
        return Claims(claims["sub"], claims["sid"], claims["iat"], claims["exp"])

    def first_refresh(self, session_id: str) -> str:
        """Makes the first refresh token of a session."""
        return f"srt_{session_id}_{self._randomness.token(32).hex()}"

    def next_refresh(self, token: str) -> str:
        """Derives the successor of a refresh token: always the same one.

        So an answer that was lost on the way can be given again, though only hashes are stored.
        """
        head, _, _ = token.rpartition("_")
        secret = hmac.new(self._key, b"refresh:" + token.encode(), hashlib.sha256).hexdigest()
        return f"{head}_{secret}"


def token_hash(token: str) -> bytes:
    """Returns what is stored of a refresh token."""
    return hashlib.sha256(token.encode("utf-8", "surrogatepass")).digest()


def load_key(disk: Disk, path: Path, randomness: Randomness) -> bytes:
    """Reads the signing key, making it at the first start (mode 0600). Raises StorageError."""
    try:
        if disk.stat(path) is None:
            name = f".{path.name}.{randomness.token(8).hex()}"
            write_atomic(disk, path, randomness.token(KEY_BYTES).hex().encode() + b"\n", name)
        key = bytes.fromhex(read_file(disk, path, 1024).decode().strip())
    except OSError as error:
        raise StorageError(f"the signing key cannot be read: {error}") from error
    except ValueError:
        key = b""
    if len(key) < KEY_BYTES:
        raise StorageError(
            f"{path} does not hold a key of {KEY_BYTES} bytes in hex",
            hint="Restore it from a backup, or remove it: everybody then signs in again.",
        )
    return key
