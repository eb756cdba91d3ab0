"""Deleting spaces and users: out of sight at once, undone for a while, then gone for good.

What is deleted keeps its rows and its folder until its time is over; then its people go first,
so that nothing brings it back half removed, then its folder, then its row. A process that dies in
between leaves what the next one goes on with.
"""

from __future__ import annotations

import logging
from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError, ProtectionError, SilaError
from sila_daemon.server.accounts.directory import Changed, owners_of, roles_in
from sila_daemon.server.accounts.platform import User, user_where
from sila_daemon.server.accounts.sessions import end_sessions

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.ports.clock import Clock
    from sila_daemon.server.accounts.audit import Audit
    from sila_daemon.server.accounts.directory import Directory
    from sila_daemon.server.accounts.sessions import Sessions
    from sila_daemon.server.spaces.open_spaces import Spaces

LOG = logging.getLogger(__name__)


class Removal:
    """Deletes, brings back, and removes for good."""

    def __init__(
        self,
        database: Database,
        directory: Directory,
        sessions: Sessions,
        spaces: Spaces,
        clock: Clock,
        audit: Audit,
        grace_days: float,
    ) -> None:
        self._database = database
        self._directory = directory
        self._sessions = sessions
        self._spaces = spaces
        self._clock = clock
        self._audit = audit
        self._grace_ms = int(grace_days * 86_400_000)

    def purged_at(self, deleted_at: int) -> int:
        """Returns when something deleted then is gone for good: Unix milliseconds."""
        return deleted_at + self._grace_ms

    async def delete_space(self, space_id: str, by: str = "", address: str = "") -> int:
        """Deletes a space; returns until when it can be brought back. Raises NotFoundError."""
        now = self._now_ms()

        def work(connection: apsw.Connection) -> Changed:
            connection.execute(
                "UPDATE spaces SET deleted_at = ?, deleted_with = NULL"
                " WHERE id = ? AND deleted_at IS NULL",
                (now, space_id),
            )
            if not connection.changes():
                raise NotFoundError("there is no such space")
            return _gone(connection, space_id)

        self._directory.tell(await self._database.write(work))
        self._audit.note("space_deleted", user_id=by, space_id=space_id, address=address)
        return self.purged_at(now)

    async def undelete_space(self, space_id: str, by: str = "", address: str = "") -> None:
        """Brings a deleted space back. Raises NotFoundError when it is too late."""
        since = self._now_ms() - self._grace_ms

        def work(connection: apsw.Connection) -> Changed:
            roles = roles_in(connection, space_id)
            connection.execute(
                "UPDATE spaces SET deleted_at = NULL, deleted_with = NULL"
                " WHERE id = ? AND deleted_at > ?",
                (space_id, since),
            )
            if not connection.changes() or not roles:
                raise NotFoundError("there is no such deleted space")
            return {space_id: roles}

        self._directory.tell(await self._database.write(work))
        self._audit.note("space_undeleted", user_id=by, space_id=space_id, address=address)

    async def delete_user(self, user: User, *, is_forced: bool = False) -> list[str]:
        """Deletes an account; returns the ids of the spaces that are deleted with it.

        These are the ones that nobody else owns. Raises ProtectionError when others are members
        of one of them, unless forced.
        """
        now = self._now_ms()

        def work(connection: apsw.Connection) -> tuple[list[str], list[str], Changed]:
            alone = _owned_alone(connection, user.id)
            shared = [name for _, name, is_shared in alone if is_shared]
            if shared and not is_forced:
                raise _only_owner(user, shared)
            changed: Changed = {}
            for space_id, _, _ in alone:
                connection.execute(
                    "UPDATE spaces SET deleted_at = ?, deleted_with = ? WHERE id = ?",
                    (now, user.id, space_id),
                )
                changed |= _gone(connection, space_id)
            connection.execute(
                "UPDATE users SET deleted_at = ? WHERE id = ? AND deleted_at IS NULL",
                (now, user.id),
            )
            if not connection.changes():
                raise NotFoundError(f"the account of {user.email} is deleted already")
            ended = end_sessions(connection, "user_id = ?", (user.id,))
            return [space_id for space_id, _, _ in alone], ended, changed

        deleted, ended, changed = await self._database.write(work)
        self._sessions.tell_ended(ended)
        self._directory.tell(changed)
        self._audit.note("user_deleted", user_id=user.id)
        for space_id in deleted:
            self._audit.note(
                "space_deleted", user_id=user.id, space_id=space_id, reason="with its owner"
            )
        return deleted

    async def restore_user(self, user: User) -> list[str]:
        """Brings an account back, with the spaces that were deleted with it.

        Returns the ids of these. Raises NotFoundError.
        """

        def work(connection: apsw.Connection) -> Changed:
            connection.execute(
                "UPDATE users SET deleted_at = NULL WHERE id = ? AND deleted_at IS NOT NULL",
                (user.id,),
            )
            if not connection.changes():
                raise NotFoundError(f"the account of {user.email} is not deleted")
            rows = connection.execute(
                "UPDATE spaces SET deleted_at = NULL, deleted_with = NULL"
                " WHERE deleted_with = ? RETURNING id",
                (user.id,),
            ).fetchall()
            return {str(row[0]): roles_in(connection, str(row[0])) for row in rows}

        changed = await self._database.write(work)
        self._directory.tell(changed)
        self._audit.note("user_restored", user_id=user.id)
        return list(changed)

    async def purge_due(self) -> int:
        """Removes for good what has waited long enough; returns how much that was."""
        return await self._purge(self._now_ms() - self._grace_ms, None)

    async def purge_now(self, thing_id: str) -> None:
        """Removes one deleted space or user for good, and what was deleted with the user."""
        await self._purge(self._now_ms(), thing_id)

    async def _purge(self, latest: int, only: str | None) -> int:
        def due(connection: apsw.Connection) -> tuple[list[str], list[str]]:
            spaces = connection.execute(
                "SELECT id FROM spaces WHERE deleted_at <= ?1"
                " AND (?2 IS NULL OR id = ?2 OR deleted_with = ?2) ORDER BY deleted_at, id",
                (latest, only),
            ).fetchall()
            users = connection.execute(
                "SELECT id FROM users WHERE deleted_at <= ?1 AND (?2 IS NULL OR id = ?2)"
                " ORDER BY deleted_at, id",
                (latest, only),
            ).fetchall()
            return [str(row[0]) for row in spaces], [str(row[0]) for row in users]

        spaces, users = await self._database.read(due)
        for space_id in spaces:
            try:
                await self._purge_space(space_id)
            except SilaError as error:  # The others must not wait for one that is stuck.
                LOG.error("space %s cannot be removed yet: %s", space_id, error.message)
        for user_id in users:
            await self._purge_user(user_id)
        return len(spaces) + len(users)

    async def _purge_user(self, user_id: str) -> None:
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM users WHERE id = ? AND deleted_at IS NOT NULL", (user_id,)
            )
        )
        self._audit.note("user_purged", user_id=user_id)

    async def _purge_space(self, space_id: str) -> None:
        def give_up(connection: apsw.Connection) -> bool:
            row = connection.execute(
                "SELECT 1 FROM spaces WHERE id = ? AND deleted_at IS NOT NULL", (space_id,)
            ).fetchone()
            if row is not None:
                # Long due, whatever its time was: what breaks off here is gone on with soon.
                connection.execute("UPDATE spaces SET deleted_at = 0 WHERE id = ?", (space_id,))
                connection.execute("DELETE FROM members WHERE space_id = ?", (space_id,))
                connection.execute("DELETE FROM invites WHERE space_id = ?", (space_id,))
            return row is not None

        if not await self._database.write(give_up):
            return  # Brought back in the meantime.
        await self._spaces.remove(space_id)
        await self._database.write(
            lambda connection: connection.execute("DELETE FROM spaces WHERE id = ?", (space_id,))
        )
        self._audit.note("space_purged", space_id=space_id)

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)


def _gone(connection: apsw.Connection, space_id: str) -> Changed:
    return {space_id: dict.fromkeys(roles_in(connection, space_id))}


def _owned_alone(connection: apsw.Connection, user_id: str) -> list[tuple[str, str, bool]]:
    """Returns id, name and whether others are members, of spaces that nobody else owns."""
    rows = connection.execute(
        "SELECT s.id, s.name FROM spaces s JOIN members m ON m.space_id = s.id"
        " WHERE m.user_id = ? AND m.role = 'owner' AND s.deleted_at IS NULL ORDER BY s.id",
        (user_id,),
    ).fetchall()
    found = []
    for space_id, name in ((str(row[0]), str(row[1])) for row in rows):
        if owners_of(connection, space_id) == {user_id}:
            others = {*roles_in(connection, space_id)} - {user_id}
            is_shared = any(
                user_where(connection, "deleted_at IS NULL AND id = ?", other) for other in others
            )
            found.append((space_id, name, is_shared))
    return found


def _only_owner(user: User, names: list[str]) -> ProtectionError:
    shown = ", ".join(names[:5]) + (" and more" if len(names) > 5 else "")
    return ProtectionError(
        f"{user.email} is the only owner of spaces that others use: {shown}",
        code="last_owner",
        hint="Give them another owner with: sila-server space share SPACE EMAIL --role owner;"
        " or delete them too with --force",
    )
