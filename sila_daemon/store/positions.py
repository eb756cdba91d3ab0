"""How far the folder's op files were read, and what was wrong in them."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.folder.problems import Problem
from sila_daemon.folder.torn_lines import TORN_LINE, as_torn
from sila_daemon.store import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from sila_daemon.database.database import Database

TAIL_BYTES = 4096
"""So much before the offset is hashed, to tell an append from a rewrite."""

REMARK_CODES = frozenset({"duplicate_key", "torn_tail", TORN_LINE})
"""Told, yet nothing was left out for good: a torn tail is read once it is complete."""


@dataclass(frozen=True, slots=True)
class Position:
    """A file as it was when it was read, and how far."""

    path: str
    """Below the space's root, parted by `/`."""
    inode: int
    size: int
    modified_ns: int
    offset: int
    line_count: int
    """Whole lines before the offset."""
    tail: bytes
    """SHA-256 of the last TAIL_BYTES before the offset."""


@dataclass(frozen=True, slots=True)
class FileProgress:
    """What reading a part of a file adds to what is known of it."""

    position: Position
    problems: tuple[Problem, ...] = ()
    is_restart: bool = False
    """The file is read from its beginning again, so its earlier problems are forgotten."""


def store_progress(connection: apsw.Connection, progress: FileProgress) -> None:
    """Notes a position and problems; within the transaction that stores the ops before it."""
    at = progress.position
    if progress.is_restart:
        connection.execute("DELETE FROM problem WHERE path = ?", (at.path,))
    else:
        # A tail is looked at anew by every read, which begins before it.
        connection.execute(
            "DELETE FROM problem WHERE path = ? AND (line > ? OR code = 'torn_tail')",
            (at.path, at.line_count),
        )
    connection.execute(
        "INSERT OR REPLACE INTO position VALUES (?, ?, ?, ?, ?, ?, ?)",
        (at.path, at.inode, at.size, at.modified_ns, at.offset, at.line_count, at.tail),
    )
    connection.executemany(
        "INSERT OR REPLACE INTO problem VALUES (?, ?, ?, ?)",
        [
            (problem.path, problem.line or 0, problem.code, problem.message)
            for problem in progress.problems
        ],
    )


def forget(connection: apsw.Connection, paths: Iterable[str]) -> None:
    """Has files read from their beginning the next time, if they are there, and told of anew."""
    forgotten = [(path,) for path in paths]
    connection.executemany("DELETE FROM position WHERE path = ?", forgotten)
    connection.executemany("DELETE FROM problem WHERE path = ?", forgotten)


class Positions:
    """The stored positions and problems of one space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> dict[str, Position]:
        """Returns every position by path."""
        found = await self._database.read(
            lambda connection: sql.rows(connection, "SELECT * FROM position")
        )
        return {row[0]: Position(*row) for row in found}

    async def problems(self, limit: int = 1000) -> list[Problem]:
        """Returns what was wrong in the files, by path and line."""
        found = await self._database.read(
            lambda connection: sql.rows(
                connection, "SELECT * FROM problem ORDER BY path, line, code LIMIT ?", (limit,)
            )
        )
        return [Problem(path, line or None, code, text) for path, line, code, text in found]

    async def note_torn(self, problems: Sequence[Problem]) -> None:
        """Has lines told as torn and written again from now on."""
        remarks = [
            (remark.code, remark.message, problem.path, problem.line, problem.code)
            for problem, remark in zip(problems, map(as_torn, problems), strict=True)
        ]
        if remarks:
            await self._database.write(
                lambda connection: connection.executemany(
                    "UPDATE problem SET code = ?, message = ?"
                    " WHERE path = ? AND line = ? AND code = ?",
                    remarks,
                )
            )
