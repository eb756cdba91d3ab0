"""What a list of lines consists of, before there is a cursor: rows, and which of them are shown."""

from __future__ import annotations

from typing import cast

from rich.text import Text

from sila_tui.shown_rows import ShownRows
from sila_tui.theme import Palette, palette
from sila_tui.widgets.line_view import LineView
from sila_tui.words import UNICODE, Symbols

WORDS_WIDTH = 240
"""Cells that a row is drawn into when a filter looks for words."""


class Rows(LineView):
    """Rows that a filter may hide. Subclasses say how many there are and draw one."""

    empty_text = ""
    """Said in place of rows when there are none."""
    can_filter = True
    """Whether `/` looks for rows here."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.shown_rows = ShownRows()

    def row_count(self) -> int:
        """How many rows there are, hidden ones included."""
        return 0

    def row(self, index: int, width: int, look: Palette) -> Text:
        """The text of one row for a line of `width` cells."""
        return Text()

    def can_choose(self, index: int) -> bool:
        """Whether the cursor may stand on the row; headings and gaps are passed over."""
        return True

    def words_of(self, index: int) -> str:
        """The text of a row that a filter looks into."""
        return self.row(index, WORDS_WIDTH, self.look).plain

    def depth_of(self, index: int) -> int:
        """How deep a row stands; a filter keeps what a row that fits stands below."""
        return 0

    @property
    def symbols(self) -> Symbols:
        """The signs that this terminal has."""
        return cast("Symbols", getattr(self.app, "symbols", UNICODE))

    @property
    def look(self) -> Palette:
        """The styles of the current theme."""
        return palette(self.app.theme)
