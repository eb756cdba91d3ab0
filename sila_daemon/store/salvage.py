"""Reads what a damaged database of a space still gives, and puts it into a new one.

Ops are clustered in one b-tree and numbered in another, without gaps. So where pages of one are
damaged, the other may lead around them, and it is known how many ops could not be read. What a
server or a folder can tell again (cursors, debts, positions) is not taken over.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from sila_daemon.core import ids, json_value
from sila_daemon.core.errors import SilaError
from sila_daemon.store import blobs, sql
from sila_daemon.store.op_table import OpTable, to_op

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Sequence

    from sila_daemon.core.ops import Op
    from sila_daemon.database.database import Database

CHUNK_OPS = 5000

OP_BYTES_MIN = 8
"""An op takes more than this of a file: a number that is too high for the file is damaged."""

_COLUMNS = "seq, tree, peer, counter, rank, target, parent, key, value"
_KEY = "tree, peer, counter, rank"
_DAMAGE = (apsw.CorruptError, apsw.NotADBError, apsw.SQLError, UnicodeDecodeError)
"""What a damaged place is told by; tables may be missing too. Other errors may pass."""

_TABLES = {
    "hold": "id, source, vertices, of_vertices, at_ms, refused_ms",
    "secret": "name, value, removed",
    "file_conflict": "uuid, sha256, size, server, at_ms",
}
"""What is kept nowhere else, and is taken over as it is."""


@dataclass(frozen=True, slots=True)
class Salvage:
    """What was read, and what is known to be missing."""

    ops: int
    unread_ops: int | None
    """None when it is not known how many there were."""
    unread_parts: tuple[str, ...]
    """Tables beside that of the ops of which not everything could be read."""

    @property
    def is_whole(self) -> bool:
        """Whether nothing is known to be lost."""
        return self.unread_ops == 0 and not self.unread_parts


class _SavedOp(NamedTuple):
    seq: int
    tree_id: str
    op: Op


@dataclass(slots=True)
class _Seen:
    """Which ops were read, by number; a byte for each."""

    marks: bytearray = field(default_factory=bytearray)
    count: int = 0

    def add(self, seq: int) -> bool:
        """Tells whether an op was not read before."""
        if seq >= len(self.marks):
            self.marks.extend(bytes(seq + 1 - len(self.marks) + CHUNK_OPS))
        if self.marks[seq]:
            return False
        self.marks[seq] = 1
        self.count += 1
        return True


class Wreck:
    """A damaged database that is open for reading."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self._seen = _Seen()
        self._seq_max = 0
        self._trees: dict[int, str] = {}
        self._peers: dict[int, str] = {}
        self._is_ended = True
        """Whether the last walk reached the end of what it went through."""

    async def empty_into(self, target: Database) -> Salvage:
        """Puts everything that can be read into another database. Raises StorageError."""
        self._seq_max = await self._most_ops()
        self._trees = await self._names("tree", ids.checked_tree_id)
        self._peers = await self._names("peer", ids.checked_peer_id)
        parts = {name: await self._table(name) for name in _TABLES}
        held = await self._read("SELECT seq, hold FROM held")
        counters = await self._read("SELECT id, counter FROM tree NOT INDEXED")
        unread = [name for name, (_, is_whole) in parts.items() if not is_whole]
        unread += ["held"] * (not held[1])
        refused = await target.write(lambda connection: _put_rows(connection, parts))
        unread += [name for name in refused if name not in unread]
        table = OpTable()
        # What is known to be held stays held, even if it cannot be read by what.
        holds = {seq: hold if _is_number(hold) else 1 for seq, hold in held[0]}
        async for chunk in self._ops():
            await target.write(
                lambda connection, saved=chunk: _put_ops(  # type: ignore[misc]
                    connection, table, saved, holds
                )
            )
        marks = {
            self._trees[tree]: count
            for tree, count in counters[0]
            if tree in self._trees and ids.is_counter(count)
        }
        await target.write(lambda connection: table.raise_counters(connection, marks))
        total = await self._total()
        missing = None if total is None else total - self._seen.count
        return Salvage(self._seen.count, missing, tuple(unread))

    async def _ops(self) -> AsyncIterator[list[_SavedOp]]:
        """Yields ops, each once: along their tree from both ends, then one by one around damage."""
        for direction, comparison in (("ASC", ">"), ("DESC", "<")):
            async for chunk in self._walk("1", (), direction, comparison):
                yield chunk
            if self._is_ended:
                return
        for tree in sorted(self._trees):
            for direction, comparison in (("ASC", ">"), ("DESC", "<")):
                async for chunk in self._walk("tree = ?", (tree,), direction, comparison):
                    yield chunk
                if self._is_ended:
                    break
        async for chunk in self._missing():
            yield chunk

    async def _walk(
        self, where: str, bindings: Sequence[Any], direction: str, comparison: str
    ) -> AsyncIterator[list[_SavedOp]]:
        order = ", ".join(f"{column} {direction}" for column in _KEY.split(", "))
        place: tuple[int, ...] | None = None
        self._is_ended = False
        while not self._is_ended:
            after = f" AND ({_KEY}) {comparison} (?, ?, ?, ?)" if place else ""
            rows, is_whole = await self._read(
                f"SELECT {_COLUMNS} FROM op NOT INDEXED WHERE {where}{after}"
                f" ORDER BY {order} LIMIT {CHUNK_OPS}",
                (*bindings, *(place or ())),
            )
            chunk = self._understood(rows)
            is_known = bool(rows) and not chunk and direction == "DESC"
            if chunk:
                yield chunk
            if not is_whole:
                return
            self._is_ended = len(rows) < CHUNK_OPS
            if is_known:
                return  # The walk from the other end came by here.
            place = rows[-1][1:5] if rows else place

    async def _missing(self) -> AsyncIterator[list[_SavedOp]]:
        """Yields ops that no walk reached, each looked for by its number."""
        total = await self._total() or 0
        query = f"SELECT {_COLUMNS} FROM op WHERE seq = ?"
        for start in range(1, total + 1, CHUNK_OPS):
            marks = self._seen.marks
            wanted = [
                seq
                for seq in range(start, min(start + CHUNK_OPS, total + 1))
                if seq >= len(marks) or not marks[seq]
            ]

            def work(connection: apsw.Connection, seqs: list[int] = wanted) -> list[Any]:
                return [row for seq in seqs for row in _readable(connection, query, (seq,))[0]]

            if wanted and (chunk := self._understood(await self._database.read(work))):
                yield chunk

    async def _most_ops(self) -> int:
        """Returns a bound on how many ops there can be, from the size of the file."""
        pages, _ = await self._read("PRAGMA page_count")
        size, _ = await self._read("PRAGMA page_size")
        return int(pages[0][0] * size[0][0]) // OP_BYTES_MIN if pages and size else 0

    async def _total(self) -> int | None:
        """Returns how many ops there were: the highest number."""
        rows, _ = await self._read("SELECT seq FROM op INDEXED BY op_seq ORDER BY seq DESC LIMIT 1")
        highest = len(self._seen.marks.rstrip(b"\0")) - 1
        if rows and _is_number(rows[0][0], self._seq_max):
            return max(int(rows[0][0]), highest)
        return None if not self._is_ended else max(highest, 0)

    def _understood(self, rows: Sequence[Any]) -> list[_SavedOp]:
        """Returns what rows say that are ops and were not read before."""
        found = []
        for seq, tree, peer, counter, _, *columns in rows:
            try:
                saved = _SavedOp(seq, self._trees[tree], _op(counter, self._peers[peer], columns))
            except (KeyError, TypeError, ValueError, AttributeError, SilaError):
                continue
            if _is_number(seq, self._seq_max) and self._seen.add(seq):
                found.append(saved)
        return found

    async def _names(self, table: str, check: Callable[[object], str]) -> dict[int, str]:
        """Returns interned names, from the table or from the index of its names."""
        found: dict[int, str] = {}
        by_name = f"SELECT id, name FROM {table} INDEXED BY sqlite_autoindex_{table}_1"
        for query in (
            f"SELECT id, name FROM {table} NOT INDEXED ORDER BY id",
            f"SELECT id, name FROM {table} NOT INDEXED ORDER BY id DESC",
            f"{by_name} ORDER BY name",
            f"{by_name} ORDER BY name DESC",
        ):
            rows, is_whole = await self._read(query)
            for number, name in rows:
                try:
                    found.setdefault(number, check(name))
                except SilaError:
                    continue
            if is_whole:
                break
        return found

    async def _table(self, name: str) -> tuple[list[Any], bool]:
        return await self._read(f"SELECT {_TABLES[name]} FROM {name}")

    async def _read(self, query: str, bindings: Sequence[Any] = ()) -> tuple[list[Any], bool]:
        return await self._database.read(lambda connection: _readable(connection, query, bindings))


def _readable(
    connection: apsw.Connection, query: str, bindings: Sequence[Any] = ()
) -> tuple[list[Any], bool]:
    """Returns the rows before the first damaged place, and whether there is none."""
    rows: list[Any] = []
    try:
        rows.extend(connection.execute(query, tuple(bindings)))
    except _DAMAGE:
        return rows, False
    return rows, True


def _op(counter: Any, peer: str, columns: Sequence[Any]) -> Op:
    """Makes an op of columns that may hold anything. Raises ValueError, TypeError, SilaError."""
    target, parent, key, value = columns
    op = to_op(counter, peer, target, parent, key, value)
    names = [op.target, *(name for name in (parent, key) if name is not None)]
    if not ids.is_counter(counter) or not all(isinstance(name, str | bytes) for name in names):
        raise ValueError("not an op")
    if value is not None:
        json_value.decode(value)
    return op


def _is_number(value: Any, highest: int = 1 << 40) -> bool:
    return isinstance(value, int) and 0 < value <= highest


def _put_rows(connection: apsw.Connection, parts: dict[str, tuple[list[Any], bool]]) -> list[str]:
    """Puts rows where they are not yet; returns the tables some rows of which make no sense.

    A repair that was interrupted comes by here again. A hold that were replaced then would take
    along what it holds, and nothing would hold that any more.
    """
    refused = []
    for name, columns in _TABLES.items():
        marks = ", ".join("?" * (columns.count(",") + 1))
        statement = f"INSERT INTO {name} ({columns}) VALUES ({marks}) ON CONFLICT DO NOTHING"
        for row in parts[name][0]:
            try:
                connection.execute(statement, row)
            except apsw.ConstraintError:
                refused.append(name)
    return list(dict.fromkeys(refused))


def _put_ops(
    connection: apsw.Connection, table: OpTable, chunk: list[_SavedOp], holds: dict[int, int]
) -> None:
    inserted = table.insert(connection, [(saved.tree_id, saved.op) for saved in chunk])
    blobs.note_references(connection, (op for _, op in inserted.new))
    former = {id(saved.op): saved.seq for saved in chunk}
    held = [
        (seq, holds[former[id(op)]])
        for seq, (_, op) in enumerate(inserted.new, inserted.first_seq)
        if former[id(op)] in holds
    ]
    known = {number for (number,) in sql.rows(connection, "SELECT id FROM hold")} if held else set()
    # What held them cannot be read: they are held as one, since nobody has agreed.
    for number in sorted({number for _, number in held} - known):
        connection.execute(
            "INSERT INTO hold (id, source, vertices, of_vertices, at_ms) VALUES (?, '', 0, 0, 0)",
            (number,),
        )
    connection.executemany("INSERT OR IGNORE INTO held VALUES (?, ?)", held)
