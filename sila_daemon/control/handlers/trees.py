"""`tree.*` and `vertex.*`: reading the trees of a space, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.control import messages, results
from sila_daemon.control.handlers.paging import page_after
from sila_daemon.core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import OpenSpace, SpaceKeeper
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.core.space import Space, ThreadEntry
    from sila_daemon.core.vertex import Vertex

PREFIX_LENGTH_MIN = 3


class TreeHandlers:
    """Shows trees and vertices."""

    def __init__(self, spaces: SpaceKeeper) -> None:
        self._spaces = spaces

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {
            "tree.list": self.list,
            "vertex.get": self.get,
            "vertex.children": self.children,
        }

    async def list(self, params: messages.SpaceParams) -> results.Trees:
        """Lists the trees of a space, the space tree first."""
        space = self._spaces.find(params.space)
        names = tree_names(await space.space())
        entries = []
        for tree_id in await space.tree_ids():
            tree = await space.tree(tree_id)
            app_id = tree.root.get("appId") if tree.root else None
            name = names.get(tree_id) or (tree.root.name if tree.root else None)
            entry = results.TreeEntry(
                id=tree_id,
                app_id=app_id if isinstance(app_id, str) else None,
                name=name,
                role="space" if tree_id == space.space_id else "app",
                vertices=tree.vertex_count,
            )
            entries.append(entry)
        entries.sort(key=lambda entry: (entry.role != "space", entry.name or "", entry.id))
        return results.Trees(trees=entries)

    async def get(self, params: messages.VertexParams) -> results.VertexDetails:
        """Shows one vertex."""
        vertex = await self._vertex(params)
        return results.VertexDetails(
            id=vertex.id,
            parent=vertex.parent.id if vertex.parent else None,
            name=vertex.name,
            properties=vertex.properties,
            child_count=vertex.child_count,
            deleted=vertex.is_deleted,
            path=path_of(vertex),
        )

    async def children(self, params: messages.ChildrenParams) -> results.Children:
        """Shows a page of children in display order."""
        children = (await self._vertex(params)).children
        page = page_after(children, lambda child: child.id, params.after, params.limit)
        shown = [
            results.Child(
                id=child.id,
                name=child.name,
                child_count=child.child_count,
                created=child.created_ms,
                properties=child.properties if params.properties else None,
            )
            for child in children[page.start : page.end]
        ]
        return results.Children(children=shown, next=page.next)

    async def _vertex(self, params: messages.VertexParams) -> Vertex:
        space = self._spaces.find(params.space)
        tree = await space.tree(await find_tree(space, params.tree))
        return found_vertex(tree, params.vertex)


async def find_tree(space: OpenSpace, reference: str) -> str:
    """Returns the id of the tree meant by id, `space`, unique prefix of an id, or name."""
    if reference == "space":
        return space.space_id
    known = await space.tree_ids()
    if reference in known:
        return reference
    found = [
        tree_id
        for tree_id in known
        if len(reference) >= PREFIX_LENGTH_MIN and tree_id.startswith(reference)
    ]
    if not found:
        names = tree_names(await space.space())
        found = [tree_id for tree_id in known if names.get(tree_id) == reference]
    if len(found) > 1:
        raise UsageError(
            f"{reference!a:.80} means {len(found)} trees",
            code="ambiguous",
            hint=f"take one of these ids: {', '.join(sorted(found)[:5])}",
        )
    if not found:
        raise NotFoundError(
            f"no tree {reference!a:.80} in this space",
            code="no_tree",
            hint="see the trees with: sila-daemon tree SPACE",
        )
    return found[0]


def found_vertex(tree: RepTree, vertex_id: str | None) -> Vertex:
    """Returns a vertex, by default the root. Raises NotFoundError."""
    vertex = tree.root if vertex_id is None else tree.vertex(vertex_id)
    if vertex is None:
        what = "a root" if vertex_id is None else f"a vertex {vertex_id!a:.80}"
        raise NotFoundError(
            f"the tree {tree.tree_id} has no such thing as {what} (yet)", code="no_vertex"
        )
    return vertex


def tree_names(space: Space) -> dict[str, str]:
    """Returns the titles under which the space tree refers to app trees."""
    names = {space.id: space.name}
    stack: list[ThreadEntry] = list(space.threads())
    while stack:
        entry = stack.pop()
        stack.extend(entry.children)
        if entry.tree_id is not None:
            names.setdefault(entry.tree_id, entry.name)
    return names


def path_of(vertex: Vertex) -> str:
    """Names from below the root down, joined with `/`; ids where there is no name."""
    steps = [vertex, *vertex.ancestors]
    return "/" + "/".join(step.name or step.id for step in reversed(steps[:-1]))
