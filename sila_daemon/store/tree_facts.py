"""What lists say of each tree, kept so that a list does not load a thousand trees.

Facts are derived, and stale as soon as an op of their tree is stored: whoever stores it says so in
the same transaction. A generation tells whether that happened while facts were being gathered.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.store import op_table, sql

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw

    from sila_daemon.database.database import Database


class StoredFacts(NamedTuple):
    """The facts about one tree, as the text that they were given as."""

    tree_id: str
    generation: int
    text: bytes | None
    """None where they are to be gathered anew."""


def touch(connection: apsw.Connection, tree_ids: Iterable[str]) -> None:
    """Makes the facts about trees stale."""
    connection.executemany(
        "INSERT INTO tree_facts SELECT id, 1, NULL FROM tree WHERE name = ?"
        " ON CONFLICT (tree) DO UPDATE SET generation = generation + 1, facts = NULL",
        [(tree_id,) for tree_id in tree_ids],
    )


class TreeFactsTable:
    """The facts about the trees of one space."""

    def __init__(self, database: Database) -> None:
        self._database = database

    async def load(self) -> list[StoredFacts]:
        """Returns what is known of every tree that has ops, oldest tree first."""
        found = await self._database.read(
            lambda connection: sql.rows(
                connection,
                "SELECT name, coalesce(generation, 0), facts FROM tree"
                " LEFT JOIN tree_facts ON tree_facts.tree = tree.id"
                f" WHERE {op_table.HAS_OPS} ORDER BY tree.id",
            )
        )
        return [StoredFacts(*row) for row in found]

    async def text(self, tree_id: str) -> bytes | None:
        """Returns the facts about one tree; None where they are to be gathered anew."""
        found: bytes | None = await self._database.read(
            lambda connection: sql.first(
                connection,
                "SELECT facts FROM tree_facts JOIN tree ON tree.id = tree_facts.tree"
                " WHERE name = ?",
                (tree_id,),
            )
        )
        return found

    async def keep(self, gathered: Sequence[StoredFacts]) -> None:
        """Keeps facts, except about trees that changed since their generation was read."""
        await self._database.write(
            lambda connection: connection.executemany(
                "INSERT INTO tree_facts SELECT id, ?2, ?3 FROM tree WHERE name = ?1"
                " ON CONFLICT (tree) DO UPDATE SET facts = excluded.facts"
                " WHERE generation = excluded.generation",
                gathered,
            )
        )
