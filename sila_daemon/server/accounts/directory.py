"""Which spaces there are, what they are called, and who may use them with which role."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import NotFoundError, ProtectionError, UsageError
from sila_daemon.server.accounts.grants import ROLES
from sila_daemon.server.accounts.platform import SpaceInfo, user_where

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.ports.clock import Clock

NAME_LENGTH_MAX = 80
MEMBERS_MAX = 1000
DEFAULT_NAME = "New space"

_SELECT = (
    "SELECT s.id, s.name, m.role, s.created_at, s.updated_at, s.deleted_at"
    " FROM members m JOIN spaces s ON s.id = m.space_id WHERE m.user_id = ?"
)
_LIVING = "s.deleted_at IS NULL"


@dataclass(frozen=True, slots=True)
class Member:
    """Somebody who may use a space."""

    user_id: str
    email: str
    role: str

    def to_json(self) -> dict[str, str]:
        """Renders the member for lists."""
        return {"userId": self.user_id, "email": self.email, "role": self.role}


@dataclass(frozen=True, slots=True)
class SpaceRow:
    """A space as whoever runs the server sees it; times are Unix milliseconds."""

    id: str
    name: str
    created_at: int
    deleted_at: int | None

    def to_json(self) -> dict[str, object]:
        """Renders the space for lists."""
        shown: dict[str, object] = {
            "id": self.id,
            "name": self.name,
            "createdAt": self.created_at,
        }
        return shown if self.deleted_at is None else {**shown, "deletedAt": self.deleted_at}


Roles = dict[str, str | None]
"""The role of every user to whom a space looks different now; None for one who may not use it
any more."""

Changed = dict[str, Roles]
"""Roles by the id of the space."""

Change = Callable[[str, Roles], None]


class Directory:
    """Spaces and members in the platform's database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._listeners: list[Change] = []

    def on_change(self, listener: Change) -> None:
        """Calls `listener` after every change of a name, a role or a membership."""
        self._listeners.append(listener)

    async def add(self, space_id: str, name: str, owner_id: str) -> SpaceInfo:
        """Enters a new space. Raises ProtectionError when the id is taken."""
        now = self._now_ms()
        checked = checked_name(name)

        def work(connection: apsw.Connection) -> None:
            if connection.execute("SELECT 1 FROM spaces WHERE id = ?", (space_id,)).fetchone():
                raise ProtectionError("a space with this id is here already", code="taken")
            connection.execute(
                "INSERT INTO spaces (id, name, created_at, updated_at) VALUES (?,?,?,?)",
                (space_id, checked, now, now),
            )
            connection.execute(
                "INSERT INTO members VALUES (?,?,'owner',?)", (space_id, owner_id, now)
            )

        await self._database.write(work)
        self.tell({space_id: {owner_id: "owner"}})
        return SpaceInfo(space_id, checked, "owner", now, now)

    async def adopt(self, space_id: str, name: str) -> None:
        """Enters a space that has no members yet; harmless when it is entered already."""
        checked, now = checked_name(name), self._now_ms()
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT OR IGNORE INTO spaces (id, name, created_at, updated_at) VALUES (?,?,?,?)",
                (space_id, checked, now, now),
            )
        )

    async def is_taken(self, space_id: str) -> bool:
        """Tells whether a space with this id is entered, whoever's it is."""
        return await self._database.read(
            lambda connection: (
                connection.execute("SELECT 1 FROM spaces WHERE id = ?", (space_id,)).fetchone()
                is not None
            )
        )

    async def of_user(self, user_id: str) -> list[SpaceInfo]:
        """Returns the spaces that a user may see, oldest first."""
        return await self._database.read(
            lambda connection: [
                SpaceInfo(*row)
                for row in connection.execute(
                    f"{_SELECT} AND {_LIVING} ORDER BY s.created_at, s.id", (user_id,)
                )
            ]
        )

    async def deleted_of_user(self, user_id: str) -> list[SpaceInfo]:
        """Returns the spaces that a user owns and that wait for their final removal."""
        return await self._database.read(
            lambda connection: [
                SpaceInfo(*row)
                for row in connection.execute(
                    f"{_SELECT} AND NOT {_LIVING} AND m.role = 'owner' ORDER BY s.deleted_at, s.id",
                    (user_id,),
                )
            ]
        )

    async def find(
        self, space_id: object, user_id: str, *, sees_deleted: bool = False
    ) -> SpaceInfo | None:
        """Returns a space as this user sees it; None when it is not there or not theirs."""
        if not ids.is_tree_id(space_id):
            return None
        return await self._database.read(
            lambda connection: next(
                (
                    SpaceInfo(*row)
                    for row in connection.execute(
                        f"{_SELECT} AND s.id = ? AND (? OR {_LIVING})",
                        (user_id, space_id, sees_deleted),
                    )
                ),
                None,
            )
        )

    async def all(self) -> list[SpaceRow]:
        """Returns every space, those too that wait for their final removal, oldest first."""
        return await self._database.read(
            lambda connection: [
                SpaceRow(*row)
                for row in connection.execute(
                    "SELECT id, name, created_at, deleted_at FROM spaces ORDER BY created_at, id"
                )
            ]
        )

    async def resolve(self, space: str, *, is_deleted: bool = False) -> str:
        """Returns the id that an id, a unique prefix of one, or a name means.

        Only living spaces are meant, or only deleted ones. Raises NotFoundError, UsageError when
        it is ambiguous.
        """
        known = [row for row in await self.all() if (row.deleted_at is not None) == is_deleted]
        exact = [row.id for row in known if row.id == space]
        found = exact or [r.id for r in known if r.name == space or r.id.startswith(space)]
        if not found:
            raise NotFoundError(f"there is no {'deleted ' if is_deleted else ''}space {space}")
        if len(found) > 1:
            raise UsageError(f"{space} may be any of {len(found)} spaces", code="ambiguous")
        return found[0]

    async def rename(self, space_id: str, name: str) -> None:
        """Gives a space another name. Raises NotFoundError, UsageError."""
        checked, now = checked_name(name), self._now_ms()

        def work(connection: apsw.Connection) -> Roles:
            connection.execute(
                "UPDATE spaces SET name = ?, updated_at = ? WHERE id = ?", (checked, now, space_id)
            )
            return roles_in(connection, space_id)

        self.tell({space_id: await self._database.write(work)})

    async def members(self, space_id: str) -> list[Member]:
        """Returns who may use a space, by address."""
        return await self._database.read(
            lambda connection: [
                Member(*row)
                for row in connection.execute(
                    "SELECT u.id, u.email, m.role FROM members m JOIN users u ON u.id = m.user_id"
                    " WHERE m.space_id = ? AND u.deleted_at IS NULL ORDER BY u.email",
                    (space_id,),
                )
            ]
        )

    async def share(self, space_id: str, user_id: str, role: object) -> Member:
        """Gives a user a role, or another one.

        Raises UsageError, NotFoundError, ProtectionError for the last owner.
        """
        checked, now = checked_role(role), self._now_ms()

        def work(connection: apsw.Connection) -> Member:
            user = user_where(connection, "deleted_at IS NULL AND id = ?", user_id)
            if user is None:
                raise NotFoundError("there is no such user")
            if checked != "owner":
                _keep_an_owner(connection, space_id, user_id)
            enter(connection, space_id, user_id, checked, now)
            return Member(user_id, user.email, checked)

        member = await self._database.write(work)
        self.tell({space_id: {user_id: checked}})
        return member

    async def unshare(self, space_id: str, user_id: str) -> None:
        """Takes a user out of a space. Raises NotFoundError, ProtectionError (the last owner)."""

        def work(connection: apsw.Connection) -> None:
            _keep_an_owner(connection, space_id, user_id)
            connection.execute(
                "DELETE FROM members WHERE space_id = ? AND user_id = ?", (space_id, user_id)
            )
            if not connection.changes():
                raise NotFoundError("not a member of this space")

        await self._database.write(work)
        self.tell({space_id: {user_id: None}})

    def tell(self, changed: Changed) -> None:
        """Tells whoever listens what became different; it must be durable by then."""
        for space_id, roles in changed.items():
            for listener in self._listeners:
                listener(space_id, roles)

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)


def checked_name(name: object) -> str:
    """Returns a name unchanged. Raises UsageError when it is not 1 to 80 characters."""
    if not isinstance(name, str) or not 1 <= len(name) <= NAME_LENGTH_MAX:
        raise UsageError(f"a name has 1 to {NAME_LENGTH_MAX} characters", code="bad_name")
    return name.encode(errors="replace").decode()


def checked_role(role: object) -> str:
    """Returns a role unchanged. Raises UsageError."""
    if not isinstance(role, str) or role not in ROLES:
        raise UsageError(f"a role is one of {', '.join(ROLES)}", code="bad_role")
    return role


def roles_in(connection: apsw.Connection, space_id: str) -> dict[str, str | None]:
    """Returns the role of every member of a space."""
    rows = connection.execute("SELECT user_id, role FROM members WHERE space_id = ?", (space_id,))
    return {str(row[0]): str(row[1]) for row in rows}


def enter(connection: apsw.Connection, space_id: str, user_id: str, role: str, now: int) -> None:
    """Enters a member, or gives one another role. Raises ProtectionError when there are many."""
    connection.execute(
        "INSERT INTO members VALUES (?1,?2,?3,?4)"
        " ON CONFLICT (space_id, user_id) DO UPDATE SET role = ?3",
        (space_id, user_id, role, now),
    )
    row = connection.execute(
        "SELECT count(*) FROM members WHERE space_id = ?", (space_id,)
    ).fetchone()
    if row is not None and row[0] > MEMBERS_MAX:
        raise ProtectionError(f"a space has at most {MEMBERS_MAX} members", code="too_many")


def owners_of(connection: apsw.Connection, space_id: str) -> set[str]:
    """Returns the owners of a space whose accounts are there."""
    rows = connection.execute(
        "SELECT m.user_id FROM members m JOIN users u ON u.id = m.user_id"
        " WHERE m.space_id = ? AND m.role = 'owner' AND u.deleted_at IS NULL",
        (space_id,),
    )
    return {str(row[0]) for row in rows}


def _keep_an_owner(connection: apsw.Connection, space_id: str, user_id: str) -> None:
    if owners_of(connection, space_id) == {user_id}:
        raise ProtectionError("the last owner of a space cannot leave it", code="last_owner")
