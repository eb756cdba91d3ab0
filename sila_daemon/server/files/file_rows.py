"""Rows about the files of one space: what is here, since when, who sent it, and how much it is.

Every function runs on the database's thread, in the transaction of its caller. Usage is changed
where rows are changed, so that the two never part; it can be counted anew from the rows.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import apsw


@dataclass(frozen=True, slots=True)
class Used:
    """How much somebody holds."""

    bytes: int = 0
    files: int = 0

    def plus(self, other: Used) -> Used:
        """Adds two amounts."""
        return Used(self.bytes + other.bytes, self.files + other.files)

    def minus(self, other: Used) -> Used:
        """Subtracts an amount."""
        return Used(self.bytes - other.bytes, self.files - other.files)


@dataclass(frozen=True, slots=True)
class StaticRow:
    """What is known about an immutable file beside its bytes."""

    hash: str
    size: int
    created_at: int
    """Unix milliseconds."""
    mime_type: str
    sender: str
    """The user whose quota it counts for; empty when nobody is known."""


@dataclass(frozen=True, slots=True)
class VarState:
    """A mutable file as it is now."""

    revision: int
    sha256: str
    size: int
    changed_at: int
    """When the file with these bytes was written last (Unix ns), as the disk tells it."""
    mime_type: str = ""


@dataclass(frozen=True, slots=True)
class VarFacts:
    """One content of a mutable file that is to be numbered."""

    sha256: str
    size: int
    changed_at: int
    sender: str
    mime_type: str


def enter_static(connection: apsw.Connection, row: StaticRow) -> bool:
    """Enters an immutable file, or notes that it was sent again; tells whether it is new."""
    connection.execute(
        "INSERT OR IGNORE INTO static_files (hash, size, created_at, mime_type, sender, used_at)"
        " VALUES (?1,?2,?3,?4,?5,?3)",
        (row.hash, row.size, row.created_at, row.mime_type, row.sender),
    )
    if connection.changes():
        add_usage(connection, row.sender, Used(row.size, 1))
        return True
    connection.execute(
        "UPDATE static_files SET used_at = max(used_at, ?2),"
        " mime_type = CASE mime_type WHEN '' THEN ?3 ELSE mime_type END WHERE hash = ?1",
        (row.hash, row.created_at, row.mime_type),
    )
    return False


def static_row(connection: apsw.Connection, blob_hash: str) -> StaticRow | None:
    """Returns what is known about an immutable file."""
    row = connection.execute(
        "SELECT hash, size, created_at, mime_type, sender FROM static_files WHERE hash = ?",
        (blob_hash,),
    ).fetchone()
    return None if row is None else StaticRow(*row)


def drop_static(connection: apsw.Connection, blob_hash: str, used_before: int) -> int | None:
    """Drops the row of a file that nobody used since `used_before`; returns its size then."""
    found: list[Any] = connection.execute(
        "DELETE FROM static_files WHERE hash = ? AND used_at < ? RETURNING sender, size",
        (blob_hash, used_before),
    ).fetchall()
    for sender, size in found:
        add_usage(connection, sender, Used(-size, -1))
    return int(found[0][1]) if found else None


def drop_var(connection: apsw.Connection, uuid: str, used_before: int) -> int | None:
    """Drops a mutable file that nobody used since `used_before`; returns its size then.

    Its last number stays: none is ever given out twice, so that no client takes a later content
    for one that it knows.
    """
    found: list[Any] = connection.execute(
        "DELETE FROM var_files WHERE id = ? AND used_at < ? RETURNING sender, size",
        (uuid, used_before),
    ).fetchall()
    for sender, size in found:
        add_usage(connection, sender, Used(-size, -1))
    if found:
        connection.execute(
            "DELETE FROM var_revisions WHERE id = ?1 AND revision <"
            " (SELECT max(revision) FROM var_revisions WHERE id = ?1)",
            (uuid,),
        )
    return int(found[0][1]) if found else None


def static_used(connection: apsw.Connection, hashes: Iterable[str]) -> dict[str, int]:
    """Returns those of the files that have a row, and when each was used last."""
    rows = connection.execute(
        "SELECT hash, used_at FROM static_files WHERE hash IN (SELECT value FROM json_each(?))",
        (json.dumps(list(hashes)),),
    )
    return {str(row[0]): int(row[1]) for row in rows}


def var_used(connection: apsw.Connection, uuids: Iterable[str]) -> dict[str, tuple[str, int]]:
    """Returns SHA-256 and time of last use of those of the mutable files that are here."""
    rows = connection.execute(
        "SELECT id, sha256, used_at FROM var_files WHERE id IN (SELECT value FROM json_each(?))",
        (json.dumps(list(uuids)),),
    )
    return {str(row[0]): (str(row[1]), int(row[2])) for row in rows}


def touch(connection: apsw.Connection, table: str, names: Iterable[str], now: int) -> set[str]:
    """Notes that files are in use; returns those that are still here.

    `table` is `static_files` or `var_files`.
    """
    key = "hash" if table == "static_files" else "id"
    rows = connection.execute(
        f"UPDATE {table} SET used_at = max(used_at, ?)"
        f" WHERE {key} IN (SELECT value FROM json_each(?)) RETURNING {key}",
        (now, json.dumps(list(names))),
    )
    return {str(row[0]) for row in rows.fetchall()}


def var_state(connection: apsw.Connection, uuid: str) -> VarState | None:
    """Returns the current state of a mutable file."""
    row = connection.execute(
        "SELECT revision, sha256, size, changed_at, mime_type FROM var_files WHERE id = ?", (uuid,)
    ).fetchone()
    return None if row is None else VarState(*row)


def enter_revision(
    connection: apsw.Connection, uuid: str, facts: VarFacts, now: int, *, is_side: bool
) -> int:
    """Numbers a content of a mutable file, as its current one or as a side revision."""
    row: Any = connection.execute(
        "SELECT max(revision) FROM var_revisions WHERE id = ?", (uuid,)
    ).fetchone()
    revision = 1 + ((row[0] or 0) if row else 0)
    connection.execute(
        "INSERT INTO var_revisions VALUES (?,?,?,?,?,?,?)",
        (uuid, revision, facts.sha256, facts.size, now, facts.sender, int(is_side)),
    )
    if is_side:
        static = StaticRow(facts.sha256, facts.size, now, facts.mime_type, facts.sender)
        enter_static(connection, static)
        return revision
    before = connection.execute(
        "SELECT sender, size FROM var_files WHERE id = ?", (uuid,)
    ).fetchone()
    if before is not None:
        add_usage(connection, before[0], Used(-before[1], -1))
    add_usage(connection, facts.sender, Used(facts.size, 1))
    connection.execute(
        "INSERT OR REPLACE INTO var_files (id, revision, sha256, size, created_at, changed_at,"
        " mime_type, sender, used_at) VALUES (?1,?2,?3,?4,?5,?6,?7,?8,?5)",
        (
            uuid, revision, facts.sha256, facts.size, now, facts.changed_at, facts.mime_type,
            facts.sender,
        ),
    )  # fmt: skip
    return revision


REVISIONS_MAX = 1000
"""How many revisions one answer has."""


def revisions(connection: apsw.Connection, uuid: str, before: int) -> list[dict[str, Any]]:
    """Returns the last revisions of a mutable file below a number, as the route answers them.

    They are at most REVISIONS_MAX, oldest first.
    """
    rows = connection.execute(
        "SELECT revision, sha256, size, created_at, is_side FROM var_revisions"
        " WHERE id = ? AND revision < ? ORDER BY revision DESC LIMIT ?",
        (uuid, before, REVISIONS_MAX),
    ).fetchall()
    return [
        {
            "revision": str(row[0]),
            "sha256": row[1],
            "size": row[2],
            "createdAt": row[3],
            "side": bool(row[4]),
        }
        for row in reversed(rows)
    ]


def add_usage(connection: apsw.Connection, sender: str, amount: Used) -> None:
    """Adds to what a sender holds; amounts may be negative."""
    connection.execute(
        "INSERT INTO usage VALUES (?1,?2,?3) ON CONFLICT (sender)"
        " DO UPDATE SET bytes = bytes + ?2, files = files + ?3",
        (sender, amount.bytes, amount.files),
    )


def usage(connection: apsw.Connection) -> dict[str, Used]:
    """Returns what each sender holds in this space."""
    rows = connection.execute("SELECT sender, bytes, files FROM usage")
    return {str(row[0]): Used(row[1], row[2]) for row in rows}


def recount(connection: apsw.Connection) -> dict[str, Used]:
    """Counts usage anew from the rows of the files, and returns it."""
    connection.execute("DELETE FROM usage")
    connection.execute(
        "INSERT INTO usage SELECT sender, sum(size), count(*) FROM ("
        "SELECT sender, size FROM static_files UNION ALL SELECT sender, size FROM var_files)"
        " GROUP BY sender"
    )
    return usage(connection)
