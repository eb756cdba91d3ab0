"""What the store holds and a layer is not known to hold; runs on the database's thread."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sila_daemon.core.ops import Op
from sila_daemon.core.state_vector import StateVector
from sila_daemon.store import op_table, sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import apsw

_NOT_HELD = "NOT EXISTS (SELECT 1 FROM held WHERE held.seq = outbox.seq)"
"""A debt that stands and is not paid: nobody agreed yet that the op is passed on."""


class OwedOp(msgspec.Struct, frozen=True, gc=False):
    """An op that a layer lacks."""

    seq: int
    tree_id: str
    op: Op


@dataclass(frozen=True, slots=True)
class Debt:
    """What a layer is owed, and what of its ops needs somebody."""

    ops: int
    """Refused ones included."""
    oldest_ms: int | None
    """Since when the first op in line has been owed, in Unix milliseconds."""
    refused: int
    set_aside: int
    """What it sent itself and is no op; what a person has acknowledged is not counted."""
    held: int = 0
    """Not among `ops`: they wait for somebody to agree that they are passed on."""


def add_layer(connection: apsw.Connection, name: str, now_ms: int) -> None:
    """Makes a layer known; one that is new is owed everything there is."""
    connection.execute(
        "INSERT OR IGNORE INTO layer (name, base) SELECT ?, coalesce(max(seq), 0) FROM op", (name,)
    )
    if connection.changes():
        connection.execute(
            "INSERT INTO outbox SELECT (SELECT id FROM layer WHERE name = ?), seq, ? FROM op",
            (name, now_ms),
        )
        connection.execute(
            "INSERT INTO blob_debt SELECT (SELECT id FROM layer WHERE name = ?), id"
            " FROM blob WHERE is_here",
            (name,),
        )


def remove_layers_except(connection: apsw.Connection, names: Sequence[str]) -> None:
    """Forgets layers that the space has no more, and what was owed to them."""
    marks = ", ".join("?" * len(names))
    connection.execute(f"DELETE FROM layer WHERE name NOT IN ({marks})", tuple(names))


def owe(
    connection: apsw.Connection, first: int, count: int, source: str | None, now_ms: int
) -> None:
    """Owes `count` ops from number `first` on to every layer but the one that they came from."""
    if count:
        connection.execute(
            "INSERT OR IGNORE INTO outbox"
            " SELECT layer.id, op.seq, ? FROM layer, op"
            " WHERE op.seq BETWEEN ? AND ? AND layer.name IS NOT ?",
            (now_ms, first, first + count - 1, source),
        )


def owe_trees(
    connection: apsw.Connection, layer: str, tree_ids: Iterable[str], now_ms: int
) -> None:
    """Owes all ops of some trees to a layer, whatever it is known to hold."""
    connection.executemany(
        "INSERT OR IGNORE INTO outbox"
        " SELECT layer.id, op.seq, ? FROM layer, op JOIN tree ON tree.id = op.tree"
        " WHERE layer.name = ? AND tree.name = ?",
        [(now_ms, layer, tree_id) for tree_id in tree_ids],
    )


def settle(connection: apsw.Connection, layer: str, seqs: Iterable[int]) -> int:
    """Ends the debts that a layer is now known to hold; returns how many there were."""
    found = sql.first(connection, "SELECT id FROM layer WHERE name = ?", (layer,))
    before = connection.total_changes()
    connection.executemany(
        "DELETE FROM outbox WHERE layer = ? AND seq BETWEEN ? AND ?",
        [(found, first, last) for first, last in _runs(seqs)],
    )
    settled = connection.total_changes() - before
    if settled:
        _forget_paid_refusals(connection)
    return settled


def _runs(seqs: Iterable[int]) -> Iterator[tuple[int, int]]:
    """Yields the first and last of numbers that follow each other without a gap."""
    first = last = None
    for seq in sorted(seqs):
        if first is None or last is None or seq > last + 1:
            if first is not None and last is not None:
                yield first, last
            first = seq
        last = seq
    if first is not None and last is not None:
        yield first, last


def _forget_paid_refusals(connection: apsw.Connection) -> None:
    connection.execute(
        "DELETE FROM refusal WHERE NOT EXISTS (SELECT 1 FROM outbox"
        " WHERE outbox.layer = refusal.layer AND outbox.seq = refusal.seq)"
    )


def owed(
    connection: apsw.Connection,
    layer: str,
    after_seq: int,
    limit: int,
    bytes_max: int | None = None,
) -> list[OwedOp]:
    """Returns debts in order, from after a number on, without what was refused or is held.

    With `bytes_max` they end with the first that brings their values to so many bytes.
    """
    conditions = ""
    some = "SELECT EXISTS (SELECT 1 FROM refusal), EXISTS (SELECT 1 FROM held)"
    ((has_refusals, has_held),) = sql.rows(connection, some)
    if has_refusals:
        conditions += (
            " AND NOT EXISTS (SELECT 1 FROM refusal WHERE refusal.layer = outbox.layer"
            " AND refusal.seq = outbox.seq)"
        )
    if has_held:
        conditions += f" AND {_NOT_HELD}"
    cursor = connection.execute(
        "SELECT outbox.seq, tree, peer, counter, target, parent, key, value"
        " FROM outbox JOIN op ON op.seq = outbox.seq"
        " WHERE outbox.layer = (SELECT id FROM layer WHERE name = ?) AND outbox.seq > ?"
        f"{conditions} ORDER BY outbox.seq LIMIT ?",
        (layer, after_seq, limit),
    )
    found, size = [], 0
    for row in cursor:
        found.append(row)
        value = row[-1]
        size += 0 if value is None else len(value)
        if bytes_max is not None and size >= bytes_max:
            break
    cursor.close(force=True)
    # Names are looked up once for each tree and peer of a page: joins would do so for each op.
    trees, peers = op_table.Names(connection, "tree"), op_table.Names(connection, "peer")
    to_op = op_table.to_op
    return [
        OwedOp(seq, trees[tree], to_op(counter, peers[peer], target, parent, key, value))
        for seq, tree, peer, counter, target, parent, key, value in found
    ]


def owed_among(
    connection: apsw.Connection, layer: str, seqs: Iterable[int]
) -> tuple[list[int], list[int]]:
    """Returns which of some ops a layer is owed, those that the guard holds apart."""
    layer_id = sql.first(connection, "SELECT id FROM layer WHERE name = ?", (layer,))
    query = "SELECT 1 FROM outbox WHERE layer = ? AND seq = ?"
    owed = [seq for seq in seqs if sql.first(connection, query, (layer_id, seq)) is not None]
    stopped = {seq for (seq,) in sql.rows(connection, "SELECT seq FROM held")}
    if not stopped:
        return owed, []
    return [seq for seq in owed if seq not in stopped], [seq for seq in owed if seq in stopped]


_ME = "(SELECT id FROM layer WHERE name = ?1)"
_DEBT = (
    f"SELECT (SELECT count(*) FROM outbox WHERE layer = {_ME} AND {_NOT_HELD}),"
    f" (SELECT owed_ms FROM outbox WHERE layer = {_ME} AND {_NOT_HELD} ORDER BY seq LIMIT 1),"
    f" (SELECT count(*) FROM refusal WHERE layer = {_ME}),"
    f" (SELECT count(*) FROM set_aside WHERE layer = {_ME} AND seen_ms IS NULL),"
    " (SELECT count(*) FROM held JOIN hold ON hold.id = held.hold JOIN outbox USING (seq)"
    f" WHERE refused_ms IS NULL AND outbox.layer = {_ME})"
)


def debt(connection: apsw.Connection, layer: str) -> Debt:
    """Returns what a layer is owed."""
    (found,) = sql.rows(connection, _DEBT, (layer,))
    return Debt(*found)


def compare(
    connection: apsw.Connection, layer: str, have: Mapping[str, StateVector], now_ms: int
) -> None:
    """Makes a server's debts what it shows to lack, whatever it acknowledged before.

    Which of several contents of an id it has is not seen in a vector, so all are owed again.
    """
    connection.execute("CREATE TEMP TABLE lacking (seq INTEGER PRIMARY KEY)")
    try:
        connection.execute(
            "INSERT INTO lacking SELECT op.seq FROM op JOIN op AS other USING (tree, peer, counter)"
            " WHERE other.rank = 1"
        )
        for tree_id in op_table.tree_ids(connection):
            missing = op_table.vector(connection, tree_id).minus(have.get(tree_id) or StateVector())
            for peer in missing.peers:
                connection.executemany(
                    "INSERT OR IGNORE INTO lacking SELECT seq FROM op"
                    " WHERE tree = (SELECT id FROM tree WHERE name = ?)"
                    " AND peer = (SELECT id FROM peer WHERE name = ?)"
                    " AND counter BETWEEN ? AND ?",
                    [(tree_id, peer, *span) for span in missing.ranges(peer)],
                )
        connection.execute(
            "DELETE FROM outbox WHERE layer = (SELECT id FROM layer WHERE name = ?)"
            " AND seq NOT IN (SELECT seq FROM lacking)",
            (layer,),
        )
        connection.execute(
            "INSERT OR IGNORE INTO outbox"
            " SELECT (SELECT id FROM layer WHERE name = ?), seq, ? FROM lacking",
            (layer, now_ms),
        )
        _forget_paid_refusals(connection)
    finally:
        connection.execute("DROP TABLE lacking")
