"""What the guard holds: stored and counted, neither shown nor passed on before somebody agrees.

What a source brought while one hold of it waits belongs to that hold, so that a person decides
once about one event. What was refused stays held, and can be agreed to later.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.ids import NULL_VERTEX
from sila_daemon.store import op_table, sql

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.store.op_table import TreeOp


WAITING_COUNT = (
    "SELECT count(*) FROM held WHERE hold IN (SELECT id FROM hold WHERE refused_ms IS NULL)"
)
"""How many ops wait for somebody."""


@dataclass(frozen=True, slots=True)
class Release:
    """A hold that somebody decided about, as it was when they saw it."""

    hold: int
    last_seq: int
    """What came later was not seen, and is held on."""


@dataclass(frozen=True, slots=True)
class Hold:
    """Changes that one source brought at once and that wait for somebody."""

    number: int
    source: str
    """The layer that brought them: the folder, or a server's URL."""
    vertices: int
    """About how many vertices would be deleted or overwritten."""
    of_vertices: int
    """How many there were when it began."""
    at_ms: int
    """Since when, in Unix milliseconds."""
    refused_ms: int | None
    """When somebody said no; None while it waits."""
    ops: int
    deletions: int
    """Ops that move something to the trash."""
    moves: int
    """Other moves."""
    trees: int
    last_seq: int


def hold(
    connection: apsw.Connection, source: str, seqs: Sequence[int], loss: tuple[int, int], at_ms: int
) -> None:
    """Holds ops; `loss` is how many vertices of how many these ops concern."""
    number = waiting(connection, source)
    if number is not None:
        connection.execute(
            "UPDATE hold SET vertices = vertices + ? WHERE id = ?", (loss[0], number)
        )
    else:
        connection.execute(
            "INSERT INTO hold (source, vertices, of_vertices, at_ms) VALUES (?, ?, ?, ?)",
            (source, *loss, at_ms),
        )
        number = connection.last_insert_rowid()
    connection.executemany("INSERT INTO held VALUES (?, ?)", [(seq, number) for seq in seqs])


def waiting(connection: apsw.Connection, source: str) -> int | None:
    """Returns the hold of a source that nobody has decided about."""
    query = "SELECT id FROM hold WHERE source = ? AND refused_ms IS NULL"
    found = sql.first(connection, query, (source,))
    return None if found is None else int(found)


def release(connection: apsw.Connection, decided: Release) -> list[TreeOp]:
    """Lets go of ops, which are owed like any others from now on; returns them."""
    bounds = decided.hold, decided.last_seq
    found = sql.rows(
        connection,
        "SELECT op.seq, tree.name, op.counter, peer.name, target, parent, key, value"
        " FROM held JOIN op ON op.seq = held.seq"
        " JOIN tree ON tree.id = op.tree JOIN peer ON peer.id = op.peer"
        " WHERE held.hold = ? AND held.seq <= ? ORDER BY op.seq",
        bounds,
    )
    connection.execute("DELETE FROM held WHERE hold = ? AND seq <= ?", bounds)
    connection.execute(
        "DELETE FROM hold WHERE id = ? AND NOT EXISTS (SELECT 1 FROM held WHERE hold = hold.id)",
        (decided.hold,),
    )
    return [(tree_id, op) for _, tree_id, op in op_table.numbered(found)]


def source_of(connection: apsw.Connection, number: int) -> str | None:
    """Returns who brought what is held; None when there is no such hold."""
    found = sql.first(connection, "SELECT source FROM hold WHERE id = ?", (number,))
    return None if found is None else str(found)


class Held:
    """What is held of one space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def holds(self) -> list[Hold]:
        """Returns all holds, those that were refused too, oldest first."""
        found = await self._database.read(
            lambda connection: sql.rows(
                connection,
                "SELECT hold.id, source, vertices, of_vertices, at_ms, refused_ms, count(*),"
                " sum(key IS NULL AND parent IS ?1), sum(key IS NULL AND parent IS NOT ?1),"
                " count(DISTINCT tree), max(held.seq)"
                " FROM hold JOIN held ON held.hold = hold.id JOIN op ON op.seq = held.seq"
                " GROUP BY hold.id ORDER BY hold.id",
                (NULL_VERTEX,),
            )
        )
        return [Hold(*row) for row in found]

    async def ops(self, number: int, after_seq: int, limit: int) -> list[tuple[int, TreeOp]]:
        """Returns held ops with their numbers, a page at a time."""
        found = await self._database.read(
            lambda connection: sql.rows(
                connection,
                "SELECT op.seq, tree.name, op.counter, peer.name, target, parent, key, value"
                " FROM held JOIN op ON op.seq = held.seq"
                " JOIN tree ON tree.id = op.tree JOIN peer ON peer.id = op.peer"
                " WHERE held.hold = ? AND held.seq > ? ORDER BY op.seq LIMIT ?",
                (number, after_seq, limit),
            )
        )
        return [(seq, (tree_id, op)) for seq, tree_id, op in op_table.numbered(found)]

    async def refuse(self, number: int, now_ms: int) -> None:
        """Has a hold stay held without anybody being asked any more."""
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE hold SET refused_ms = ? WHERE id = ?", (now_ms, number)
            )
        )
