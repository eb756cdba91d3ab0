"""One account on one server, with the tokens that prove it."""

from __future__ import annotations

import base64
import binascii
from typing import Any

import msgspec


class Account(msgspec.Struct, frozen=True, rename="camel"):
    """Who is signed in to a server. Never logged: it holds tokens."""

    url: str
    email: str | None
    access: str
    refresh: str | None
    expires_at: float | None
    """Unix seconds; None when the token does not say."""
    insecure: bool = False
    """Whether a person agreed to an unencrypted connection."""
    sign_in_needed: str = ""
    """Why the server no longer accepts the tokens; empty while it does."""

    def __repr__(self) -> str:
        return f"Account({self.url!r}, {self.email!r})"


def token_expiry(token: str) -> float | None:
    """Reads `exp` of a JWT without checking anything: only its server can."""
    claims = _claims(token)
    found = claims.get("exp")
    return float(found) if isinstance(found, (int, float)) else None


def token_lifetime_s(token: str) -> float | None:
    """Reads for how long a JWT was made; None when it does not say."""
    claims = _claims(token)
    made, ends = claims.get("iat"), claims.get("exp")
    if not isinstance(made, (int, float)) or not isinstance(ends, (int, float)):
        return None
    return float(ends - made)


def _claims(token: str) -> dict[str, Any]:
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    try:
        payload = base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4))
        found = msgspec.json.decode(payload)
    except (ValueError, binascii.Error):
        return {}
    return found if isinstance(found, dict) else {}
