"""The first sync with a layer: what was here before it, and when it is over.

Until a layer and the store were in agreement once, the layer can take away only what was here
before: `base` is the highest number then. A space that is being cloned has lost nothing.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.store import sql
from sila_daemon.store.schema import FOLDER

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.store.guard import Guard


def base(connection: apsw.Connection, layer: str) -> int | None:
    """Returns up to which number ops are from before; None once the first sync is over."""
    found = sql.first(connection, "SELECT base FROM layer WHERE name = ?", (layer,))
    return None if found is None else int(found)


class FirstSync:
    """The first syncs of one space with its layers."""

    def __init__(self, database: Database, guard: Guard | None) -> None:
        self._database = database
        self._guard = guard

    async def is_going_on(self, layer: str) -> bool:
        """Tells whether a layer has never yet been in agreement with the store."""
        return await self._database.read(lambda connection: base(connection, layer) is not None)

    async def is_over(self, layer: str) -> None:
        """Notes that a layer and the store are in agreement.

        What the folder held by then is what servers that come later may not take away.
        """

        def work(connection: apsw.Connection) -> None:
            connection.execute("UPDATE layer SET base = NULL WHERE name = ?", (layer,))
            if layer == FOLDER:
                connection.execute(
                    "UPDATE layer SET base = (SELECT coalesce(max(op.seq), 0) FROM op)"
                    " WHERE base NOT NULL AND seq IS NULL"
                )
            if self._guard is not None:
                self._guard.forget(layer)

        await self._database.write(work)
