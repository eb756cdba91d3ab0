"""All ops of one space in one SQLite file, numbered in the order in which they were committed.

`seq` counts ops without gaps; every commit carries 8 random bytes, its `tag`, so that a cursor
tells whether this is still the history that it was taken from. Answers come from indexes: by
`seq` for cursors, by (tree, counter, peer), which is also the op id, for everything else.
"""

from __future__ import annotations

import base64
from collections.abc import Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from sila_daemon.core.errors import InvalidOpError
from sila_daemon.core.ops import MoveOp, Op, OpId, PropertyOp, content_bytes
from sila_daemon.core.wire import encode_ops
from sila_daemon.database.schema import Schema
from sila_daemon.ports.randomness import Randomness, new_id
from sila_daemon.server.file_rows import FILES_MIGRATION
from sila_daemon.server.limits import ALTERNATES_MAX, COUNTER_JUMP_MAX, OP_BYTES_MAX

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database, Databases
    from sila_daemon.ports.clock import Clock

OPS_SCHEMA = Schema(
    application_id=0x53494C4F,  # "SILO"
    migrations=[
        """
        CREATE TABLE meta (key TEXT PRIMARY KEY, value TEXT NOT NULL) WITHOUT ROWID;
        CREATE TABLE trees (
            id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE, highest INTEGER NOT NULL DEFAULT 0
        );
        CREATE TABLE peers (id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE);
        CREATE TABLE commits (
            last_seq INTEGER PRIMARY KEY, first_seq INTEGER NOT NULL, tag BLOB NOT NULL,
            received_at INTEGER NOT NULL, sender TEXT NOT NULL
        );
        CREATE TABLE ops (
            seq INTEGER PRIMARY KEY, tree INTEGER NOT NULL, counter INTEGER NOT NULL,
            peer INTEGER NOT NULL, target NOT NULL, parent, key, value TEXT
        );
        CREATE UNIQUE INDEX ops_by_id ON ops (tree, counter, peer);
        CREATE TABLE alternates (
            seq INTEGER PRIMARY KEY, tree INTEGER NOT NULL, counter INTEGER NOT NULL,
            peer INTEGER NOT NULL, target NOT NULL, parent, key, value TEXT
        );
        CREATE INDEX alternates_by_id ON alternates (tree, counter, peer);
        CREATE TABLE static_files (
            hash TEXT PRIMARY KEY, size INTEGER NOT NULL, created_at INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE var_files (
            id TEXT PRIMARY KEY, revision INTEGER NOT NULL, sha256 TEXT NOT NULL,
            size INTEGER NOT NULL, created_at INTEGER NOT NULL
        ) WITHOUT ROWID;
        CREATE TABLE var_revisions (
            id TEXT NOT NULL, revision INTEGER NOT NULL, sha256 TEXT NOT NULL,
            size INTEGER NOT NULL, created_at INTEGER NOT NULL, sender TEXT NOT NULL,
            is_side INTEGER NOT NULL, PRIMARY KEY (id, revision)
        ) WITHOUT ROWID;
        """,
        "ALTER TABLE var_files ADD COLUMN changed_at INTEGER NOT NULL DEFAULT 0",
        FILES_MIGRATION,
        "CREATE INDEX commits_by_time ON commits (received_at, last_seq)",
    ],
)

Row = tuple[int, int, int, int, str | bytes, str | bytes | None, str | bytes | None, str | None]
"""seq, tree, counter, peer, target, parent, key, value."""

_INSERT = "INSERT INTO {} (seq,tree,counter,peer,target,parent,key,value) VALUES (?,?,?,?,?,?,?,?)"
_INSERT_OP = _INSERT.format("ops") + " ON CONFLICT (tree, counter, peer) DO NOTHING"
_INSERT_ALTERNATE = _INSERT.format("alternates")
COLUMNS = "seq,tree,counter,peer,target,parent,key,value"


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
    """The new ops as a JSON array in the wire form."""


class Interned:
    """The names behind the integers of one column, both ways; used on the database's thread."""

    def __init__(self, table: str) -> None:
        self._table = table
        self._ids: dict[str, int] = {}
        self._names: dict[int, str] = {}

    def clear(self) -> None:
        """Forgets everything: after a rollback some of it may not be true."""
        self._ids.clear()
        self._names.clear()

    def find(self, connection: apsw.Connection, name: str) -> int | None:
        """Returns the integer of a name; None when it was never seen."""
        known = self._ids.get(name)
        if known is None:
            row = connection.execute(
                f"SELECT id FROM {self._table} WHERE name = ?", (name,)
            ).fetchone()
            if row is None:
                return None
            known = self._remember(row[0], name)
        return known

    def add(self, connection: apsw.Connection, name: str) -> int:
        """Returns the integer of a name, making one when there is none."""
        known = self.find(connection, name)
        if known is None:
            connection.execute(f"INSERT INTO {self._table} (name) VALUES (?)", (name,))
            known = self._remember(connection.last_insert_rowid(), name)
        return known

    def name(self, connection: apsw.Connection, number: int) -> str:
        """Returns the name of an integer found in a row."""
        known = self._names.get(number)
        if known is None:
            row = connection.execute(
                f"SELECT name FROM {self._table} WHERE id = ?", (number,)
            ).fetchone()
            assert row is not None, "a row refers to a name that is not there"
            known = str(row[0])
            self._remember(number, known)
        return known

    def _remember(self, number: int, name: str) -> int:
        self._ids[name] = number
        self._names[number] = name
        return number


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
        self._clock = clock
        self._randomness = randomness
        self._stale = False

    @classmethod
    async def open(
        cls, databases: Databases, path: Path, clock: Clock, randomness: Randomness
    ) -> OpStore:
        """Opens or creates the database of one space. Raises StorageError."""
        database = await databases.open(path, OPS_SCHEMA)
        fresh_epoch = new_id(randomness)

        def begin(connection: apsw.Connection) -> tuple[str, Position]:
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

    async def commit(self, batches: Sequence[Batch], *, trusted: bool = False) -> list[Outcome]:
        """Stores batches durably in one transaction; returns what became of each, in order.

        `trusted` leaves out the checks of size and of the tree's clock: imports keep what
        they find. Raises StorageError, and then nothing was stored.
        """
        now_ms = int(self._clock.time() * 1000)
        tags = [self._randomness.token(8) for _ in batches]

        def work(connection: apsw.Connection) -> list[Outcome]:
            if self._stale:
                self.trees.clear()
                self.peers.clear()
            self._stale = True  # Until the caller knows that the transaction was kept.
            head = _head(connection)
            outcomes = []
            for batch, tag in zip(batches, tags, strict=True):
                outcome = self._store(connection, batch, head, tag, trusted)
                head = outcome.position
                if outcome.accepted:
                    connection.execute(
                        "INSERT INTO commits VALUES (?,?,?,?,?)",
                        (head.seq, outcome.previous.seq + 1, tag, now_ms, batch.sender),
                    )
                outcomes.append(outcome)
            return outcomes

        outcomes = await self.database.write(work)
        self._stale = False
        if outcomes:
            self.head = outcomes[-1].position
        return outcomes

    def _store(
        self,
        connection: apsw.Connection,
        batch: Batch,
        head: Position,
        tag: bytes,
        trusted: bool,
    ) -> Outcome:
        outcome = Outcome(head, head)
        ops = list(batch.ops)
        tree = self.trees.find(connection, batch.tree_id)
        highest = 0 if tree is None else _highest(connection, tree)
        if not trusted:
            ops = [op for op in ops if _is_small(op, outcome)]
            ops = _without_jumps(ops, highest, outcome)
        if not ops:
            return outcome
        if tree is None:
            tree = self.trees.add(connection, batch.tree_id)
        seq = head.seq
        fresh: list[Op] = []
        execute = connection.cursor().execute
        add_peer, changes = self.peers.add, connection.changes
        for op in ops:
            row = (seq + 1, tree, op.counter, add_peer(connection, op.peer), *_columns(op))
            execute(_INSERT_OP, row)
            if changes() or self._is_alternate(connection, op, row, outcome):
                seq += 1
                fresh.append(op)
        if fresh:
            new_highest = max(op.counter for op in fresh)
            if new_highest > highest:
                execute("UPDATE trees SET highest = ? WHERE id = ?", (new_highest, tree))
            outcome.accepted = len(fresh)
            outcome.position = Position(seq, tag)
            outcome.text = encode_ops(fresh).decode()
        return outcome

    def _is_alternate(
        self, connection: apsw.Connection, op: Op, row: Row, outcome: Outcome
    ) -> bool:
        """Stores the op if its id is known with other contents only; counts it otherwise."""
        op_id = row[1:4]
        where = f"SELECT {COLUMNS} FROM {{}} WHERE tree = ? AND counter = ? AND peer = ?"
        known: list[Any] = connection.execute(where.format("ops"), op_id).fetchall()
        alternates: list[Any] = connection.execute(where.format("alternates"), op_id).fetchall()
        mine = content_bytes(op)
        for other in known + alternates:
            if other[4:] == row[4:] or content_bytes(self.to_op(connection, other)) == mine:
                outcome.duplicates += 1
                return False
        if len(alternates) >= ALTERNATES_MAX:
            outcome.rejected.append(_refusal(op, "malformed_op", "too many contents for one id"))
            return False
        connection.execute(_INSERT_ALTERNATE, row)
        outcome.conflicts.append(op.id)
        return True

    def to_op(self, connection: apsw.Connection, row: Row) -> Op:
        """Makes an op of a row of `ops` or `alternates`."""
        _, _, counter, peer_number, target, parent, key, value = row
        peer = self.peers.name(connection, peer_number)
        if key is None:
            return MoveOp(counter, peer, _text(target), None if parent is None else _text(parent))
        encoded = None if value is None else value.encode()
        return PropertyOp(counter, peer, _text(target), _text(key), encoded)


def cursor_json(epoch: str, position: Position) -> dict[str, object]:
    """Renders a position as the wire's cursor."""
    return {"epoch": epoch, "seq": position.seq, "tag": base64.b16encode(position.tag).decode()}


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


def _without_jumps(ops: list[Op], highest: int, outcome: Outcome) -> list[Op]:
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


def _columns(
    op: Op,
) -> tuple[str | bytes, str | bytes | None, str | bytes | None, str | None]:
    if isinstance(op, MoveOp):
        return _cell(op.target), None if op.parent is None else _cell(op.parent), None, None
    value = None if op.value is None else op.value.decode()
    return _cell(op.target), None, _cell(op.key), value


def _cell(text: str) -> str | bytes:
    """Text, or for a lone surrogate, which SQLite's text cannot hold, its bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text


def _text(cell: str | bytes) -> str:
    return cell if isinstance(cell, str) else cell.decode("utf-8", "surrogatepass")
