"""A space's name, kept as a note: finding it among a million ops takes the time of a page.

The note goes in the transaction that stores, or lets go of, an op that may change the name. So
it is either true or not there.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core import json_value
from sila_daemon.core.ops import PropertyOp
from sila_daemon.core.vertex import NAME_KEYS
from sila_daemon.store import op_table, sql

if TYPE_CHECKING:
    from collections.abc import Iterable

    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.store.op_table import TreeOp

_NOTE = "space_name"


async def space_name(database: Database, space_id: str) -> str | None:
    """Returns what a space is called, and notes it; None without a name. Raises StorageError."""
    return await database.write(lambda connection: _noted(connection, space_id))


def _noted(connection: apsw.Connection, space_id: str) -> str | None:
    noted = sql.first(connection, "SELECT value FROM note WHERE name = ?", (_NOTE,))
    if noted is None:
        noted = json_value.encode(_found(connection, space_id)).decode()
        connection.execute("INSERT INTO note VALUES (?, ?)", (_NOTE, noted))
    name = json_value.decode(noted.encode())
    return name if isinstance(name, str) and name else None


def forget(connection: apsw.Connection, ops: Iterable[TreeOp]) -> None:
    """Drops the note if one of the ops may change the name."""
    if any(
        op.target == tree_id and isinstance(op, PropertyOp) and op.key == NAME_KEYS[0]
        for tree_id, op in ops
    ):
        connection.execute("DELETE FROM note WHERE name = ?", (_NOTE,))


def _found(connection: apsw.Connection, space_id: str) -> json_value.Json:
    ops = op_table.property_ops(connection, space_id, space_id, NAME_KEYS[0])
    last = ops[-1] if ops else None
    if not isinstance(last, PropertyOp) or json_value.is_deletion(last.value):
        return None
    assert last.value is not None
    return json_value.decode(last.value)
