"""`space.search`: where words stand in a space."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.control import messages, search_results
from sila_daemon.control.handlers.paging import PAGE_MAX
from sila_daemon.control.handlers.trees import own_facts
from sila_daemon.core import ids
from sila_daemon.core.json_value import displayable
from sila_daemon.core.search_text import excerpt, kind_of, words_of
from sila_daemon.core.space import TREE_KEY

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import SpaceKeeper
    from sila_daemon.core.search_text import Span
    from sila_daemon.core.vertex import Vertex

PATH_STEPS_MAX = 8
PATH_CHARACTERS_MAX = 200


class SearchHandlers:
    """Finds things by what they say."""

    def __init__(self, spaces: SpaceKeeper) -> None:
        self._spaces = spaces

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {"space.search": self.search}

    async def search(self, params: messages.SearchParams) -> search_results.SearchHits:
        """Finds properties with all words, of what is not in the trash, the newest first."""
        words = words_of(params.query)
        space = self._spaces.find(params.space)
        limit = max(1, min(params.limit, PAGE_MAX))
        found = await space.search(words, params.before, limit)
        names = (await own_facts(space)).names if found.hits else {}
        searched, ops = found.progress
        return search_results.SearchHits(
            hits=[_shown(names, *hit) for hit in found.hits],
            next=found.next,
            searched=searched,
            ops=ops,
        )


def _shown(
    names: dict[str, str], vertex: Vertex, key: str, text: str, match: Span
) -> search_results.SearchHit:
    shown, span = excerpt(text, match)
    kind, refers = kind_of(vertex, key), vertex.get(TREE_KEY)
    return search_results.SearchHit(
        tree=vertex.tree.tree_id,
        tree_name=names.get(vertex.tree.tree_id),
        vertex=vertex.id,
        kind=kind,
        key=key,
        path="" if kind == "message" else _path(vertex),
        excerpt=shown,
        match=span,
        refers=refers if ids.is_tree_id(refers) else None,
        created=vertex.created_ms,
    )


def _path(vertex: Vertex) -> str:
    """Names from near the root down to what holds a vertex; the nearest ones where it is deep."""
    steps: list[str] = []
    above = vertex.parent
    while above is not None and above.parent is not None and len(steps) < PATH_STEPS_MAX:
        steps.append(above.name or above.id)
        above = above.parent
    is_cut = above is not None and above.parent is not None
    path = displayable("/".join([*(["…"] if is_cut else []), *reversed(steps)]))
    return path if len(path) <= PATH_CHARACTERS_MAX else "…" + path[-PATH_CHARACTERS_MAX:]
