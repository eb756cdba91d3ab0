"""A tree as it is: names or ids, child counts, opened as far as a person looks."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

from textual.binding import Binding, BindingType
from textual.message import Message

from sila_tui.clipboard import copy
from sila_tui.tree_rows import TreeRow, TreeRows
from sila_tui.widgets.lines import line
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from rich.text import Text

    from sila_tui.theme import Palette

TRASH_ID = "0"


class RawTree(RowList):
    """Shows the rows of a lazy tree; asks to open what is chosen."""

    BINDING_GROUP_TITLE = "Tree"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("h,left", "close_or_up", "Close, or go to the parent", show=False),
        Binding("n", "ask('new')", "New"),
        Binding("d,delete", "ask('delete')", "Delete"),
        Binding("r", "ask('restore')", "Restore"),
        Binding("x", "ask('cut')", "Cut"),
        Binding("p", "ask('paste')", "Paste"),
        Binding("y", "copy", "Copy id"),
        Binding("Y", "ask('copy')", "Copy path or JSON", show=False),
    ]

    class LeftAlone(Message):
        """A person goes out of the tree."""

    class Asked(Message):
        """A person wants something done with the vertex under the cursor."""

        def __init__(self, what: str) -> None:
            super().__init__()
            self.what = what

    def __init__(self) -> None:
        super().__init__("raw-tree")
        self.tree_rows = TreeRows()
        self.can_paste = False
        """Whether a vertex was cut that waits for its new place."""

    @property
    def current(self) -> TreeRow | None:
        """The row under the cursor."""
        at = self.row_at_cursor
        return None if at is None else self.tree_rows.rows[at]

    def row_count(self) -> int:
        """The visible ones."""
        return len(self.tree_rows.rows)

    def words_of(self, index: int) -> str:
        """The name and the beginning of the text, without drawing."""
        vertex = self.tree_rows.rows[index].vertex
        return f"{vertex.title} {vertex.preview}"

    def depth_of(self, index: int) -> int:
        """As deep as it stands in the tree."""
        return self.tree_rows.rows[index].depth

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one vertex."""
        row = self.tree_rows.rows[index]
        margin = "  " * row.depth
        if row.is_more:
            return line(margin, (f"  {self.symbols.more} more", look.accent))
        vertex = row.vertex
        sign = (
            (self.symbols.opened if row.is_open else self.symbols.closed)
            if vertex.child_count
            else " "
        )
        is_trash = vertex.id == TRASH_ID
        name = "trash" if is_trash else vertex.title
        style = look.dim if is_trash or vertex.is_deleted or not vertex.name else look.text
        said = f"  {vertex.child_count:,}" if vertex.child_count else ""
        said += "  deleted" if vertex.is_deleted and not is_trash else ""
        said += f"  {vertex.preview}" if vertex.preview else ""
        return line(margin, (f"{sign} ", look.dim), (name, style), (said, look.dim))

    @property
    def offered(self) -> tuple[bool, ...]:
        """What decides which keys mean something here."""
        row = self.current
        if row is None:
            return ()
        return (row.vertex.is_deleted, row.vertex.id == TRASH_ID, row.depth > 0, self.can_paste)

    def check_action(self, action: str, parameters: tuple[object, ...]) -> bool | None:
        """Offers what can be done with the vertex under the cursor."""
        row = self.current
        if action != "ask" or row is None or parameters == ("copy",):
            return super().check_action(action, parameters)
        is_deleted = row.vertex.is_deleted or row.vertex.id == TRASH_ID
        if parameters == ("restore",):
            return is_deleted and row.vertex.id != TRASH_ID
        if parameters == ("paste",) and not self.can_paste:
            return False
        return not is_deleted and (row.depth > 0 or parameters[0] in ("new", "paste"))

    def action_ask(self, what: str) -> None:
        """Passes on what a person wants done."""
        if self.current is not None and not self.current.is_more:
            self.post_message(self.Asked(what))

    def action_close_or_up(self) -> None:
        """Closes an open vertex; else goes to its parent."""
        if self.row_at_cursor is None:
            return
        if self.tree_rows.rows[self.cursor].is_open:
            self.tree_rows.close(self.cursor)
            self.rows_changed()
            return
        parent = self.tree_rows.parent_of(self.cursor)
        if parent is None:
            self.post_message(self.LeftAlone())
        else:
            self.cursor = parent

    def action_copy(self) -> None:
        """Copies the vertex id."""
        if self.current is not None:
            copy(self, self.current.vertex.id, "Id")
