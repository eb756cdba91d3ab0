"""What is known of each server: its identity, and how far its ops are held here."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.store import sql
from sila_daemon.store.blobs import owe_everything

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in a server's history of a space; everything up to it is held here."""

    epoch: str
    seq: int
    tag: str


@dataclass(frozen=True, slots=True)
class ServerFacts:
    """What is stored about a server."""

    server_id: str | None
    cursor: Cursor | None
    acknowledged_ms: int | None
    is_first_sync: bool = False
    """Both sides were never yet in agreement."""
    protocol: int | None = None
    """What it spoke last: 1 is an original server; None before it answered for the first time."""


def store_cursor(connection: apsw.Connection, layer: str, cursor: Cursor) -> None:
    """Notes a cursor; within the transaction that stores the ops that it covers."""
    connection.execute(
        "UPDATE layer SET epoch = ?, seq = ?, tag = ? WHERE name = ?",
        (cursor.epoch, cursor.seq, cursor.tag, layer),
    )


def store_acknowledged(connection: apsw.Connection, layer: str, now_ms: int) -> None:
    """Notes when a server last acknowledged something."""
    connection.execute("UPDATE layer SET acknowledged_ms = ? WHERE name = ?", (now_ms, layer))


class Servers:
    """The stored facts about the servers of one space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def facts(self, layer: str) -> ServerFacts:
        """Returns what is stored about a server."""
        found = await self._database.read(
            lambda connection: sql.rows(
                connection,
                "SELECT server_id, epoch, seq, tag, acknowledged_ms, base IS NOT NULL, protocol"
                " FROM layer WHERE name = ?",
                (layer,),
            )
        )
        if not found:
            return ServerFacts(None, None, None)
        server_id, epoch, seq, tag, acknowledged_ms, is_first_sync, protocol = found[0]
        cursor = None if epoch is None else Cursor(epoch, seq, tag)
        return ServerFacts(server_id, cursor, acknowledged_ms, bool(is_first_sync), protocol)

    async def set_server_id(self, layer: str, server_id: str) -> None:
        """Notes who answers at the address, the first time."""
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE layer SET server_id = ? WHERE name = ?", (server_id, layer)
            )
        )

    async def set_protocol(self, layer: str, protocol: int) -> None:
        """Notes which protocol a server speaks, and forgets what was sent by another one."""

        def work(connection: apsw.Connection) -> None:
            connection.execute("UPDATE layer SET protocol = ? WHERE name = ?", (protocol, layer))
            connection.execute(
                "DELETE FROM sent WHERE layer = (SELECT id FROM layer WHERE name = ?)", (layer,)
            )

        await self._database.write(work)

    async def drop_cursor(self, layer: str) -> None:
        """Forgets how far a server's history is held, as it is not the same history any more.

        What it was shown to hold of blobs belonged to that history too, and what it said of
        secrets: a removal that stands in a backup is older than what the server was given since.
        """

        def work(connection: apsw.Connection) -> None:
            connection.execute(
                "UPDATE layer SET epoch = NULL, seq = NULL, tag = NULL WHERE name = ?", (layer,)
            )
            owe_everything(connection, layer)
            connection.execute(
                "DELETE FROM secret_base WHERE layer = (SELECT id FROM layer WHERE name = ?)",
                (layer,),
            )

        await self._database.write(work)
