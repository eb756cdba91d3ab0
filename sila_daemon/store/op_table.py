"""Ops in SQL: rows made of ops and ops made of rows; runs on the database's thread."""

from __future__ import annotations

from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sila_daemon.core.op_codec import MoveRow, PropertyRow
from sila_daemon.core.ops import MoveOp, Op, OpId, PropertyOp, content_bytes
from sila_daemon.core.peer_order import collation_key
from sila_daemon.core.state_vector import StateVector
from sila_daemon.store import sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping, Sequence

    import apsw

TreeOp = tuple[str, Op]
"""A tree's id and an op of it."""

ALTERNATES_MAX = 4
"""Contents kept for one op id beside the first; the server keeps as many."""

HAS_OPS = "EXISTS (SELECT 1 FROM op WHERE op.tree = tree.id)"
"""Of others only the counter is known: their ops were live state, or are lost."""

_RANGE_QUERY_OPS_MIN = 16
"""From so many ops of one peer on, one range query is cheaper than a look-up for each."""


@dataclass(slots=True)
class Inserted:
    """What became of the ops of one commit."""

    new: list[TreeOp] = field(default_factory=list)
    """Those that were not held, alternates included, in the order given."""
    first_seq: int = 0
    """The new ops have consecutive numbers from here on."""
    known_seqs: list[int] = field(default_factory=list)
    """Where those that were held already stand."""
    conflicts: list[tuple[str, OpId]] = field(default_factory=list)
    """Ids that came with another content than before."""


@dataclass(slots=True)
class PeerRows:
    """Ops of one peer as rows, sorted by counter within each kind."""

    peer: str
    moves: list[MoveRow] = field(default_factory=list)
    properties: list[PropertyRow] = field(default_factory=list)


Place = tuple[int, int, int]
"""Where a chunk of a tree ended: interned peer, counter, rank."""

_START: Place = (-1, -1, -1)


class OpTable:
    """The tables `tree`, `peer` and `op` of one connection."""

    def __init__(self) -> None:
        self._trees: dict[str, int] = {}
        self._peers: dict[str, int] = {}

    def forget(self) -> None:
        """Drops what is known of interned ids, as a transaction that made some was undone."""
        self._trees.clear()
        self._peers.clear()

    def insert(self, connection: apsw.Connection, ops: Sequence[TreeOp]) -> Inserted:
        """Adds those that are not held yet; a second content of an id becomes an alternate."""
        groups = self._grouped(connection, ops)
        held = self._held(connection, groups)
        last = sql.first(connection, "SELECT coalesce(max(seq), 0) FROM op")
        result = Inserted(first_seq=last + 1)
        if not held and all(len(set(group.counters)) == len(group.counters) for group in groups):
            # Nearly always so, and a million ops should not pay for the rest.
            places = {(group.tree_id, group.author): (group.tree, group.peer) for group in groups}
            rows = _all_rows(ops, places, last + 1)
            result.new = list(ops)
        else:
            rows = self._parted(ops, held, result)
        connection.executemany("INSERT INTO op VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)", rows)
        highest: dict[int, int] = {}
        for group in groups:
            highest[group.tree] = max(highest.get(group.tree, 0), *group.counters)
        self._raise(connection, highest)
        return result

    def _parted(
        self,
        ops: Sequence[TreeOp],
        held: dict[tuple[int, int, int], list[tuple[int, Op]]],
        result: Inserted,
    ) -> list[tuple[Any, ...]]:
        """Tells what is new from what is known; returns the rows of what is new."""
        rows: list[tuple[Any, ...]] = []
        last = result.first_seq - 1
        for tree_id, op in ops:
            tree, peer = self._trees[tree_id], self._peers[op.peer]
            contents = held.setdefault((tree, peer, op.counter), [])
            seq = _same(contents, op)
            if seq is not None:
                result.known_seqs.append(seq)
                continue
            if contents:
                result.conflicts.append((tree_id, op.id))
                if len(contents) > ALTERNATES_MAX:
                    continue
            last += 1
            rows.append((tree, peer, op.counter, len(contents), last, *_columns(op)))
            contents.append((last, op))
            result.new.append((tree_id, op))
        return rows

    def raise_counters(self, connection: apsw.Connection, counters: Mapping[str, int]) -> None:
        """Lifts the high-water marks of trees that are above what is stored."""
        self._raise(connection, {self.tree(connection, name): counters[name] for name in counters})

    def _raise(self, connection: apsw.Connection, highest: Mapping[int, int]) -> None:
        connection.executemany(
            "UPDATE tree SET counter = ?1 WHERE id = ?2 AND counter < ?1",
            [(counter, tree) for tree, counter in highest.items()],
        )

    def tree(self, connection: apsw.Connection, name: str) -> int:
        """Returns the interned id of a tree, made if need be."""
        return self._interned(connection, "tree", name, self._trees)

    def _interned(
        self, connection: apsw.Connection, table: str, name: str, known: dict[str, int]
    ) -> int:
        found: Any = known.get(name)
        if found is None:
            connection.execute(f"INSERT OR IGNORE INTO {table} (name) VALUES (?)", (name,))
            found = sql.first(connection, f"SELECT id FROM {table} WHERE name = ?", (name,))
            known[name] = found
        return int(found)

    def _grouped(self, connection: apsw.Connection, ops: Iterable[TreeOp]) -> list[_Group]:
        """Returns the counters of the ops by tree and author."""
        counters: defaultdict[tuple[str, str], list[int]] = defaultdict(list)
        for tree_id, op in ops:
            counters[tree_id, op.peer].append(op.counter)
        groups = []
        for (tree_id, author), found in counters.items():
            peer = self._interned(connection, "peer", author, self._peers)
            tree = self.tree(connection, tree_id)
            groups.append(_Group(tree_id, author, tree, peer, found))
        return groups

    def _held(
        self, connection: apsw.Connection, groups: Iterable[_Group]
    ) -> dict[tuple[int, int, int], list[tuple[int, Op]]]:
        """Returns what is held under ids: for each, its contents by rank."""
        held: dict[tuple[int, int, int], list[tuple[int, Op]]] = {}
        query = (
            "SELECT counter, seq, target, parent, key, value FROM op"
            " WHERE tree = ? AND peer = ? AND counter BETWEEN ? AND ? ORDER BY counter, rank"
        )
        for group in groups:
            wanted, place = set(group.counters), (group.tree, group.peer)
            if len(wanted) < _RANGE_QUERY_OPS_MIN:
                spans = [(counter, counter) for counter in wanted]
            else:
                spans = [(min(wanted), max(wanted))]
            for span in spans:
                for counter, seq, *columns in sql.rows(connection, query, (*place, *span)):
                    if counter in wanted:
                        op = to_op(counter, group.author, *columns)
                        held.setdefault((*place, counter), []).append((seq, op))
        return held


@dataclass(slots=True)
class _Group:
    """Ops of one author in one tree."""

    tree_id: str
    author: str
    tree: int
    peer: int
    counters: list[int]


def _all_rows(
    ops: Sequence[TreeOp], places: Mapping[tuple[str, str], tuple[int, int]], first_seq: int
) -> list[tuple[Any, ...]]:
    """Makes a row of each op, none of which is held; `places` are the interned ids."""
    names = [op.target for _, op in ops]
    names += [op.parent or "" if isinstance(op, MoveOp) else op.key for _, op in ops]
    if not "".join(names).isascii():
        return [
            (*places[tree_id, op.peer], op.counter, 0, seq, *_columns(op))
            for seq, (tree_id, op) in enumerate(ops, first_seq)
        ]
    rows: list[tuple[Any, ...]] = []
    seq = first_seq
    for tree_id, op in ops:
        tree, peer = places[tree_id, op.peer]
        if isinstance(op, MoveOp):
            rows.append((tree, peer, op.counter, 0, seq, op.target, op.parent, None, None))
        else:
            rows.append((tree, peer, op.counter, 0, seq, op.target, None, op.key, op.value))
        seq += 1
    return rows


def _same(contents: list[tuple[int, Op]], op: Op) -> int | None:
    """Returns where the same content stands, if it is held."""
    for seq, known in contents:
        if known == op:
            return seq
    if contents:
        meaning = content_bytes(op)
        for seq, known in contents:
            if content_bytes(known) == meaning:
                return seq
    return None


def _columns(op: Op) -> tuple[Any, Any, Any, bytes | None]:
    target = op.target if op.target.isascii() else stored(op.target)
    if isinstance(op, MoveOp):
        return target, None if op.parent is None else stored(op.parent), None, None
    return target, None, stored(op.key), op.value


def stored(text: str) -> str | bytes:
    """Returns what SQLite takes: text, or its bytes where it holds a lone surrogate."""
    if not text.isascii():
        try:
            text.encode()
        except UnicodeEncodeError:
            return text.encode("utf-8", "surrogatepass")
    return text


def restored(column: Any) -> Any:
    """Returns the text that `stored` was given; None stays None."""
    return column.decode("utf-8", "surrogatepass") if type(column) is bytes else column


def to_op(counter: int, peer: str, target: Any, parent: Any, key: Any, value: Any) -> Op:
    """Makes an op of the columns of a row."""
    if type(target) is bytes:
        target = restored(target)
    if key is None:
        return MoveOp(counter, peer, target, restored(parent) if type(parent) is bytes else parent)
    return PropertyOp(counter, peer, target, restored(key) if type(key) is bytes else key, value)


class Names(dict[int, str]):
    """The names behind the integers of trees or peers, looked up as they are asked for."""

    def __init__(self, connection: apsw.Connection, table: str) -> None:
        super().__init__()
        self._connection = connection
        self._query = f"SELECT name FROM {table} WHERE id = ?"

    def __missing__(self, number: int) -> str:
        """Looks up a name."""
        name: str = sql.first(self._connection, self._query, (number,))
        self[number] = name
        return name


def tree_ids(connection: apsw.Connection) -> list[str]:
    """Returns the trees that have ops, in the order in which they became known."""
    query = f"SELECT name FROM tree WHERE {HAS_OPS} ORDER BY id"
    return [name for (name,) in sql.rows(connection, query)]


def tree_counter(connection: apsw.Connection, tree_id: str) -> int:
    """Returns a tree's high-water mark; 0 when nothing is known of it."""
    return sql.first(connection, "SELECT counter FROM tree WHERE name = ?", (tree_id,)) or 0


def chunk(
    connection: apsw.Connection, tree_id: str, after: Place | None, limit: int
) -> tuple[list[PeerRows], Place | None]:
    """Returns up to `limit` ops of a tree after a place, and where they end; None at the end."""
    rows = sql.rows(
        connection,
        "SELECT op.peer, counter, rank, peer.name, target, parent, key, value"
        " FROM op JOIN peer ON peer.id = op.peer"
        " WHERE tree = (SELECT id FROM tree WHERE name = ?)"
        f" AND (op.peer, counter, rank) > (?, ?, ?){_shown(connection)}"
        " ORDER BY op.peer, counter, rank LIMIT ?",
        (tree_id, *(after or _START), limit),
    )
    found: list[PeerRows] = []
    for _, counter, _, peer, target, parent, key, value in rows:
        if not found or found[-1].peer != peer:
            found.append(PeerRows(peer))
        if key is None:
            found[-1].moves.append(MoveRow(counter, restored(target), restored(parent)))
        else:
            row = PropertyRow(counter, restored(target), restored(key), value)
            found[-1].properties.append(row)
    return found, rows[-1][:3] if len(rows) == limit else None


def _shown(connection: apsw.Connection) -> str:
    """Returns the condition that leaves out what the guard holds; mostly there is nothing."""
    if sql.first(connection, "SELECT 1 FROM held LIMIT 1") is None:
        return ""
    return " AND NOT EXISTS (SELECT 1 FROM held WHERE held.seq = op.seq)"


def vector(connection: apsw.Connection, tree_id: str) -> StateVector:
    """Returns which ops of a tree this device has, those that the guard holds included."""
    ranges: dict[str, list[tuple[int, int]]] = {}
    for peer, first, last in sql.rows(
        connection,
        "SELECT peer.name, min(counter), max(counter) FROM ("
        "  SELECT peer, counter, counter - row_number() OVER (PARTITION BY peer ORDER BY counter)"
        "    AS island FROM op"
        "  WHERE tree = (SELECT id FROM tree WHERE name = ?) AND rank = 0"
        ") AS held JOIN peer ON peer.id = held.peer GROUP BY held.peer, island",
        (tree_id,),
    ):
        ranges.setdefault(peer, []).append((first, last))
    return StateVector(ranges)


def find(connection: apsw.Connection, tree_id: str, op_ids: Iterable[OpId]) -> dict[OpId, list[Op]]:
    """Returns the shown contents of each id."""
    query = (
        "SELECT target, parent, key, value FROM op"
        " WHERE tree = (SELECT id FROM tree WHERE name = ?)"
        " AND peer = (SELECT id FROM peer WHERE name = ?) AND counter = ?"
        f"{_shown(connection)} ORDER BY rank"
    )
    return {
        OpId(counter, peer): [
            to_op(counter, peer, *columns)
            for columns in sql.rows(connection, query, (tree_id, peer, counter))
        ]
        for counter, peer in op_ids
    }


def contested(connection: apsw.Connection, tree_id: str) -> dict[OpId, list[Op]]:
    """Returns the ids of a tree that were used twice, with all their contents."""
    found = sql.rows(
        connection,
        "SELECT DISTINCT counter, peer.name FROM op JOIN peer ON peer.id = op.peer"
        " WHERE tree = (SELECT id FROM tree WHERE name = ?) AND rank > 0",
        (tree_id,),
    )
    return find(connection, tree_id, [OpId(*row) for row in found])


def history(connection: apsw.Connection, tree_id: str, vertex_id: str) -> list[Op]:
    """Returns every op whose target is the vertex, in op order."""
    rows = sql.rows(
        connection,
        "SELECT counter, peer.name, target, parent, key, value FROM op"
        " JOIN peer ON peer.id = op.peer"
        f" WHERE tree = (SELECT id FROM tree WHERE name = ?) AND target = ?{_shown(connection)}",
        (tree_id, stored(vertex_id)),
    )
    return [to_op(*row) for row in sorted(rows, key=lambda row: (row[0], collation_key(row[1])))]


def property_ops(connection: apsw.Connection, tree_id: str, vertex_id: str, key: str) -> list[Op]:
    """Returns every op on one property, in op order, without loading the tree."""
    found = sql.rows(
        connection,
        "SELECT counter, peer.name, target, parent, key, value FROM op"
        " JOIN peer ON peer.id = op.peer"
        " WHERE tree = (SELECT id FROM tree WHERE name = ?) AND target = ? AND key = ?"
        f"{_shown(connection)}",
        (tree_id, stored(vertex_id), stored(key)),
    )
    return [to_op(*row) for row in sorted(found, key=lambda row: (row[0], collation_key(row[1])))]


def numbered(rows: Iterable[tuple[Any, ...]]) -> Iterator[tuple[int, str, Op]]:
    """Makes (seq, tree id, op) of rows: seq, tree, counter, peer, target, parent, key, value."""
    for seq, tree_id, *columns in rows:
        yield seq, tree_id, to_op(*columns)
