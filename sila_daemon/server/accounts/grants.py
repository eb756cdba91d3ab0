"""What a connection may do: who it is, with which role, and until when."""

from __future__ import annotations

from dataclasses import dataclass

ROLES = ("owner", "editor", "viewer")


@dataclass(slots=True)
class Grant:
    """The right of one connection in one space; changed in place when the rights change."""

    user_id: str
    session_id: str
    role: str
    expires_at: float
    """Unix seconds."""
    ended: str | None = None
    """The code to say when the right was taken away."""

    def problem(self, now: float) -> str | None:
        """Returns why nothing may be heard or said any more; None while all is well."""
        if self.ended is not None:
            return self.ended
        return "auth_expired" if now >= self.expires_at else None

    @property
    def may_write(self) -> bool:
        """Whether ops are taken from it."""
        return self.role in ("owner", "editor")
