"""`trash.list`: what was deleted and can be put back."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.control import messages, results
from sila_daemon.control.handlers.paging import page_after
from sila_daemon.control.handlers.trees import find_tree, own_facts, path_of
from sila_daemon.core.vertex import Vertex

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import SpaceKeeper
    from sila_daemon.core.rep_tree import RepTree


class TrashHandlers:
    """Shows the trash."""

    def __init__(self, spaces: SpaceKeeper) -> None:
        self._spaces = spaces

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {"trash.list": self.list}

    async def list(self, params: messages.TrashParams) -> results.Trash:
        """Lists deleted vertices tree by tree, the space tree first."""
        space = self._spaces.find(params.space)
        names = (await own_facts(space)).names
        only = None if params.tree is None else await find_tree(space, params.tree)
        facts = await space.tree_facts(only)
        deleted: list[results.TrashEntry] = []
        for tree_id in sorted(facts, key=lambda key: (key != space.space_id, key)):
            if facts[tree_id].trashed:
                deleted += _entries(await space.tree(tree_id), names.get(tree_id))
        page = page_after(deleted, lambda entry: entry.vertex, params.after, params.limit)
        return results.Trash(deleted=deleted[page.start : page.end], next=page.next)


def _entries(tree: RepTree, tree_name: str | None) -> list[results.TrashEntry]:
    entries = []
    for index, place in tree.trashed().items():
        vertex = Vertex(tree, index)
        parent = None if place is None else Vertex(tree, place)
        entry = results.TrashEntry(
            tree=tree.tree_id,
            tree_name=tree_name,
            vertex=vertex.id,
            name=vertex.name,
            child_count=vertex.child_count,
            created=vertex.created_ms,
            parent=None if parent is None else parent.id,
            path=None if parent is None or parent.is_deleted else path_of(parent),
        )
        entries.append(entry)
    return entries
