"""Invites: links that make whoever follows them once a member of a space.

Of a link's secret only a hash is stored. It ends when it was followed, when its time is over,
and when whoever made it is no owner any more.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import NotFoundError, ProtectionError, UsageError
from sila_daemon.ports.randomness import Randomness, new_id
from sila_daemon.server.accounts.directory import checked_role, enter, owners_of
from sila_daemon.server.accounts.grants import ROLES
from sila_daemon.server.accounts.tokens import token_hash

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.ports.clock import Clock
    from sila_daemon.server.accounts.directory import Directory
    from sila_daemon.server.accounts.platform import User

DAYS_DEFAULT = 7
DAYS_MAX = 90
OPEN_MAX = 200
"""Invites of one space that nobody has followed yet."""

_TOKEN = re.compile(r"inv_[0-9a-f]{64}")


@dataclass(frozen=True, slots=True)
class Invite:
    """An invite as owners see it; times are Unix milliseconds."""

    id: str
    space_id: str
    space_name: str
    role: str
    created_by: str
    created_at: int
    expires_at: int

    def to_json(self) -> dict[str, Any]:
        """Renders the invite; its secret is known to nobody any more."""
        return {
            "id": self.id,
            "space": {"id": self.space_id, "name": self.space_name},
            "role": self.role,
            "createdBy": self.created_by,
            "createdAt": self.created_at,
            "expiresAt": self.expires_at,
        }


_SELECT = (
    "SELECT i.id, i.space_id, s.name, i.role, i.created_by, i.created_at, i.expires_at"
    " FROM invites i JOIN spaces s ON s.id = i.space_id"
    " WHERE i.accepted_by IS NULL AND s.deleted_at IS NULL AND i.expires_at > ?"
)


class Invites:
    """Invites in the platform's database."""

    def __init__(
        self, database: Database, directory: Directory, clock: Clock, randomness: Randomness
    ) -> None:
        self._database = database
        self._directory = directory
        self._clock = clock
        self._randomness = randomness

    async def make(
        self, space_id: str, user: User, role: object, expires_at: object = None
    ) -> tuple[str, Invite]:
        """Makes an invite; returns its secret and what it says.

        `expires_at` is in Unix milliseconds, a week from now if it is None. Raises UsageError,
        ProtectionError when too many are open.
        """
        now, checked = self._now_ms(), checked_role(role)
        until = now + DAYS_DEFAULT * 86_400_000 if expires_at is None else expires_at
        if type(until) is not int or not now < until <= now + DAYS_MAX * 86_400_000:
            raise UsageError(
                f"an invite expires in the future, in at most {DAYS_MAX} days", code="bad_expiry",
                hint="expires is a time in Unix milliseconds",
            )  # fmt: skip
        secret = f"inv_{self._randomness.token(32).hex()}"
        invite_id, hashed = new_id(self._randomness), token_hash(secret)

        def work(connection: apsw.Connection) -> Invite:
            connection.execute(
                "INSERT INTO invites (id, hash, space_id, role, created_by, created_at, expires_at)"
                " VALUES (?,?,?,?,?,?,?)",
                (invite_id, hashed, space_id, checked, user.id, now, until),
            )
            found = _open_in(connection, space_id, now)
            if len(found) > OPEN_MAX:
                raise ProtectionError(f"{OPEN_MAX} invites wait already", code="too_many")
            return next(invite for invite in found if invite.id == invite_id)

        return secret, await self._database.write(work)

    async def of_space(self, space_id: str) -> list[Invite]:
        """Returns the invites of a space that may still be followed, oldest first."""
        now = self._now_ms()
        return await self._database.read(lambda connection: _open_in(connection, space_id, now))

    async def withdraw(self, space_id: str, invite_id: str) -> None:
        """Ends an invite. Raises NotFoundError."""

        def work(connection: apsw.Connection) -> None:
            connection.execute(
                "DELETE FROM invites WHERE space_id = ? AND id = ? AND accepted_by IS NULL",
                (space_id, invite_id),
            )
            if not connection.changes():
                raise NotFoundError("there is no such invite")

        await self._database.write(work)

    async def find(self, secret: object) -> Invite:
        """Returns what a secret invites to. Raises NotFoundError, whatever is wrong with it."""
        hashed, now = _hash_of(secret), self._now_ms()
        return await self._database.read(lambda connection: _found(connection, hashed, now))

    async def accept(self, secret: object, user: User) -> Invite:
        """Makes a user a member. Raises NotFoundError, ProtectionError.

        Who has accepted it may do so again, since an answer can be lost; a member's role is
        raised by an invite and never lowered.
        """
        hashed, now = _hash_of(secret), self._now_ms()

        def work(connection: apsw.Connection) -> tuple[Invite, str | None]:
            again = connection.execute(
                "SELECT i.id, i.space_id, s.name, m.role, i.created_by, i.created_at, i.expires_at"
                " FROM invites i JOIN spaces s ON s.id = i.space_id AND s.deleted_at IS NULL"
                " JOIN members m ON m.space_id = s.id AND m.user_id = i.accepted_by"
                " WHERE i.hash = ? AND i.accepted_by = ?",
                (hashed, user.id),
            ).fetchone()
            if again is not None:
                return Invite(*again), None
            invite = _found(connection, hashed, now)
            row = connection.execute(
                "SELECT role FROM members WHERE space_id = ? AND user_id = ?",
                (invite.space_id, user.id),
            ).fetchone()
            role = invite.role
            if row is not None and ROLES.index(row[0]) < ROLES.index(role):
                role = str(row[0])
            enter(connection, invite.space_id, user.id, role, now)
            connection.execute(
                "UPDATE invites SET accepted_by = ?, accepted_at = ? WHERE id = ?",
                (user.id, now, invite.id),
            )
            return invite, role

        invite, role = await self._database.write(work)
        if role is not None:
            self._directory.tell({invite.space_id: {user.id: role}})
        return invite

    async def remove_expired(self) -> None:
        """Removes invites whose time is over, and what was followed a month ago."""
        now = self._now_ms()
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM invites WHERE (accepted_by IS NULL AND expires_at <= ?1)"
                " OR accepted_at < ?1 - 30 * 86400000",
                (now,),
            )
        )

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)


def _open_in(connection: apsw.Connection, space_id: str, now: int) -> list[Invite]:
    rows = connection.execute(
        f"{_SELECT} AND i.space_id = ? ORDER BY i.created_at, i.id", (now, space_id)
    )
    return [Invite(*row) for row in rows]


def _found(connection: apsw.Connection, hashed: bytes, now: int) -> Invite:
    row = connection.execute(f"{_SELECT} AND i.hash = ?", (now, hashed)).fetchone()
    invite = None if row is None else Invite(*row)
    if invite is None or invite.created_by not in owners_of(connection, invite.space_id):
        raise NotFoundError("this invite is not valid any more", code="bad_invite")
    return invite


def _hash_of(secret: object) -> bytes:
    if not isinstance(secret, str) or not _TOKEN.fullmatch(secret):
        raise NotFoundError("this invite is not valid any more", code="bad_invite")
    return token_hash(secret)
