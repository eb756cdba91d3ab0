"""All ops of one space in one SQLite file, numbered in the order in which they were committed.

`seq` counts ops without gaps; every commit carries 8 random bytes, its `tag`, so that a cursor
tells whether this is still the history that it was taken from. Answers come from indexes: by
`seq` for cursors, by (tree, counter, peer), which is also the op id, for everything else.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sila_daemon.core.errors import InvalidOpError
from sila_daemon.core.ops import Op, OpId, PropertyOp, content_bytes
from sila_daemon.core.wire import encode_ops
from sila_daemon.ports.randomness import Randomness, new_id
from sila_daemon.server.limits.constants import ALTERNATES_MAX, COUNTER_JUMP_MAX, OP_BYTES_MAX
from sila_daemon.server.ops.op_rows import COLUMNS, Interned, Row, columns, prepare, to_op
from sila_daemon.server.ops.op_schema import OPS_SCHEMA

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database, Databases
    from sila_daemon.ports.clock import Clock

_INSERT = "INSERT INTO {} (seq,tree,counter,peer,target,parent,key,value) VALUES (?,?,?,?,?,?,?,?)"
_INSERT_OP = _INSERT.format("ops") + " ON CONFLICT (tree, counter, peer) DO NOTHING"
_INSERT_ALTERNATE = _INSERT.format("alternates")


TREES_KEPT_MAX = 10_000
"""Trees whose greatest counter is kept at hand."""


class Position(NamedTuple):
    """A place in the history of one space: how many ops, and the tag of the last one's commit."""

    seq: int
    tag: bytes


ORIGIN = Position(0, b"")
"""Before the first op."""


@dataclass(frozen=True, slots=True)
class Batch:
    """Ops of one tree that one sender wants committed; none of them transient."""

    tree_id: str
    ops: Sequence[Op]
    sender: str


@dataclass(slots=True)
class Outcome:
    """What became of a batch."""

    previous: Position
    position: Position
    """Equal to `previous` when nothing was new."""
    accepted: int = 0
    duplicates: int = 0
    conflicts: list[OpId] = field(default_factory=list)
    rejected: list[InvalidOpError] = field(default_factory=list)
    text: str = ""
    """The new ops as a JSON array in the wire form, when that was asked for."""


class OpStore:
    """The ops of one space."""

    def __init__(
        self, database: Database, clock: Clock, randomness: Randomness, epoch: str, head: Position
    ) -> None:
        self.database = database
        self.epoch = epoch
        """A random id that changes when the data was restored or reset."""
        self.head = head
        self.trees = Interned("trees")
        self.peers = Interned("peers")
        self.senders = Interned("senders")
        self._clock = clock
        self._randomness = randomness
        self._last = head
        self._highest: dict[int, int] = {}
        """The greatest counter of trees that were written to, by their integer."""
        self._begun = 0
        self._kept = 0
        """Of the transactions begun the last one that is known to have been kept. Unless that is
        the last one of all, nothing in memory is taken for true."""
        self.on_commit: Callable[[float, Sequence[Outcome]], None] | None = None
        """Is told how many seconds a commit took, and what became of its batches."""

    @classmethod
    async def open(
        cls, databases: Databases, path: Path, clock: Clock, randomness: Randomness
    ) -> OpStore:
        """Opens or creates the database of one space. Raises StorageError."""
        database = await databases.open(path, OPS_SCHEMA)
        fresh_epoch = new_id(randomness)

        def begin(connection: apsw.Connection) -> tuple[str, Position]:
            prepare(connection)
            connection.execute("INSERT OR IGNORE INTO meta VALUES ('epoch', ?)", (fresh_epoch,))
            row = connection.execute("SELECT value FROM meta WHERE key = 'epoch'").fetchone()
            assert row is not None
            return str(row[0]), _head(connection)

        try:
            epoch, head = await database.write(begin)
        except BaseException:
            await database.close()
            raise
        return cls(database, clock, randomness, epoch, head)

    async def close(self) -> None:
        """Closes the database."""
        await self.database.close()

    async def commit(
        self, batches: Sequence[Batch], *, trusted: bool = False, wants_text: bool = False
    ) -> list[Outcome]:
        """Stores batches durably in one transaction; returns what became of each, in order.

        `trusted` leaves out the checks of size and of the tree's clock: imports keep what
        they find. `wants_text` fills in `Outcome.text`. Raises StorageError, and then nothing
        was stored.
        """
        now_ms = int(self._clock.time() * 1000)
        tags = [self._randomness.token(8) for _ in batches]

        def work(connection: apsw.Connection) -> tuple[int, list[Outcome]]:
            self._recollect(connection)
            self._begun += 1
            head = self._last
            outcomes = []
            for batch, tag in zip(batches, tags, strict=True):
                outcome = Outcome(head, head)
                fresh = self._store(connection, batch, outcome, trusted)
                if fresh:
                    head = outcome.position = Position(head.seq + len(fresh), tag)
                    outcome.accepted = len(fresh)
                    outcome.text = encode_ops(fresh).decode() if wants_text else ""
                    sender = self.senders.add(connection, batch.sender)
                    connection.execute(
                        "INSERT INTO commits (last_seq, first_seq, tag, received_at, sender_id)"
                        " VALUES (?,?,?,?,?)",
                        (head.seq, outcome.previous.seq + 1, tag, now_ms, sender),
                    )
                outcomes.append(outcome)
            self._last = head
            return self._begun, outcomes

        started = self._clock.monotonic()
        self._kept, outcomes = await self.database.write(work)
        if self.on_commit is not None:
            self.on_commit(self._clock.monotonic() - started, outcomes)
        if outcomes:
            self.head = outcomes[-1].position
        return outcomes

    def _recollect(self, connection: apsw.Connection) -> None:
        """Forgets what may have been undone; on the database's thread."""
        if self._kept == self._begun:
            return
        for interned in (self.trees, self.peers, self.senders):
            interned.clear()
        self._highest.clear()
        self._last = _head(connection)

    def _store(
        self, connection: apsw.Connection, batch: Batch, outcome: Outcome, trusted: bool
    ) -> Sequence[Op]:
        """Stores a batch after `outcome.previous`; returns the ops that were new, in order."""
        ops: Sequence[Op] = batch.ops
        tree = self.trees.find(connection, batch.tree_id)
        highest = 0 if tree is None else self._highest_of(connection, tree)
        if not trusted:
            ops = [op for op in ops if _is_small(op, outcome)]
            ops = _without_jumps(ops, highest, outcome)
        if not ops:
            return []
        if tree is None:
            tree = self.trees.add(connection, batch.tree_id)
        names = dict.fromkeys(op.peer for op in ops)
        peers = {peer: self.peers.add(connection, peer) for peer in names}
        seq = outcome.previous.seq + 1
        rows: list[Row] = [
            (number, tree, op.counter, peers[op.peer], *columns(op))
            for number, op in enumerate(ops, seq)
        ]
        if not _insert_all(connection, rows):
            ops = self._insert_one_by_one(connection, ops, rows, outcome)
        new_highest = max((op.counter for op in ops), default=0)
        if new_highest > highest:
            connection.execute("UPDATE trees SET highest = ? WHERE id = ?", (new_highest, tree))
            self._keep_highest(tree, new_highest)
        return ops

    def _highest_of(self, connection: apsw.Connection, tree: int) -> int:
        known = self._highest.get(tree)
        if known is None:
            known = _highest(connection, tree)
            self._keep_highest(tree, known)
        return known

    def _keep_highest(self, tree: int, counter: int) -> None:
        if len(self._highest) >= TREES_KEPT_MAX:
            self._highest.clear()
        self._highest[tree] = counter

    def _insert_one_by_one(
        self, connection: apsw.Connection, ops: Sequence[Op], rows: Sequence[Row], outcome: Outcome
    ) -> list[Op]:
        """Inserts what is new of a batch that is not all new; returns it."""
        seq = outcome.previous.seq
        fresh: list[Op] = []
        for op, row in zip(ops, rows, strict=True):
            numbered: Row = (seq + 1, *row[1:])
            connection.execute(_INSERT_OP, numbered)
            if connection.changes() or self._is_alternate(connection, op, numbered, outcome):
                seq += 1
                fresh.append(op)
        return fresh

    def _is_alternate(
        self, connection: apsw.Connection, op: Op, row: Row, outcome: Outcome
    ) -> bool:
        """Stores the op if its id is known with other contents only; counts it otherwise."""
        contents = _contents(connection, row[1:4])
        if self._is_among(connection, op, row[4:], contents):
            outcome.duplicates += 1
            return False
        if len(contents) > ALTERNATES_MAX:
            outcome.rejected.append(_refusal(op, "malformed_op", "too many contents for one id"))
            return False
        connection.execute(_INSERT_ALTERNATE, row)
        outcome.conflicts.append(op.id)
        return True

    def holds(self, connection: apsw.Connection, tree: int, op: Op) -> bool:
        """Tells whether an op is stored in a tree with this content."""
        peer = self.peers.find(connection, op.peer)
        if peer is None:
            return False
        contents = _contents(connection, (tree, op.counter, peer))
        return self._is_among(connection, op, columns(op), contents)

    def _is_among(
        self, connection: apsw.Connection, op: Op, cells: tuple[Any, ...], contents: list[Any]
    ) -> bool:
        mine = content_bytes(op)
        return any(
            other[4:] == cells or content_bytes(self.to_op(connection, other)) == mine
            for other in contents
        )

    def to_op(self, connection: apsw.Connection, row: Row) -> Op:
        """Makes an op of a row of `ops` or `alternates`."""
        return to_op(self.peers.name(connection, row[3]), row)


def _contents(connection: apsw.Connection, op_id: tuple[int, int, int]) -> list[Any]:
    """Returns the rows of every content of one op id, the first one first."""
    where = f"SELECT {COLUMNS} FROM {{}} WHERE tree = ? AND counter = ? AND peer = ?"
    found: list[Any] = connection.execute(where.format("ops"), op_id).fetchall()
    return found + connection.execute(where.format("alternates"), op_id).fetchall()


def _insert_all(connection: apsw.Connection, rows: Sequence[Row]) -> bool:
    """Inserts rows if every one of their ids is new, and nothing otherwise.

    One call for the whole batch: row by row takes three times as long.
    """
    if len(rows) == 1:  # As a person types: a statement that does all or nothing by itself.
        connection.execute(_INSERT_OP, rows[0])
        return connection.changes() == 1
    before = connection.total_changes()
    connection.execute("SAVEPOINT batch")
    connection.executemany(_INSERT_OP, rows)
    are_all_new = connection.total_changes() - before == len(rows)
    if not are_all_new:
        connection.execute("ROLLBACK TO batch")
    connection.execute("RELEASE batch")
    return are_all_new


def cursor_json(epoch: str, position: Position) -> dict[str, object]:
    """Renders a position as the wire's cursor."""
    return {"epoch": epoch, "seq": position.seq, "tag": position.tag.hex().upper()}


def _head(connection: apsw.Connection) -> Position:
    row = connection.execute(
        "SELECT last_seq, tag FROM commits ORDER BY last_seq DESC LIMIT 1"
    ).fetchone()
    return ORIGIN if row is None else Position(row[0], row[1])


def _highest(connection: apsw.Connection, tree: int) -> int:
    row = connection.execute("SELECT highest FROM trees WHERE id = ?", (tree,)).fetchone()
    assert row is not None
    return int(row[0])


def _is_small(op: Op, outcome: Outcome) -> bool:
    if isinstance(op, PropertyOp) and op.value is not None and len(op.value) > OP_BYTES_MAX:
        message = f"the value has {len(op.value)} bytes, {OP_BYTES_MAX} are allowed"
        outcome.rejected.append(_refusal(op, "op_too_large", message))
        return False
    return True


def _without_jumps(ops: Sequence[Op], highest: int, outcome: Outcome) -> Sequence[Op]:
    """Takes out ops whose counter is out of reach from `highest`, stepping over the others."""
    if not ops or max(op.counter for op in ops) <= highest + COUNTER_JUMP_MAX:
        return ops
    reach = highest
    for counter in sorted(op.counter for op in ops):
        if counter > reach + COUNTER_JUMP_MAX:
            break
        reach = max(reach, counter)
    for op in ops:
        if op.counter > reach:
            message = f"more than {COUNTER_JUMP_MAX} above {reach}, the highest known here"
            outcome.rejected.append(_refusal(op, "counter_jump", message))
    return [op for op in ops if op.counter <= reach]


def _refusal(op: Op, code: str, message: str) -> InvalidOpError:
    error = InvalidOpError(message, code=code)
    error.op_id = (op.counter, op.peer)
    return error
