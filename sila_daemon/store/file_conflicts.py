"""Mutable files that were changed in two places: what is in place, and what was put beside it.

Whoever was too late takes the newer content and keeps the own one, as an immutable file named by
its hash, until a person has chosen (the wire protocol, `PUT .../files/var/:uuid`).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.store import sql

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database


@dataclass(frozen=True, slots=True)
class FileConflict:
    """A content that was in the place of a mutable file before a newer one came."""

    uuid: str
    sha256: str
    """Names the immutable file that keeps it."""
    size: int
    server: str
    """Where the newer content came from."""
    at_ms: int


class FileConflicts:
    """Those of one space that wait for a person."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def add(self, conflict: FileConflict) -> None:
        """Notes a content that was kept. The same one again changes nothing."""

        def work(connection: apsw.Connection) -> None:
            # No op names it; where it is lost here, as with a folder that is put back, it is
            # fetched from a server all the same.
            connection.execute(
                "INSERT INTO blob (kind, name, is_referenced) VALUES ('static', ?, 1)"
                " ON CONFLICT (kind, name) DO UPDATE SET is_referenced = 1",
                (conflict.sha256,),
            )
            connection.execute(
                "INSERT OR IGNORE INTO file_conflict VALUES (?, ?, ?, ?, ?)",
                (conflict.uuid, conflict.sha256, conflict.size, conflict.server, conflict.at_ms),
            )

        await self._database.write(work)

    async def remove(self, uuid: str, sha256: str) -> None:
        """Forgets a content that nobody has to choose about any more."""

        def work(connection: apsw.Connection) -> None:
            connection.execute(
                "DELETE FROM file_conflict WHERE uuid = ? AND sha256 = ?", (uuid, sha256)
            )

        await self._database.write(work)

    async def all(self) -> list[FileConflict]:
        """Returns all, the oldest first."""
        found = await self._database.read(
            lambda connection: sql.rows(
                connection,
                "SELECT uuid, sha256, size, server, at_ms FROM file_conflict"
                " ORDER BY at_ms, uuid, sha256",
            )
        )
        return [FileConflict(*row) for row in found]

    async def count(self) -> int:
        """Returns how many files wait."""
        return int(
            await self._database.read(
                lambda connection: sql.first(
                    connection, "SELECT count(DISTINCT uuid) FROM file_conflict"
                )
            )
        )
