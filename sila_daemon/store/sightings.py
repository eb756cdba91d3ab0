"""What an original server was sent, and what it showed since: it acknowledges nothing.

A debt to it ends when the op was seen there. Until then it stands in the outbox as any debt does,
and `sent` counts how often it went: after `SENDS_MAX` times it stays, and is sent no more.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core.state_vector import StateVector
from sila_daemon.store import op_table, outbox, servers, sql

if TYPE_CHECKING:
    from collections.abc import Collection, Sequence

    import apsw

    from sila_daemon.core.ops import Op
    from sila_daemon.database.database import Database

SENDS_MAX = 3
"""The first time and twice again: such a server appends each to its files."""

_LAYER = "(SELECT id FROM layer WHERE name = ?)"
_NOT_HELD = "NOT EXISTS (SELECT 1 FROM held WHERE held.seq = outbox.seq)"


@dataclass(frozen=True, slots=True)
class DueOp:
    """An op that is to be sent."""

    seq: int
    tree_id: str
    op: Op
    times: int
    """How often it was sent already, for nothing."""


@dataclass(frozen=True, slots=True)
class Unseen:
    """An op that was sent, of which the server has shown nothing since."""

    seq: int
    tree_id: str
    is_move: bool


@dataclass(frozen=True, slots=True)
class Recent:
    """An op that the server is known to hold, one of the newest here."""

    seq: int
    tree_id: str
    op: Op


class Sightings:
    """What is known of the debts to one original server."""

    def __init__(self, database: Database, layer: str) -> None:
        self._database = database
        self._layer = layer

    async def due(self, after_seq: int, limit: int) -> list[DueOp]:
        """Returns what is to be sent, in order: the new, and what was missed and may go again."""
        query = (
            "SELECT coalesce(times, 0), op.seq, tree.name, op.counter, peer.name, target, parent,"
            " key, value FROM outbox JOIN op ON op.seq = outbox.seq"
            " JOIN tree ON tree.id = op.tree JOIN peer ON peer.id = op.peer"
            " LEFT JOIN sent ON sent.layer = outbox.layer AND sent.seq = outbox.seq"
            f" WHERE outbox.layer = {_LAYER} AND outbox.seq > ?"
            " AND (times IS NULL OR (is_missed AND times < ?))"
            " AND NOT EXISTS (SELECT 1 FROM refusal WHERE refusal.layer = outbox.layer"
            "                 AND refusal.seq = outbox.seq)"
            f" AND {_NOT_HELD} ORDER BY outbox.seq LIMIT ?"
        )
        rows = await self._rows(query, self._layer, after_seq, SENDS_MAX, limit)
        found = op_table.numbered(row[1:] for row in rows)
        return [DueOp(*numbered, row[0]) for row, numbered in zip(rows, found, strict=True)]

    async def note_sent(self, seqs: Sequence[int]) -> None:
        """Counts that ops reached the server once more."""
        await self._write_each(
            f"INSERT INTO sent (layer, seq, times) SELECT {_LAYER}, seq, 1 FROM op WHERE seq = ?"
            " ON CONFLICT DO UPDATE SET times = times + 1, is_missed = 0",
            seqs,
        )

    async def note_missed(self, seqs: Sequence[int]) -> None:
        """Notes what the server turned out not to have."""
        await self._write_each(
            f"UPDATE sent SET is_missed = 1 WHERE layer = {_LAYER} AND seq = ?", seqs
        )

    async def settle(self, seqs: Sequence[int], now_ms: int) -> int:
        """Ends debts of ops that were seen; returns how many there were."""

        def work(connection: apsw.Connection) -> int:
            settled = outbox.settle(connection, self._layer, seqs)
            connection.executemany(
                f"DELETE FROM sent WHERE layer = {_LAYER} AND seq = ?",
                [(self._layer, seq) for seq in seqs],
            )
            if settled:
                servers.store_acknowledged(connection, self._layer, now_ms)
            return settled

        return await self._database.write(work)

    async def unseen(self) -> list[Unseen]:
        """Returns what was sent, and neither seen nor shown to be missing since."""
        rows = await self._rows(
            "SELECT op.seq, tree.name, key IS NULL FROM sent JOIN op ON op.seq = sent.seq"
            f" JOIN tree ON tree.id = op.tree WHERE layer = {_LAYER} AND NOT is_missed"
            " AND EXISTS (SELECT 1 FROM outbox"
            "             WHERE outbox.layer = sent.layer AND outbox.seq = sent.seq)"
            " ORDER BY op.seq",
            self._layer,
        )
        return [Unseen(seq, tree_id, bool(is_move)) for seq, tree_id, is_move in rows]

    async def counts(self) -> tuple[int, int]:
        """Returns how many ops were sent and not seen yet, and how many of them never again go."""
        rows = await self._rows(
            "SELECT count(*), coalesce(sum(is_missed AND times >= ?), 0) FROM sent"
            f" WHERE layer = {_LAYER} AND EXISTS (SELECT 1 FROM outbox"
            " WHERE outbox.layer = sent.layer AND outbox.seq = sent.seq)",
            SENDS_MAX,
            self._layer,
        )
        return int(rows[0][0]), int(rows[0][1])

    async def owed_vector(self, tree_id: str, *, only_sent: bool = False) -> StateVector:
        """Returns the ids of a tree that the server is not known to hold."""
        table = "sent" if only_sent else "outbox"
        rows = await self._rows(
            f"SELECT peer.name, counter FROM {table} JOIN op ON op.seq = {table}.seq"
            f" JOIN peer ON peer.id = op.peer WHERE layer = {_LAYER}"
            " AND tree = (SELECT id FROM tree WHERE name = ?) ORDER BY op.peer, counter",
            self._layer,
            tree_id,
        )
        found: dict[str, list[tuple[int, int]]] = {}
        for peer, counter in rows:
            found.setdefault(peer, []).append((counter, counter))
        return StateVector(found)

    async def newest_seen(self, limit: int) -> list[Recent]:
        """Returns ops that the server is known to hold, the newest here first."""
        rows = await self._rows(
            "SELECT op.seq, tree.name, op.counter, peer.name, target, parent, key, value FROM op"
            " JOIN tree ON tree.id = op.tree JOIN peer ON peer.id = op.peer"
            " WHERE NOT EXISTS (SELECT 1 FROM outbox"
            f"                  WHERE layer = {_LAYER} AND outbox.seq = op.seq)"
            " AND NOT EXISTS (SELECT 1 FROM held WHERE held.seq = op.seq)"
            " ORDER BY op.seq DESC LIMIT ?",
            self._layer,
            limit,
        )
        return [Recent(*numbered) for numbered in op_table.numbered(rows)]

    async def highest_seq(self) -> int:
        """Returns the number of the newest op here."""
        rows = await self._rows("SELECT coalesce(max(seq), 0) FROM op")
        return int(rows[0][0])

    async def owe_unless(
        self, tree_id: str, seen: Collection[int], up_to_seq: int, now_ms: int
    ) -> list[int]:
        """Owes what the server was known to hold of a tree, and did not show when it was asked
        for everything; returns the numbers of those ops.

        Of an id with several contents it shows one, whichever came last: the others are not lost,
        and sent again they would take each other's place for ever.
        """

        def work(connection: apsw.Connection) -> list[int]:
            hidden = _other_contents(connection, tree_id, seen)
            rows = sql.rows(
                connection,
                "SELECT op.seq FROM op WHERE tree = (SELECT id FROM tree WHERE name = ?)"
                " AND op.seq <= ? AND NOT EXISTS (SELECT 1 FROM outbox"
                f"                               WHERE layer = {_LAYER} AND outbox.seq = op.seq)",
                (tree_id, up_to_seq, self._layer),
            )
            lost = [seq for (seq,) in rows if seq not in seen and seq not in hidden]
            connection.executemany(
                f"INSERT OR IGNORE INTO outbox SELECT {_LAYER}, ?, ?",
                [(self._layer, seq, now_ms) for seq in lost],
            )
            return lost

        return await self._database.write(work)

    async def send_anew(self) -> int:
        """Lets what was sent in vain go again, as often as something new; returns how much."""

        def work(connection: apsw.Connection) -> int:
            connection.execute(
                f"DELETE FROM sent WHERE layer = {_LAYER} AND is_missed AND times >= ?",
                (self._layer, SENDS_MAX),
            )
            return connection.changes()

        return await self._database.write(work)

    async def _rows(self, query: str, *bindings: object) -> list[Any]:
        return await self._database.read(lambda connection: sql.rows(connection, query, bindings))

    async def _write_each(self, statement: str, seqs: Sequence[int]) -> None:
        await self._database.write(
            lambda connection: connection.executemany(
                statement, [(self._layer, seq) for seq in seqs]
            )
        )


def _other_contents(connection: apsw.Connection, tree_id: str, seen: Collection[int]) -> set[int]:
    """Returns the ops of a tree of whose ids another content was seen."""
    by_id: dict[tuple[int, int], list[int]] = {}
    for seq, peer, counter in sql.rows(
        connection,
        "WITH wanted AS (SELECT id FROM tree WHERE name = ?)"
        " SELECT seq, peer, counter FROM op WHERE tree = (SELECT id FROM wanted)"
        " AND (peer, counter) IN (SELECT peer, counter FROM op"
        "                         WHERE tree = (SELECT id FROM wanted) AND rank > 0)",
        (tree_id,),
    ):
        by_id.setdefault((peer, counter), []).append(seq)
    return {seq for seqs in by_id.values() if any(one in seen for one in seqs) for seq in seqs}
