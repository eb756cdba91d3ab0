"""A tree as it is: the lazy tree at the left, the properties of a vertex at the right."""

from __future__ import annotations

from typing import TYPE_CHECKING

from textual import on
from textual.containers import Vertical
from textual.widgets import Static

from sila_tui.contents import VertexFacts, value_kind, value_line
from sila_tui.jobs import run_job
from sila_tui.panes.pane import Pane
from sila_tui.widgets.raw_tree import PropertyList, RawTree
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from textual.app import ComposeResult

    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader
    from sila_tui.tree_rows import TreeRow


class TreePane(Pane):
    """Opens vertices as they are asked for, a page of children at a time."""

    DEFAULT_CSS = """
    TreePane { layout: grid; grid-size: 2; grid-columns: 1fr 1fr; grid-rows: 1fr; }
    TreePane #vertex { height: 1fr; border-left: solid $border; padding-left: 1; }
    TreePane #place { height: auto; max-height: 3; color: $dim; padding: 0 1; margin-bottom: 1; }
    """

    def __init__(self, session: Session, reader: SpaceReader) -> None:
        super().__init__(session, reader, "tree")
        self._tree = ""

    def compose(self) -> ComposeResult:
        """Builds the tree beside the properties."""
        yield RawTree()
        with Vertical(id="vertex"):
            yield Static("", id="place", markup=False)
            yield PropertyList()

    @property
    def _list(self) -> RawTree:
        return self.query_one(RawTree)

    async def open(self, tree: str) -> None:
        """Shows a tree with its root open."""
        roots = await self.reader.roots(tree)
        page = await self.reader.page(tree, roots[0].id)
        self._tree = tree
        self._list.tree_rows.start(roots)
        self._list.tree_rows.open(0, page.children, page.after)
        self._list.cursor = 0
        self._list.rows_changed()
        await self._show_vertex()

    async def reload(self) -> None:
        """Shows the tree as it is now, with the same vertices open and the cursor where it was."""
        if not self._tree:
            return
        rows, current = self._list.tree_rows, self._list.current
        opened = rows.opened
        roots = await self.reader.roots(self._tree)
        pages = {vertex: await self.reader.page(self._tree, vertex) for vertex in opened}
        rows.start(roots)
        for vertex, page in pages.items():
            index = rows.index_of(vertex)
            if index is not None:
                rows.open(index, page.children, page.after)
        at = rows.index_of(current.vertex.id) if current is not None else None
        if at is not None:
            self._list.cursor = at
        self._list.rows_changed()
        await self._show_vertex()

    def enter(self) -> None:
        """Goes to the tree."""
        self._list.focus()

    @on(RowList.Highlighted, "#raw-tree")
    def moved(self) -> None:
        """Shows the properties of the vertex under the cursor."""
        run_job(self, self._show_vertex, group="vertex")

    @on(RowList.Chosen, "#raw-tree")
    def chosen(self, event: RowList.Chosen) -> None:
        """Opens or closes a vertex, or asks for more children."""
        row = self._list.tree_rows.rows[event.index]
        if row.is_open and not row.is_more:
            self._list.tree_rows.close(event.index)
            self._list.rows_changed()
        elif row.is_more or row.vertex.child_count:
            run_job(self, lambda: self._open_row(row), group="open")

    @on(RawTree.LeftAlone)
    def left_alone(self) -> None:
        """Goes out of the pane."""
        self.post_message(self.LeftAlone())

    async def _open_row(self, row: TreeRow) -> None:
        page = await self.reader.page(self._tree, row.vertex.id, row.after)
        rows = self._list.tree_rows
        # Other rows may have come or gone while the daemon was asked.
        index = next((at for at, other in enumerate(rows.rows) if other is row), None)
        if index is None:
            return
        if row.is_more:
            rows.extend(index, page.children, page.after)
        else:
            rows.open(index, page.children, page.after)
        self._list.rows_changed()

    async def _show_vertex(self) -> None:
        row = self._list.current
        if row is None:
            return
        self._show(await self.reader.vertex(self._tree, row.vertex.id))

    def _show(self, vertex: VertexFacts) -> None:
        self.query_one("#place", Static).update(f"{vertex.path or vertex.title}\n{vertex.id}")
        rows = [
            (value_line(key), value_kind(value), value_line(value))
            for key, value in sorted(vertex.properties.items())
        ]
        self.query_one(PropertyList).show(rows)
