"""What immutable files were when their bytes were held against their names.

A file that is as it was then need not be read again, after a restart neither.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.store import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping, Sequence

    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.ports.disk import FileStat


class StaticLook(NamedTuple):
    """A file as it was, and whether it was what its name says."""

    inode: int
    size: int
    modified_ns: int
    is_right: bool

    def is_of(self, stat: FileStat) -> bool:
        """Tells whether the file is still as it was."""
        return self[:3] == (stat.inode, stat.size, stat.modified_ns)


def look_of(stat: FileStat, *, is_right: bool) -> StaticLook:
    """Returns what is to be remembered of a file."""
    return StaticLook(stat.inode, stat.size, stat.modified_ns, is_right)


def note_looks(connection: apsw.Connection, looks: Mapping[str, StaticLook]) -> None:
    """Remembers looks at files, by the SHA-256 that names them."""
    connection.executemany(
        "INSERT OR REPLACE INTO static_look VALUES (?, ?, ?, ?, ?)",
        [(name, *look[:3], int(look.is_right)) for name, look in looks.items()],
    )


class StaticLooks:
    """The stored looks at the immutable files of one space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def below(self, directories: Iterable[str]) -> dict[str, StaticLook]:
        """Returns the looks at files whose names begin as directories are named, by name."""
        query = "SELECT * FROM static_look WHERE name BETWEEN ? AND ?"

        def work(connection: apsw.Connection) -> dict[str, StaticLook]:
            return {
                name: _look(facts)
                for names in sql.beginnings(directories)
                for name, *facts in sql.rows(connection, query, names)
            }

        return await self._database.read(work)

    async def of(self, name: str) -> StaticLook | None:
        """Returns the last look at one file."""
        found = await self._database.read(
            lambda connection: sql.rows(
                connection, "SELECT * FROM static_look WHERE name = ?", (name,)
            )
        )
        return _look(found[0][1:]) if found else None

    async def note_wrong(self, looks: Mapping[str, StaticLook]) -> None:
        """Remembers files that are not what their names say."""
        await self._database.write(lambda connection: note_looks(connection, looks))

    async def forget(self, names: list[str]) -> None:
        """Forgets files that are not there any more."""
        await self._database.write(
            lambda connection: connection.executemany(
                "DELETE FROM static_look WHERE name = ?", [(name,) for name in names]
            )
        )


def _look(facts: Sequence[int]) -> StaticLook:
    inode, size, modified_ns, is_right = facts
    return StaticLook(inode, size, modified_ns, bool(is_right))
