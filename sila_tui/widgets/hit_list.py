"""The hits of a search below the headings of their kinds."""

from __future__ import annotations

from dataclasses import replace
from typing import TYPE_CHECKING

from sila_tui.search import SearchHit
from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.widgets.row_list import RowList

if TYPE_CHECKING:
    from rich.text import Text

    from sila_tui.search import Search
    from sila_tui.session import Session
    from sila_tui.theme import Palette

PLACE_SHARE = 3
"""The place of a hit gets at most one part in so many of a line."""


class HitList(RowList):
    """One line for each hit: its words in their context, and where they stand."""

    can_filter = False

    def __init__(self, session: Session, search: Search) -> None:
        super().__init__("hits")
        self._session = session
        self._search = search
        self._rows: list[str | SearchHit] = []

    @property
    def look(self) -> Palette:
        """The cursor looks as if the list had the keys: arrows move it all the time."""
        look = super().look
        return replace(look, chosen_elsewhere=look.chosen)

    @property
    def hit(self) -> SearchHit | None:
        """The hit under the cursor."""
        row = self._rows[self.cursor] if self.cursor < len(self._rows) else None
        return row if isinstance(row, SearchHit) else None

    def pull(self, *, is_new: bool) -> None:
        """Takes what was found; a new query begins at the top."""
        before = self.hit
        self._rows = self._search.listed()
        if is_new or before not in self._rows:
            self.cursor = 0
        elif before is not None:
            self.cursor = self._rows.index(before)
        self.rows_changed()

    def row_count(self) -> int:
        """Headings and hits."""
        return len(self._rows)

    def can_choose(self, index: int) -> bool:
        """Headings are passed over."""
        return isinstance(self._rows[index], SearchHit)

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws a heading or a hit."""
        row = self._rows[index]
        if isinstance(row, str):
            return line((row, look.dim))
        text = line(
            "  ", (row.before, look.text), (row.match, look.strong + look.accent),
            (row.after, look.text),
        )  # fmt: skip
        place = row.place_in(self._session.title_of(row.space_id))
        shown = fitted(line((place, look.dim)), min(len(place), width // PLACE_SHARE))
        return sides(text, shown, width)
