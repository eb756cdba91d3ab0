"""`tree.*` and `vertex.*`: reading the trees of a space, a page at a time."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.control import messages, results
from sila_daemon.control.handlers.paging import PAGE_MAX, page_after
from sila_daemon.core.authorship import placing_of, setters_of
from sila_daemon.core.errors import NotFoundError, UsageError

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import OpenSpace, SpaceKeeper
    from sila_daemon.core.ops import OpId
    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.core.tree_facts import TreeFacts
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

    async def list(self, params: messages.PageParams) -> results.Trees:
        """Lists the trees of a space, the space tree first."""
        space = self._spaces.find(params.space)
        facts = await facts_of_space(space)
        names = facts[space.space_id].names
        entries = [
            results.TreeEntry(
                id=tree_id,
                app_id=found.app_id,
                name=names.get(tree_id) or found.name,
                role="space" if tree_id == space.space_id else "app",
                vertices=found.vertices,
            )
            for tree_id, found in facts.items()
        ]
        entries.sort(key=lambda entry: (entry.role != "space", entry.name or "", entry.id))
        page = page_after(entries, lambda entry: entry.id, params.after, params.limit)
        return results.Trees(trees=entries[page.start : page.end], next=page.next)

    async def get(self, params: messages.VertexParams) -> results.VertexDetails:
        """Shows one vertex."""
        devices = await self._spaces.find(params.space).devices()
        vertex = await self._vertex(params)

        def author(op: OpId) -> results.OpAuthor:
            return results.OpAuthor(peer=op.peer, counter=op.counter, device=devices.get(op.peer))

        placing = placing_of(vertex.tree, vertex.index)
        setters = setters_of(vertex.tree, vertex.index)
        return results.VertexDetails(
            id=vertex.id,
            parent=vertex.parent.id if vertex.parent else None,
            name=vertex.name,
            properties=vertex.properties,
            child_count=vertex.child_count,
            deleted=vertex.is_deleted,
            path=path_of(vertex),
            created=vertex.created_ms,
            placed=author(placing.op) if placing is not None else None,
            moved=placing is not None and not placing.is_first,
            authors={key: author(op) for key, op in sorted(setters.items())},
        )

    async def children(self, params: messages.ChildrenParams) -> results.Children:
        """Shows a page of children in display order."""
        kept = await self._kept_children(params)
        if kept is not None:
            return kept
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

    async def _kept_children(self, params: messages.ChildrenParams) -> results.Children | None:
        """Returns the first page of a large tree that is not loaded, where it is kept."""
        space = self._spaces.find(params.space)
        tree_id = await find_tree(space, params.tree)
        page = None
        if params.after is None:
            page = await space.first_page(tree_id, params.vertex)
        size = max(1, min(params.limit, PAGE_MAX))
        if page is None or not (page.is_whole or size <= len(page.rows)):
            return None
        shown = [
            results.Child(
                id=row["id"],
                name=row["name"],
                child_count=row["childCount"],
                created=row["created"],
                properties=row["properties"] if params.properties else None,
            )
            for row in page.rows[:size]
        ]
        is_end = page.is_whole and len(shown) == len(page.rows)
        return results.Children(children=shown, next=None if is_end else shown[-1].id)

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
        names = (await own_facts(space)).names
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


async def facts_of_space(space: OpenSpace) -> dict[str, TreeFacts]:
    """Returns what lists say of the trees. Raises NotFoundError before the space tree is here."""
    await own_facts(space)
    return await space.tree_facts()


async def own_facts(space: OpenSpace) -> TreeFacts:
    """Returns what is known of the space tree. Raises NotFoundError before its first op came."""
    facts = await space.tree_facts(space.space_id)
    if space.space_id not in facts:
        await space.space()
        facts = await space.tree_facts(space.space_id)
    return facts[space.space_id]


def path_of(vertex: Vertex) -> str:
    """Names from below the root down, joined with `/`; ids where there is no name."""
    steps = [vertex, *vertex.ancestors]
    return "/" + "/".join(step.name or step.id for step in reversed(steps[:-1]))
