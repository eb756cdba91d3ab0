"""Schemas that know their version: migrations that resume, and that refuse a newer file."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from sila_daemon.core.errors import StorageError, UnsupportedVersionError
from sila_daemon.database.transaction import in_transaction

if TYPE_CHECKING:
    import apsw


@dataclass(frozen=True, slots=True)
class Schema:
    """What a database file holds."""

    application_id: int
    """Written into the file's header, so that another program's database is not taken for ours."""
    migrations: Sequence[str]
    """SQL scripts; the n-th brings a file from version n to n + 1.

    A file that exists gets one transaction each, a new one a single transaction for all.
    """


def migrate(connection: apsw.Connection, schema: Schema) -> None:
    """Brings an open database to the newest version.

    Raises UnsupportedVersionError for a file of a newer version, StorageError for a file of
    another program; both leave it unchanged.
    """
    owner = connection.pragma("application_id")
    version = connection.pragma("user_version")
    if owner not in (0, schema.application_id):
        raise StorageError("the database belongs to another program", code="foreign_database")
    if version > len(schema.migrations):
        raise UnsupportedVersionError(
            f"the database has version {version}, this program knows {len(schema.migrations)}",
            hint="install a newer version of Sila",
        )
    if version == 0 and schema.migrations:
        # Ten commits less that wait for the disk, whenever a space is made.
        in_transaction(connection, partial(_apply, schema, 0, len(schema.migrations)))
        return
    for target in range(version + 1, len(schema.migrations) + 1):
        in_transaction(connection, partial(_apply, schema, target - 1, target))


def _apply(schema: Schema, version: int, target: int, connection: apsw.Connection) -> None:
    for script in schema.migrations[version:target]:
        connection.execute(script)
    connection.pragma("application_id", schema.application_id)
    connection.pragma("user_version", target)
