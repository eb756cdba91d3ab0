"""The database of the whole server: users, sessions, spaces and who may use them."""

from __future__ import annotations

from collections.abc import Sequence
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
        """,
        """
        ALTER TABLE users ADD COLUMN disabled_at INTEGER;
        ALTER TABLE users ADD COLUMN deleted_at INTEGER;
        ALTER TABLE spaces ADD COLUMN deleted_at INTEGER;
        ALTER TABLE spaces ADD COLUMN deleted_with TEXT;

        ALTER TABLE sessions ADD COLUMN kind TEXT NOT NULL DEFAULT 'device';
        ALTER TABLE sessions ADD COLUMN last_seen_at INTEGER;
        ALTER TABLE sessions ADD COLUMN refresh_hash BLOB;
        ALTER TABLE sessions ADD COLUMN previous_hash BLOB;
        ALTER TABLE sessions ADD COLUMN refresh_key TEXT;
        DROP TABLE refresh_tokens;

        CREATE TABLE invites (
            id TEXT PRIMARY KEY, hash BLOB NOT NULL UNIQUE,
            space_id TEXT NOT NULL REFERENCES spaces (id) ON DELETE CASCADE,
            role TEXT NOT NULL, created_by TEXT NOT NULL, created_at INTEGER NOT NULL,
            expires_at INTEGER NOT NULL, accepted_by TEXT, accepted_at INTEGER
        ) WITHOUT ROWID;
        CREATE INDEX invites_by_space ON invites (space_id);

        CREATE TABLE device_codes (
            hash BLOB PRIMARY KEY, user_code TEXT NOT NULL UNIQUE,
            device_id TEXT NOT NULL, device_name TEXT NOT NULL, platform TEXT NOT NULL,
            address TEXT NOT NULL, created_at INTEGER NOT NULL, expires_at INTEGER NOT NULL,
            interval_s INTEGER NOT NULL, polled_at INTEGER NOT NULL,
            state TEXT NOT NULL, user_id TEXT REFERENCES users (id) ON DELETE CASCADE,
            session_id TEXT
        ) WITHOUT ROWID;

        CREATE TABLE audit (
            number INTEGER PRIMARY KEY AUTOINCREMENT, at INTEGER NOT NULL, action TEXT NOT NULL,
            user_id TEXT NOT NULL, space_id TEXT NOT NULL, reason TEXT NOT NULL,
            digest TEXT NOT NULL, address TEXT NOT NULL
        );
        CREATE INDEX audit_by_time ON audit (at);
        CREATE INDEX audit_by_space ON audit (space_id, number);
        CREATE INDEX audit_by_user ON audit (user_id, number);
        """,
        # What each user holds in each space, as the spaces' own databases said last.
        """
        CREATE TABLE usage (
            user_id TEXT NOT NULL, space_id TEXT NOT NULL, bytes INTEGER NOT NULL,
            files INTEGER NOT NULL, PRIMARY KEY (user_id, space_id)
        ) WITHOUT ROWID;
        CREATE INDEX usage_by_space ON usage (space_id);
        """,
    ],
)


@dataclass(frozen=True, slots=True)
class User:
    """An account."""

    id: str
    email: str
    is_admin: bool
    created_at: int
    """Unix milliseconds, as the times below; None for what did not happen."""
    disabled_at: int | None = None
    deleted_at: int | None = None

    @property
    def is_active(self) -> bool:
        """Whether the user may sign in and use anything."""
        return self.disabled_at is None and self.deleted_at is None

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
    deleted_at: int | None = None
    """Unix milliseconds; None for a space that lives."""

    def to_json(self) -> dict[str, Any]:
        """Renders the space as lists of spaces hold it."""
        shown: dict[str, Any] = {
            "id": self.id,
            "name": self.name,
            "role": self.role,
            "createdAt": self.created_at,
            "updatedAt": self.updated_at,
        }
        return shown if self.deleted_at is None else {**shown, "deletedAt": self.deleted_at}


USER_COLUMNS = "id, email, is_admin, created_at, disabled_at, deleted_at"


def user_of(row: Sequence[Any]) -> User:
    """Makes a user of a row with USER_COLUMNS."""
    return User(row[0], row[1], bool(row[2]), *row[3:6])


def user_where(connection: apsw.Connection, condition: str, value: str) -> User | None:
    """Finds one user; `condition` is SQL of ours, never a client's."""
    row = connection.execute(
        f"SELECT {USER_COLUMNS} FROM users WHERE {condition}", (value,)
    ).fetchone()
    return None if row is None else user_of(row)
