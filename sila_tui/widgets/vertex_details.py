"""A vertex beside its tree: where it stands, its properties, and who said so."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar, NamedTuple, cast

from textual import on
from textual.binding import Binding, BindingType
from textual.containers import Vertical
from textual.widget import Widget

from sila_tui.contents import value_kind, value_line
from sila_tui.theme import palette
from sila_tui.widgets.lines import end_of, fitted, line, sides
from sila_tui.widgets.raw_tree import RawTree
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from rich.text import Text
    from textual.app import ComposeResult

    from sila_tui.app import SilaApp
    from sila_tui.contents import VertexFacts
    from sila_tui.sentences import Sentences
    from sila_tui.theme import Palette

TRASH_ID = "0"
AUTHOR_WIDTH_MIN = 64
"""Narrower lists leave the authors to the line below them: values come first."""


class VertexPlace(Widget):
    """Where a vertex stands, its id and who put it there, on three lines whatever they are:
    nothing else moves."""

    DEFAULT_CSS = "VertexPlace { height: 3; color: $dim; padding: 0 1; margin-bottom: 1; }"

    def __init__(self) -> None:
        super().__init__(id="place")
        self._path, self._vertex, self._placing = "", "", ""

    def show(self, path: str, vertex: str, placing: str) -> None:
        """Names another vertex."""
        if (path, vertex, placing) != (self._path, self._vertex, self._placing):
            self._path, self._vertex, self._placing = path, vertex, placing
            self.refresh()

    def render(self) -> Text:
        """Draws the lines; of a long path the end says more than the beginning."""
        look, symbols = palette(self.app.theme), cast("SilaApp", self.app).symbols
        width = self.size.width
        path = end_of(self._path, width, symbols.more)
        others = [fitted(line(text), width).plain for text in (self._vertex, self._placing)]
        return line(("\n".join((path, *others)), look.dim))


class PropertyRow(NamedTuple):
    """One property, as it is shown."""

    key: str
    kind: str
    value: str
    author: str
    """Who set it, by which op; empty where that is not known."""


class PropertyList(RowList):
    """The properties of a vertex: key, kind, value, and who set it where there is room."""

    BINDING_GROUP_TITLE = "Properties"
    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("e,enter", "choose", "Edit"),
        Binding("n", "ask('add')", "New property"),
        Binding("d,delete", "ask('remove')", "Remove"),
    ]

    class Asked(RawTree.Asked):
        """A person wants something done with the properties."""

    is_marked_elsewhere = False
    empty_text = "no properties"

    def __init__(self) -> None:
        super().__init__("properties")
        self._rows: list[PropertyRow] = []

    def show(self, rows: list[PropertyRow]) -> None:
        """Shows other properties; the cursor stays on the key that it stood on."""
        key = self.key_at_cursor
        self._rows = rows
        self.cursor = next((at for at, row in enumerate(rows) if row.key == key), 0)
        self.rows_changed()

    @property
    def current(self) -> PropertyRow | None:
        """The row under the cursor."""
        at = self.row_at_cursor
        return None if at is None else self._rows[at]

    @property
    def key_at_cursor(self) -> str | None:
        """The key under the cursor."""
        row = self.current
        return None if row is None else row.key

    def action_ask(self, what: str) -> None:
        """Passes on what a person wants done."""
        self.post_message(self.Asked(what))

    def row_count(self) -> int:
        """One line for each."""
        return len(self._rows)

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one property."""
        key, kind, value, author = self._rows[index]
        column = min(18, max(len(row.key) for row in self._rows))
        shown = key if len(key) <= column else key[: column - 1] + self.symbols.more
        said = line(
            (shown.ljust(column), look.accent), (f"  {kind:<7} ", look.dim), (value, look.text)
        )
        if width < AUTHOR_WIDTH_MIN:
            return said
        return sides(said, line((author, look.dim)), width)


class PropertyAuthor(Widget):
    """Who set the property under the cursor, on one line below all of them."""

    DEFAULT_CSS = "PropertyAuthor { dock: bottom; height: 1; color: $dim; padding: 0 1; }"

    def __init__(self) -> None:
        super().__init__(id="property-author")
        self._words = ""

    def show(self, words: str) -> None:
        """Names another one."""
        if words != self._words:
            self._words = words
            self.refresh()

    def render(self) -> Text:
        """Draws the line."""
        return line((self._words, palette(self.app.theme).dim))


class VertexDetails(Vertical):
    """All of it, one below the other."""

    DEFAULT_CSS = """
    VertexDetails { height: 1fr; border-left: solid $border; padding-left: 1; }
    """

    def __init__(self, say: Sentences) -> None:
        super().__init__(id="vertex")
        self._say = say

    def compose(self) -> ComposeResult:
        """Builds the list between what is above and below it."""
        yield VertexPlace()
        yield PropertyList()
        yield PropertyAuthor()

    def show(self, vertex: VertexFacts) -> None:
        """Shows another vertex, or the same one as it is now."""
        words = placing_words(vertex, self._say)
        self.query_one(VertexPlace).show(vertex.path or vertex.title, vertex.id, words)
        rows = [
            PropertyRow(value_line(key), value_kind(value), value_line(value), _author(vertex, key))
            for key, value in sorted(vertex.properties.items())
        ]
        self.query_one(PropertyList).show(rows)
        self.property_moved()

    @on(RowList.Highlighted, "#properties")
    def property_moved(self) -> None:
        """Tells who set the property under the cursor."""
        row = self.query_one(PropertyList).current
        said = f"{row.key} set by {row.author}" if row is not None and row.author else ""
        self.query_one(PropertyAuthor).show(said)


def placing_words(vertex: VertexFacts, say: Sentences) -> str:
    """When a vertex was made, as far as it says so, and who put it where it is."""
    made = "" if vertex.created_at is None else f"made {say.time_of_day(vertex.created_at)}"
    if vertex.placed is None:
        return made
    if not vertex.is_moved:
        return f"{made or 'made'} by {vertex.placed.words}"
    done = "deleted" if vertex.parent == TRASH_ID else "moved"
    return "; ".join(filter(None, (made, f"{done} by {vertex.placed.words}")))


def _author(vertex: VertexFacts, key: str) -> str:
    author = vertex.authors.get(key)
    return author.words if author is not None else ""
