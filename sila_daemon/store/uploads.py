"""Uploads that were begun on servers and can go on: under which name, over restarts."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.store import sql

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.store.blobs import BlobName

_PLACE = (
    "layer = (SELECT id FROM layer WHERE name = ?)"
    " AND blob = (SELECT id FROM blob WHERE kind = ? AND name = ?)"
)


class Uploads:
    """The unfinished uploads of one space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def find(self, layer: str, blob: BlobName) -> str | None:
        """Returns what a server calls the upload of a file, if one was begun."""
        query, place = f"SELECT name FROM upload WHERE {_PLACE}", (layer, blob.kind, blob.name)
        found = await self._database.read(lambda connection: sql.first(connection, query, place))
        return None if found is None else str(found)

    async def note(self, layer: str, blob: BlobName, name: str) -> None:
        """Notes that an upload was begun; what is owed no more is forgotten."""
        rows = "SELECT layer.id, blob.id, ? FROM layer, blob WHERE layer.name = ?"

        def work(connection: apsw.Connection) -> None:
            connection.execute(
                "DELETE FROM upload WHERE NOT EXISTS (SELECT 1 FROM blob_debt WHERE"
                " blob_debt.layer = upload.layer AND blob_debt.blob = upload.blob)"
            )
            connection.execute(
                f"INSERT OR REPLACE INTO upload {rows} AND kind = ? AND blob.name = ?",
                (name, layer, blob.kind, blob.name),
            )

        await self._database.write(work)

    async def forget(self, layer: str, blob: BlobName) -> None:
        """Notes that an upload has ended, either way."""
        query, place = f"DELETE FROM upload WHERE {_PLACE}", (layer, blob.kind, blob.name)
        await self._database.write(lambda connection: connection.execute(query, place))
