"""Ops that need somebody: those that a server does not take, and what it sent that is no op.

The first stay owed and are not offered again before somebody says so. The second are kept as they
came, in the transaction that moves the cursor over them: nothing is thrown away.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Literal

from sila_daemon.store import op_table, sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from sila_daemon.core.ops import Op
    from sila_daemon.database.database import Database

SET_ASIDE_MAX = 1000
SET_ASIDE_BYTES_MAX = 16 << 20
"""With more than this from one server, nothing more is taken from it."""

Way = Literal["refused", "set_aside"]

_LAYER = "(SELECT id FROM layer WHERE name = ?)"


@dataclass(frozen=True, slots=True)
class Refusal:
    """Why a server does not take an op, though it was asked."""

    seq: int
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class NoOp:
    """What a server sent among its ops, and is none."""

    tree_id: str
    raw: bytes
    code: str
    message: str


@dataclass(frozen=True, slots=True)
class QuarantinedOp:
    """An op that needs somebody, and why."""

    server: str
    way: Way
    number: int
    """Rises within one server and way."""
    tree_id: str
    op: Op | None
    """None where it could not be read."""
    raw: bytes | None
    """What came, where it could not be read."""
    code: str
    message: str
    at_ms: int
    """Since when, in Unix milliseconds."""
    is_acknowledged: bool = False
    """A person has seen it, and need not be told again."""


def refuse(
    connection: apsw.Connection, layer: str, refusals: Iterable[Refusal], now_ms: int
) -> None:
    """Notes ops that a server will never take; they stay owed, and are not offered again."""
    connection.executemany(
        "INSERT OR REPLACE INTO refusal (layer, seq, code, message, at_ms)"
        " SELECT id, ?, ?, ?, ? FROM layer WHERE name = ?",
        [(entry.seq, entry.code, entry.message, now_ms, layer) for entry in refusals],
    )


def set_aside(connection: apsw.Connection, layer: str, found: Iterable[NoOp], now_ms: int) -> None:
    """Keeps what came from a server and is no op; what is known already is not kept twice."""
    connection.executemany(
        "INSERT OR IGNORE INTO set_aside (layer, tree, raw, digest, code, message, at_ms)"
        " SELECT id, ?, ?, ?, ?, ?, ? FROM layer WHERE name = ?",
        [
            (entry.tree_id, entry.raw, _digest(entry), entry.code, entry.message, now_ms, layer)
            for entry in found
        ],
    )


def _digest(entry: NoOp) -> bytes:
    return hashlib.sha256(entry.tree_id.encode() + b"\0" + entry.raw).digest()


def counts(connection: apsw.Connection, layer: str) -> tuple[int, int]:
    """Returns how many ops a server refused, and how many of its own were set aside.

    What a person has acknowledged is not counted.
    """
    refused = f"SELECT count(*) FROM refusal WHERE layer = {_LAYER}"
    aside = f"SELECT count(*) FROM set_aside WHERE layer = {_LAYER} AND seen_ms IS NULL"
    return sql.first(connection, refused, (layer,)), sql.first(connection, aside, (layer,))


def _refused(
    connection: apsw.Connection, layer: str, after: int, limit: int
) -> list[QuarantinedOp]:
    rows = sql.rows(
        connection,
        "SELECT refusal.code, refusal.message, refusal.at_ms,"
        " op.seq, tree.name, op.counter, peer.name, target, parent, key, value"
        " FROM refusal JOIN op ON op.seq = refusal.seq"
        " JOIN tree ON tree.id = op.tree JOIN peer ON peer.id = op.peer"
        f" WHERE refusal.layer = {_LAYER} AND refusal.seq > ? ORDER BY refusal.seq LIMIT ?",
        (layer, after, limit),
    )
    found = op_table.numbered(row[3:] for row in rows)
    return [
        QuarantinedOp(layer, "refused", seq, tree_id, op, None, *row[:3])
        for row, (seq, tree_id, op) in zip(rows, found, strict=True)
    ]


def _aside(connection: apsw.Connection, layer: str, after: int, limit: int) -> list[QuarantinedOp]:
    rows = sql.rows(
        connection,
        f"SELECT id, tree, raw, code, message, at_ms, seen_ms IS NOT NULL FROM set_aside"
        f" WHERE layer = {_LAYER} AND id > ? ORDER BY id LIMIT ?",
        (layer, after, limit),
    )
    return [
        QuarantinedOp(
            layer, "set_aside", number, tree_id, None, raw, code, message, at_ms, bool(is_seen)
        )
        for number, tree_id, raw, code, message, at_ms, is_seen in rows
    ]


class Quarantine:
    """The ops of one space that need somebody, by server."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def page(
        self, layer: str, way: Way, after: int = 0, limit: int = 500
    ) -> list[QuarantinedOp]:
        """Returns some of them in order, `after` the number last seen."""
        read = _refused if way == "refused" else _aside
        return await self._database.read(lambda connection: read(connection, layer, after, limit))

    async def counts(self, layer: str) -> tuple[int, int]:
        """Returns how many ops a server refused, and how many of its own were set aside."""
        return await self._database.read(lambda connection: counts(connection, layer))

    async def set_aside_size(self, layer: str) -> tuple[int, int]:
        """Returns how much was set aside, acknowledged or not: how many things and bytes."""
        query = (
            f"SELECT count(*), coalesce(sum(length(raw)), 0) FROM set_aside WHERE layer = {_LAYER}"
        )
        rows = await self._database.read(lambda connection: sql.rows(connection, query, (layer,)))
        count, size = rows[0]
        return int(count), int(size)

    async def acknowledge(self, layer: str, now_ms: int) -> int:
        """Notes that a person has seen what was set aside; returns how many things that are."""

        def work(connection: apsw.Connection) -> int:
            connection.execute(
                f"UPDATE set_aside SET seen_ms = ? WHERE seen_ms IS NULL AND layer = {_LAYER}",
                (now_ms, layer),
            )
            return connection.changes()

        return await self._database.write(work)

    async def refuse(self, layer: str, refusals: Sequence[Refusal], now_ms: int) -> None:
        """Notes ops that are not to be offered again, though the server did not answer."""
        await self._database.write(lambda connection: refuse(connection, layer, refusals, now_ms))

    async def release(self, layer: str) -> list[Refusal]:
        """Lets all ops be offered again that a server refused; returns why it did."""

        def work(connection: apsw.Connection) -> list[Refusal]:
            rows = sql.rows(
                connection,
                f"DELETE FROM refusal WHERE layer = {_LAYER} RETURNING seq, code, message",
                (layer,),
            )
            return [Refusal(*row) for row in rows]

        return await self._database.write(work)

    async def forget(self, layer: str, numbers: Sequence[int]) -> None:
        """Ends the keeping of what was set aside, as it can be read now and is stored."""
        await self._database.write(
            lambda connection: connection.executemany(
                f"DELETE FROM set_aside WHERE layer = {_LAYER} AND id = ?",
                [(layer, number) for number in numbers],
            )
        )
