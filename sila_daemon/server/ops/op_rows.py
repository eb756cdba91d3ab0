"""Ops as rows: interned names, the columns of an op, and its wire form made by SQLite itself.

Rendering JSON inside SQLite takes half the time of making objects first, and needs no lock of
the interpreter: other threads work on meanwhile.
"""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

from sila_daemon.core.ops import MoveOp, Op, PropertyOp

if TYPE_CHECKING:
    import apsw

Cell = str | bytes | None
Row = tuple[int, int, int, int, Cell, Cell, Cell, str | None]
"""seq, tree, counter, peer, target, parent, key, value."""

COLUMNS = "seq,tree,counter,peer,target,parent,key,value"

_BYTES_AROUND = 120
"""JSON around an op's target, key and value."""

_OPS_GUESS = 2500
"""Ops of usual size that fill a chunk."""


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
        if len(self._ids) >= _NAMES_MAX:
            self.clear()
        self._ids[name] = number
        self._names[number] = name
        return number


_NAMES_MAX = 20_000
"""Names kept at hand, some 5 MB; more are looked up again."""


def columns(op: Op) -> tuple[Cell, Cell, Cell, str | None]:
    """Returns target, parent, key and value of an op as cells."""
    if isinstance(op, MoveOp):
        return _cell(op.target), None if op.parent is None else _cell(op.parent), None, None
    value = None if op.value is None else op.value.decode()
    return _cell(op.target), None, _cell(op.key), value


def to_op(peer: str, row: Row) -> Op:
    """Makes an op of a row and the name of its peer."""
    _, _, counter, _, target, parent, key, value = row
    assert target is not None
    if key is None:
        return MoveOp(counter, peer, _text(target), None if parent is None else _text(parent))
    encoded = None if value is None else value.encode()
    return PropertyOp(counter, peer, _text(target), _text(key), encoded)


def _cell(text: str) -> str | bytes:
    """Text, or for what SQLite's text cannot hold (a lone surrogate, NUL) its bytes."""
    try:
        text.encode()
    except UnicodeEncodeError:
        return text.encode("utf-8", "surrogatepass")
    return text.encode() if "\x00" in text else text


def _text(cell: str | bytes) -> str:
    return cell if isinstance(cell, str) else cell.decode("utf-8", "surrogatepass")


def _quoted_bytes(*cells: Any) -> str:
    return json.dumps(_text(cells[0]))


def prepare(connection: apsw.Connection) -> None:
    """Gives a connection the function that renders odd cells."""
    connection.create_scalar_function("quoted_bytes", _quoted_bytes, 1, deterministic=True)


def _quote(column: str) -> str:
    return (
        f"CASE typeof({column}) WHEN 'blob' THEN quoted_bytes({column})"
        f" ELSE json_quote({column}) END"
    )


_TEXT = (
    """'{"id":{"counter":'||counter||',"peerId":"'||(SELECT name FROM peers WHERE id=peer)"""
    f"""||'"}},"targetId":'||{_quote("target")}||CASE WHEN key IS NULL"""
    f""" THEN ',"parentId":'||{_quote("parent")}"""
    f""" ELSE ',"key":'||{_quote("key")}||coalesce(',"value":'||value,'')"""
    """||',"transient":false' END||'}'"""
)
"""An op as `core.wire` encodes it."""

_SIZE = (
    f"{_BYTES_AROUND}+octet_length(target)+coalesce(octet_length(parent),0)"
    "+coalesce(octet_length(key),0)+coalesce(octet_length(value),0)"
)
"""Estimates the bytes of an op's text, without reading a large value."""

_SPAN = (
    f"SELECT {COLUMNS} FROM ops WHERE seq > ?1 AND seq <= ?2"
    f" UNION ALL SELECT {COLUMNS} FROM alternates WHERE seq > ?1 AND seq <= ?2 ORDER BY seq"
)
_SIZE_OF_SPAN = f"SELECT sum({_SIZE}) FROM ({_SPAN})"
_TEXT_OF_SPAN = f"SELECT group_concat({_TEXT}, ',' ORDER BY seq) FROM ({_SPAN})"

_LISTED = (
    "(SELECT key AS place, value AS number FROM json_each(?1)) AS wanted"
    " CROSS JOIN ops ON ops.seq = wanted.number"
)
_SIZE_OF_LISTED = f"SELECT sum({_SIZE}) FROM {_LISTED}"
_TEXT_OF_LISTED = f"SELECT group_concat({_TEXT}, ',' ORDER BY place) FROM {_LISTED}"


def end_of_span(connection: apsw.Connection, after: int, last: int, bytes_max: int) -> int:
    """Returns the number up to which the ops after `after` fit a chunk; at least one does.

    The size is guessed and halved: a running sum costs as much as rendering the ops.
    """
    count = min(last - after, _OPS_GUESS)
    while count > 1 and _size(connection, _SIZE_OF_SPAN, (after, after + count)) > bytes_max:
        count //= 2
    return after + count


def _size(connection: apsw.Connection, query: str, bindings: tuple[int | str, ...]) -> int:
    row = connection.execute(query, bindings).fetchone()
    assert row is not None and row[0] is not None, "every number has its row"
    return int(row[0])


def text_of_span(connection: apsw.Connection, after: int, last: int) -> str:
    """Renders the ops with these numbers as a JSON array, in order."""
    row = connection.execute(_TEXT_OF_SPAN, (after, last)).fetchone()
    assert row is not None and row[0] is not None, "a commit has ops"
    return f"[{row[0]}]"


def text_of_listed(connection: apsw.Connection, seqs: list[int], bytes_max: int) -> tuple[str, int]:
    """Renders the first of the listed ops that fit a chunk, in that order, and how many.

    At least one is rendered; none of them may be an alternate.
    """
    taken = min(len(seqs), _OPS_GUESS)
    listed = json.dumps(seqs[:taken])
    while taken > 1 and _size(connection, _SIZE_OF_LISTED, (listed,)) > bytes_max:
        taken //= 2
        listed = json.dumps(seqs[:taken])
    row = connection.execute(_TEXT_OF_LISTED, (listed,)).fetchone()
    assert row is not None and row[0] is not None, "an index entry has its row"
    return f"[{row[0]}]", taken
