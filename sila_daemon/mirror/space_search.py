"""Searching one space: what the index proposes, held against what the trees say now."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.core.errors import NotFoundError
from sila_daemon.core.search_text import Span, found_in, text_of
from sila_daemon.core.space import Space
from sila_daemon.store.search_index import SearchIndex

if TYPE_CHECKING:
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.core.vertex import Vertex
    from sila_daemon.mirror.trees import TreeCache
    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.search_index import Candidate, Progress
    from sila_daemon.store.space_store import SpaceStore

INDEXING_S_MAX = 0.5
"""So long one question may go on indexing; then it answers with what is there."""

CANDIDATES_AT_ONCE = 200
CANDIDATES_MAX = 2000
"""Texts that one question compares; most of what an index proposes is as it was."""


class Hit(NamedTuple):
    """A property that has all words."""

    vertex: Vertex
    key: str
    text: str
    match: Span


@dataclass(slots=True)
class Hits:
    """A page of what was found, the newest first."""

    progress: Progress
    hits: list[Hit] = field(default_factory=list)
    next: int | None = None
    """What to ask before for the next page; None at the end."""


class SpaceSearch:
    """Searches the space of one store."""

    def __init__(self, store: SpaceStore, trees: TreeCache, clock: Clock, space_id: str) -> None:
        self._store = store
        self._index = SearchIndex(store.database)
        self._trees = trees
        self._clock = clock
        self._space_id = space_id

    async def find(self, words: list[str], before: int | None, limit: int) -> Hits:
        """Returns properties with all words, of vertices that are not deleted.

        Raises StorageError.
        """
        until = self._clock.monotonic() + INDEXING_S_MAX
        found = Hits(await self._index.catch_up(lambda: self._clock.monotonic() >= until))
        trashed = await self._trashed()
        seen: set[tuple[str, str, str]] = set()
        compared = 0
        while True:
            candidates = await self._index.candidates(words, before, CANDIDATES_AT_ONCE)
            for candidate in candidates:
                before = candidate.seq
                await asyncio.sleep(0)  # Long texts take a while to compare.
                if candidate.tree_id in trashed or candidate[1:4] in seen:
                    continue
                hit = await self._hit(candidate, words)
                if hit is not None:
                    seen.add(candidate[1:4])
                    found.hits.append(hit)
                    if len(found.hits) == limit:
                        found.next = before
                        return found
            compared += len(candidates)
            if not candidates:
                return found
            if compared >= CANDIDATES_MAX:
                found.next = before
                return found

    async def _trashed(self) -> set[str]:
        """Returns the trees that are reached from the trash only."""
        tree = await self._tree(self._space_id)
        if tree is None:
            return set()
        space = Space(tree)
        return set(space.app_tree_ids(with_deleted=True)) - set(space.app_tree_ids())

    async def _hit(self, candidate: Candidate, words: list[str]) -> Hit | None:
        """Returns what was found if it still is so."""
        text = text_of(candidate.key, candidate.value)
        match = found_in(text, words)
        if match is None:
            return None
        tree = await self._tree(candidate.tree_id)
        vertex = tree.vertex(candidate.target) if tree else None
        if vertex is None or vertex.is_deleted or vertex.get(candidate.key) != candidate.value:
            return None
        return Hit(vertex, candidate.key, text, match)

    async def _tree(self, tree_id: str) -> RepTree | None:
        try:
            return await self._trees.get(tree_id)
        except NotFoundError:
            return None
