"""The database of the whole server: users, sessions, spaces and who may use them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.database.schema import Schema

if TYPE_CHECKING:
    import apsw

PLATFORM_SCHEMA = Schema(
    application_id=0x53494C50,  # "SILP"
    migrations=[
        """
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE users (
            id TEXT PRIMARY KEY, email TEXT NOT NULL UNIQUE, password TEXT,
            is_admin INTEGER NOT NULL, created_at INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE sessions (
            id TEXT PRIMARY KEY, user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            device_id TEXT NOT NULL, device_name TEXT NOT NULL, platform TEXT NOT NULL,
            address TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
            generation INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX sessions_by_user ON sessions (user_id);
        CREATE TABLE refresh_tokens (
            hash BLOB PRIMARY KEY,
            session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE,
            generation INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE INDEX refresh_tokens_by_session ON refresh_tokens (session_id);
        CREATE TABLE spaces (
            id TEXT PRIMARY KEY, name TEXT NOT NULL, created_at INTEGER NOT NULL,
            updated_at INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE members (
            space_id TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
            user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
            role TEXT NOT NULL, created_at INTEGER NOT NULL, PRIMARY KEY (space_id, user_id)
        ) WITHOUT ROWID;
        CREATE INDEX members_by_user ON members (user_id);
        """
    ],
)


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: str
    email: str
    is_admin: bool
    created_at: int
    """Unix milliseconds."""

    def to_json(self) -> dict[str, Any]:
        """Renders the user as `/auth/me` answers it."""
        return {
            "id": self.id,
            "email": self.email,
            "admin": self.is_admin,
            "createdAt": self.created_at,
        }


@dataclass(frozen=True, slots=True)
class SpaceInfo:
    """A space as one of its members sees it."""

    id: str
    name: str
    role: str
    created_at: int
    updated_at: int

    def to_json(self) -> dict[str, Any]:
        """Renders the space as lists of spaces hold it."""
        return {
            "id": self.id,
            "name": self.name,
            "role": self.role,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
        }


def user_where(connection: apsw.Connection, condition: str, value: str) -> User | None:
    """Finds one user; `condition` is SQL of ours, never a client's."""
    row = connection.execute(
        f"SELECT id, email, is_admin, created_at FROM users WHERE {condition}", (value,)
    ).fetchone()
    return None if row is None else User(row[0], row[1], bool(row[2]), row[3])
