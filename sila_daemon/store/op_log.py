"""The store as an op log: what a tree in memory let go of is reached here."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.store import op_table

if TYPE_CHECKING:
    from collections.abc import Collection, Mapping

    from sila_daemon.core.ops import Op, OpId
    from sila_daemon.database.database import Database


class StoredOpLog:
    """Every op of a space that is kept; implements core's `OpLog`."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def contested(self, tree_id: str) -> Mapping[OpId, list[Op]]:
        """Returns the ids of a tree that were used twice, with all their contents."""
        return await self._database.read(lambda connection: op_table.contested(connection, tree_id))

    async def find(self, tree_id: str, op_ids: Collection[OpId]) -> Mapping[OpId, list[Op]]:
        """Returns the contents held for each id; more than one where ids were used twice."""
        return await self._database.read(
            lambda connection: op_table.find(connection, tree_id, op_ids)
        )

    async def property_ops(self, tree_id: str, vertex_id: str, key: str) -> list[Op]:
        """Returns every op on one property, in op order, without loading the tree."""
        return await self._database.read(
            lambda connection: op_table.property_ops(connection, tree_id, vertex_id, key)
        )

    async def history(self, tree_id: str, vertex_id: str) -> list[Op]:
        """Returns every op whose target is the vertex, in op order."""
        return await self._database.read(
            lambda connection: op_table.history(connection, tree_id, vertex_id)
        )
