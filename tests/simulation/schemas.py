"""New databases come into being by one script: the migrations one after the other take three times
as long, and every world makes a handful. `tests/database/test_every_schema.py` goes step by step.
"""

from __future__ import annotations

from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING

import apsw

from sila_daemon.database.schema import Schema, migrate

if TYPE_CHECKING:
    from sila_daemon.database.database import Database, Databases


class NewestSchemas:
    """The port Databases, over another one."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases

    async def open(self, path: Path, schema: Schema) -> Database:
        """Opens a file, or makes one with what all migrations would leave."""
        return await self._databases.open(path, at_once(schema))

    async def open_damaged(self, path: Path) -> Database:
        """Opens a damaged file."""
        return await self._databases.open_damaged(path)


def at_once(schema: Schema) -> Schema:
    """Returns a schema of the same version whose first migration does everything."""
    script = _newest(schema.application_id, tuple(schema.migrations))
    return Schema(schema.application_id, [script, *[""] * (len(schema.migrations) - 1)])


@lru_cache
def _newest(application_id: int, migrations: Sequence[str]) -> str:
    connection = apsw.Connection(":memory:")
    migrate(connection, Schema(application_id, migrations))
    made = connection.execute(
        "SELECT sql FROM sqlite_schema WHERE sql IS NOT NULL AND name NOT GLOB 'sqlite_*'"
        " ORDER BY rowid"
    )
    script = ";\n".join(str(sql) for (sql,) in made)
    tables = connection.execute("SELECT name FROM sqlite_schema WHERE type = 'table'").fetchall()
    for (name,) in tables:
        found = connection.execute(f'SELECT count(*) FROM "{name}"').get
        assert not found, f"migrations fill the table {name}, and a script of its schema would not"
    connection.close()
    return script
