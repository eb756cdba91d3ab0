"""What a client says of itself when it signs in, what it is told, and how sessions are listed."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sila_daemon.server.accounts.platform import User


@dataclass(frozen=True, slots=True)
class Device:
    """Where somebody signs in, as the client tells it."""

    id: str = ""
    name: str = ""
    platform: str = ""
    address: str = ""

    @classmethod
    def from_json(cls, data: object, address: str) -> Device:
        """Takes what is there of a device object; lengths are bounded."""
        known = data if isinstance(data, dict) else {}
        texts = [str(known.get(name, ""))[:100] for name in ("id", "name", "platform")]
        device_id, name, platform = (text.encode(errors="replace").decode() for text in texts)
        return cls(device_id, name, platform, address)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The tokens of a session."""

    user: User
    access_token: str
    refresh_token: str
    expires_in: int

    def to_json(self) -> dict[str, Any]:
        """Renders the tokens as the routes of part 1 do."""
        return {
            "ok": True,
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "expires_in": self.expires_in,
        }


@dataclass(frozen=True, slots=True)
class SessionInfo:
    """A session as its user sees it; times are Unix milliseconds."""

    id: str
    kind: str
    """`device`, or `token` for one made by hand."""
    name: str
    platform: str
    address: str
    created_at: int
    last_seen_at: int | None
    expires_at: int

    def to_json(self) -> dict[str, Any]:
        """Renders the session for lists."""
        return {
            "id": self.id,
            "kind": self.kind,
            "name": self.name,
            "platform": self.platform,
            "address": self.address,
            "createdAt": self.created_at,
            "lastSeenAt": self.last_seen_at,
            "expiresAt": self.expires_at,
        }
