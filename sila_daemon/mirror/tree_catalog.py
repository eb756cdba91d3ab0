"""The trees of a space as lists show them: from kept facts, loading only trees that changed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError
from sila_daemon.core.first_pages import FirstPage, page_of
from sila_daemon.core.tree_facts import TreeFacts, decode_facts, facts_of
from sila_daemon.store.tree_facts import StoredFacts, TreeFactsTable

if TYPE_CHECKING:
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.trees import TreeCache
    from sila_daemon.store.space_store import SpaceStore

KEPT_AT_ONCE = 50
"""Trees whose facts one transaction keeps."""


class TreeCatalog:
    """The facts about all trees of one space."""

    def __init__(self, store: SpaceStore, trees: TreeCache, space_id: str) -> None:
        self._table = TreeFactsTable(store.database)
        self._trees = trees
        self._space_id = space_id
        self._gathering = asyncio.Lock()

    async def facts(self, only: str | None = None) -> dict[str, TreeFacts]:
        """Returns the facts by tree, of all trees or of one. Raises StorageError.

        Trees that changed are loaded one by one, and let go of again.
        """
        async with self._gathering:  # Whoever asks at the same time finds what the first gathered.
            found: dict[str, TreeFacts] = {}
            gathered: list[StoredFacts] = []
            for stored in await self._table.load():
                if only not in (None, stored.tree_id):
                    continue
                facts = None if stored.text is None else decode_facts(stored.text)
                if facts is None:
                    facts, is_lasting = await self._gather(stored.tree_id)
                    if facts is None:
                        continue
                    if is_lasting:
                        gathered.append(stored._replace(text=facts.encode()))
                found[stored.tree_id] = facts
                if len(gathered) == KEPT_AT_ONCE:
                    await self._table.keep(gathered)
                    gathered = []
            if gathered:
                await self._table.keep(gathered)
            return found

    async def first_page(self, tree_id: str, vertex_id: str | None) -> FirstPage | None:
        """Returns kept children of a vertex of a large tree that is not loaded, if it has them.

        Raises StorageError.
        """
        if self._trees.is_loaded(tree_id):
            return None
        text = await self._table.text(tree_id)
        facts = None if text is None else decode_facts(text)
        return None if facts is None else page_of(facts.pages, vertex_id)

    async def _gather(self, tree_id: str) -> tuple[TreeFacts | None, bool]:
        """Returns the facts about a tree, and whether they are what the store says.

        The generation was read before: what was stored up to it is in the tree by now, as the
        intake merges it before anybody hears an answer that was asked for later.
        """

        def read(tree: RepTree) -> tuple[TreeFacts, bool]:
            # An edit that is not committed yet may fail, and live state is never stored.
            is_lasting = not self._trees.is_held(tree_id) and not tree.has_live_state
            return facts_of(tree, self._space_id), is_lasting

        try:
            return await self._trees.look(tree_id, read, is_kept=tree_id == self._space_id)
        except NotFoundError:
            return None, False  # Nothing is shown of it: only a clock is known, or all is held.
