"""A tree as it is: the lazy tree at the left, the properties of a vertex at the right."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from textual import on

from sila_daemon.core.errors import UsageError
from sila_tui.clipboard import copy
from sila_tui.contents import VertexFacts, value_line
from sila_tui.jobs import run_job
from sila_tui.panes.editing import EditingPane
from sila_tui.tree_edits import (
    TreeEdit,
    as_text,
    delete,
    from_text,
    move,
    new_vertex,
    restore,
    set_value,
    unset_value,
)
from sila_tui.vertex_copy import copy_forms
from sila_tui.view_memory import text, texts
from sila_tui.widgets.dialogs import Field
from sila_tui.widgets.pick import PickDialog
from sila_tui.widgets.raw_tree import RawTree
from sila_tui.widgets.row_list import RowList
from sila_tui.widgets.vertex_details import PropertyList, VertexDetails

if TYPE_CHECKING:
    from collections.abc import Mapping

    from textual.app import ComposeResult

    from sila_tui.session import Session
    from sila_tui.space_reader import SpaceReader
    from sila_tui.tree_rows import TreeRow
    from sila_tui.view_memory import State

COPY_SHOWN_MAX = 40
"""Characters of what is copied that its choice shows."""
OPENED_KEPT_MAX = 60
"""Vertices that are opened again; each costs a call."""


class TreePane(EditingPane):
    """Opens vertices as they are asked for, a page of children at a time."""

    DEFAULT_CSS = """
    TreePane { layout: grid; grid-size: 2; grid-columns: 1fr 1fr; grid-rows: 1fr; }
    """

    TAKES = frozenset({"new", "set"})
    MAIN = RawTree
    BINDING_GROUP_TITLE = "Tree"

    def __init__(self, session: Session, reader: SpaceReader) -> None:
        super().__init__(session, reader, "tree")
        self._tree = ""
        self._vertex: VertexFacts | None = None
        self._cut: VertexFacts | None = None
        self._offered: tuple[bool, ...] = ()
        """What could be done when the keys were told last."""

    def compose(self) -> ComposeResult:
        """Builds the tree beside the properties."""
        yield RawTree()
        yield VertexDetails(self.session.say)

    @property
    def _list(self) -> RawTree:
        return self.query_one(RawTree)

    async def open(self, tree: str) -> None:
        """Shows a tree with its root open."""
        asked = self.session.contents.asked(self.reader.space_id, tree)
        roots = await self.reader.roots(tree)
        page = await self.reader.page(tree, roots[0].id)
        self._tree, self.asked_tree = tree, asked
        self._list.tree_rows.start(roots)
        self._list.tree_rows.open(0, page.children, page.after)
        self._list.cursor = 0
        self._list.rows_changed()
        await self._show_vertex()

    async def reload(self) -> None:
        """Shows the tree as it is now, with the same vertices open and the cursor where it was."""
        if not self._tree:
            return
        asked = self.session.contents.asked(self.reader.space_id, self._tree)
        rows, opened = self._list.tree_rows, None
        while opened != (opened := rows.opened):
            # Asked again when somebody opened or closed something meanwhile.
            roots = await self.reader.roots(self._tree)
            pages = {
                vertex: await self.reader.first_children(self._tree, vertex, count)
                for vertex, count in opened.items()
            }
        self.asked_tree = asked
        # Taken only now: keys go on while the daemon is asked.
        current = self._list.current
        rows.start(roots)
        for vertex, page in pages.items():
            index = rows.index_of(vertex)
            if index is not None:
                rows.open(index, page.children, page.after)
        at = rows.index_like(current) if current is not None else None
        if at is not None:
            self._list.cursor = at
        self._list.rows_changed()
        await self._show_vertex()

    async def go_to(self, vertex: str) -> bool:
        """Opens the tree down to a vertex."""
        steps = await self.reader.steps_to(self._tree, vertex)
        at = await self._list.tree_rows.open_down(steps, self._open_row)
        if at is None:
            return False
        self._list.cursor = at
        await self._show_vertex()
        return True

    def kept(self) -> State:
        """What is open, and the vertex under the cursor."""
        current = self._list.current
        opened = list(self._list.tree_rows.opened)[:OPENED_KEPT_MAX]
        return {"open": opened, "at": current.vertex.id if current is not None else ""}

    async def take_back(self, state: State) -> None:
        """Opens what was open, as far as it is still there."""
        rows = self._list.tree_rows
        for vertex in texts(state.get("open"), OPENED_KEPT_MAX):
            at = rows.index_of(vertex)
            if at is not None and not rows.rows[at].is_open:
                await self._open_row(rows.rows[at])
        at = rows.index_of(text(state.get("at")))
        if at is not None:
            self._list.cursor = at
        await self._show_vertex()

    @on(RowList.Highlighted, "#raw-tree")
    def moved(self) -> None:
        """Shows the properties of the vertex under the cursor, and what can be done with it."""
        offered = self._list.offered
        if offered != self._offered:
            self._offered = offered
            self.refresh_bindings()
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
        self._vertex = await self.reader.vertex(self._tree, row.vertex.id)
        self.query_one(VertexDetails).show(self._vertex)

    @on(RawTree.Asked)
    def asked(self, event: RawTree.Asked) -> None:
        """Does with the vertex under the cursor, or with its properties, what is wanted."""
        event.stop()
        vertex = self._vertex
        if vertex is None:
            return
        match event.what:
            case "new":
                self.ask(
                    "A vertex below " + vertex.title,
                    [Field("name", "Name", is_required=False)],
                    lambda said: self._do(new_vertex(vertex, said["name"])),
                )
            case "delete":
                self._do(delete(vertex))
            case "restore":
                self._do(restore(vertex))
            case "cut":
                self._cut, self._list.can_paste = vertex, True
                self.refresh_bindings()
                self.app.notify(f"p moves {vertex.title} below where you are then", markup=False)
            case "paste" if self._cut is not None:
                self._do(move(self._cut, vertex))
                self._cut, self._list.can_paste = None, False
            case "copy":
                run_job(self, lambda: self._copy(vertex), group="choose")
            case "add":
                self._edit_property(vertex, "", "", "text")
            case "remove" if (key := self._key()) is not None:
                self._do(unset_value(vertex, key))

    async def _copy(self, vertex: VertexFacts) -> None:
        forms = copy_forms(vertex)
        shown = [(name, value_line(said[:COPY_SHOWN_MAX])) for name, said in forms]
        question = PickDialog(f"Copy what of {vertex.title}?", shown)
        picked = await self.app.push_screen_wait(question)
        if picked is not None:
            copy(self, forms[picked][1], forms[picked][0])

    @on(RowList.Chosen, "#properties")
    def chosen_property(self) -> None:
        """Edits the property under the cursor."""
        key = self._key()
        if self._vertex is not None and key is not None:
            self._edit_property(self._vertex, key, *as_text(self._vertex.properties[key]))

    def _key(self) -> str | None:
        """The key under the cursor, as the vertex has it."""
        shown = self.query_one(PropertyList).key_at_cursor
        keys = self._vertex.properties if self._vertex is not None else {}
        return next((key for key in keys if value_line(key) == shown), None)

    def _edit_property(self, vertex: VertexFacts, key: str, words: str, kind: str) -> None:
        fields = [
            Field("value", "Value", words, is_required=not key),
            Field("kind", "It is text or json", kind, choices=("text", "json")),
        ]
        if not key:
            fields.insert(0, Field("key", "Property", example="name"))
        self.ask(
            f"{key or 'A property'} of {vertex.title}",
            fields,
            lambda said: self.try_step(
                lambda: self._in_tree(
                    set_value(vertex, key or said["key"], from_text(said["value"], said["kind"]))
                )
            ),
        )

    def take(self, name: str, given: Mapping[str, str]) -> None:
        """Does it with the vertex under the cursor; a value that is no JSON is text."""
        vertex = self._vertex
        if vertex is None:
            raise UsageError("no vertex is shown")
        if name == "new":
            self._do(new_vertex(vertex, given["NAME"]))
            return
        words = given.get("VALUE", "")
        try:
            value = from_text(words, "json")
        except UsageError:
            value = words
        self.try_step(lambda: self._in_tree(set_value(vertex, given["KEY"], value)))

    def _in_tree(self, step: TreeEdit) -> TreeEdit:
        return replace(step, tree=self._tree)

    def _do(self, step: TreeEdit) -> None:
        self.apply(self._in_tree(step))
