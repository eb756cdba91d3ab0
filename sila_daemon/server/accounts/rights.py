"""The rights that routes and events need; each rule of the registries names one of these."""

from __future__ import annotations

from enum import Enum

from sila_daemon.server.accounts.grants import ROLES


class Right(Enum):
    """Who may use a route or an event."""

    PUBLIC = "public"
    """Anybody, without a token."""
    USER = "user"
    """Whoever has signed in."""
    VIEWER = "member:viewer"
    """Every member of the space that the path names."""
    EDITOR = "member:editor"
    """Members who may write."""
    OWNER = "member:owner"
    """Owners."""
    OWNER_OR_SELF = "member:owner or oneself"
    """Owners, and the member whose id the path names."""
    ADMIN = "admin"
    """Users who look after the whole server."""

    @property
    def is_of_members(self) -> bool:
        """Whether it is a right in one space."""
        return self.value.startswith("member:")


_ROLES_ALLOWED = {
    Right.VIEWER: ROLES,
    Right.EDITOR: ("owner", "editor"),
    Right.OWNER: ("owner",),
    Right.OWNER_OR_SELF: ("owner",),
}


def role_allows(role: str, right: Right) -> bool:
    """Tells whether a role in a space includes a right of members."""
    return role in _ROLES_ALLOWED[right]
