"""What a search found in all spaces: asked for space by space, grouped by what it is to people."""

from __future__ import annotations

import asyncio
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import SilaError
from sila_tui.facts import moment, rows, text_of, whole
from sila_tui.goal import Goal
from sila_tui.words import clean

if TYPE_CHECKING:
    from sila_tui.link import Link

HITS_MAX = 100
"""Hits of each space; who wants more writes more."""
PAGES_MAX = 20
"""Pages without a hit that are passed over."""
QUERY_MIN = 2
"""Characters of a query from which on it is asked."""

FILES_TOP = "files"
"""What holds all files of a tree, and is not shown."""

KINDS = {"name": "Names", "file": "Files", "message": "Messages", "property": "Other text"}
"""The groups in their order, by what the daemon calls them."""


@dataclass(frozen=True)
class SearchHit:
    """One place where the words stand."""

    space_id: str
    tree: str
    tree_name: str
    vertex: str
    kind: str
    key: str
    path: str
    """Where the vertex stands in its tree; empty for messages."""
    before: str
    """The line of text around the match, in three parts."""
    match: str
    after: str
    refers: str
    """The tree that a name stands for, as a thread stands for its chat; empty for others."""
    created_at: float | None

    def place_in(self, space_title: str) -> str:
        """The space, the tree, and where in it; files stand where their list shows them."""
        steps = self.path.split("/")
        if self.kind == "file":
            tree = self.tree_name or ""
            steps = steps[1:] if steps[0] == FILES_TOP else steps
        else:
            tree = "" if self.tree == self.space_id else self.tree_name or self.tree[:8]
        return "/".join(filter(None, (space_title, tree, *steps)))

    @property
    def goal(self) -> Goal:
        """Where the words stand; for a name that stands for a tree, that tree."""
        if self.refers:
            return Goal(self.refers)
        view = {"message": "chat", "file": "files"}.get(self.kind, "tree")
        return Goal(self.tree, self.vertex, view)

    @classmethod
    def read(cls, space_id: str, row: Mapping[str, Any]) -> SearchHit:
        """Reads one element of the answer of `space.search`."""
        excerpt = str(row.get("excerpt") or "")
        found = row.get("match")
        span = found if isinstance(found, list) and len(found) == 2 else [0, 0]
        start, end = whole(span[0]), whole(span[0]) + whole(span[1])
        return cls(
            space_id,
            text_of(row.get("tree")),
            text_of(row.get("treeName")),
            str(row.get("vertex", "")),
            text_of(row.get("kind")),
            str(row.get("key", "")),
            text_of(row.get("path")),
            clean(excerpt[:start]),
            clean(excerpt[start:end]),
            clean(excerpt[end:]),
            text_of(row.get("refers")),
            moment(row.get("created")),
        )


@dataclass(frozen=True)
class Answer:
    """What one space said last."""

    hits: tuple[SearchHit, ...] = ()
    searched: int = 0
    ops: int = 0
    has_more: bool = False

    @property
    def is_whole(self) -> bool:
        """Whether everything in the space was searched."""
        return self.searched >= self.ops


class Search:
    """The answers to one query after the other."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self.query = ""
        self._answers: dict[str, Answer] = {}
        self.is_asking = False
        self.trouble = ""
        """Why nothing could be found, in words."""

    async def find(self, query: str, space_ids: Sequence[str], on_news: Callable[[], None]) -> None:
        """Asks all spaces; calls `on_news` whenever something was found or is known to be none.

        What was found before stays until the first answer comes: nothing flickers.
        """
        self.query, self.trouble = query.strip(), ""
        if len(self.query) < QUERY_MIN and self.query.isascii():
            self._answers.clear()
            on_news()
            return
        self.is_asking = True
        fresh: dict[str, Answer] = {}

        async def ask(space_id: str) -> None:
            while True:
                try:
                    answer = await self._ask(space_id)
                except SilaError as error:
                    self.trouble = error.message
                    return
                fresh[space_id] = answer
                self._answers = dict(fresh)
                on_news()
                if answer.is_whole:
                    return

        try:
            await asyncio.gather(*(ask(space_id) for space_id in space_ids))
        finally:
            self.is_asking = False
        self._answers = fresh
        on_news()

    async def _ask(self, space_id: str) -> Answer:
        before = None
        for _ in range(PAGES_MAX):
            answer = await self._link.call(
                "space.search", space=space_id, query=self.query, before=before, limit=HITS_MAX
            )
            before = answer.get("next")
            if before is None or answer.get("hits"):
                break  # What is no longer so is passed over, a page at a time.
        hits = tuple(SearchHit.read(space_id, row) for row in rows(answer.get("hits")))
        return Answer(
            hits, whole(answer.get("searched")), whole(answer.get("ops")), bool(answer.get("next"))
        )

    @property
    def searched_share(self) -> float:
        """How much of the spaces that answered has been searched, from 0 to 1."""
        ops = sum(answer.ops for answer in self._answers.values())
        return sum(answer.searched for answer in self._answers.values()) / ops if ops else 1.0

    @property
    def has_more(self) -> bool:
        """Whether not everything that was found is listed."""
        return any(answer.has_more for answer in self._answers.values())

    @property
    def found(self) -> int:
        """How many hits are listed."""
        return sum(len(answer.hits) for answer in self._answers.values())

    def listed(self) -> list[str | SearchHit]:
        """The rows: each kind's heading with its hits, the newest of each space first."""
        hits = [hit for answer in self._answers.values() for hit in answer.hits]
        listed: list[str | SearchHit] = []
        for kind, title in KINDS.items():
            group = [hit for hit in hits if hit.kind == kind]
            if group:
                listed += [*([""] if listed else []), f"{title}  {len(group)}", *group]
        return listed
