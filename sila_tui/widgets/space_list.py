"""The spaces on the home screen: a sign, a name, a place, and the state in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.text import Text

from sila_tui.facts import SpaceFacts, place_name
from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.widgets.row_list import RowList
from sila_tui.words import short_path, sparkline

if TYPE_CHECKING:
    from sila_tui.session import Session
    from sila_tui.theme import Palette

WIDE = 64
"""From this width on a row has room for the place and the graph beside the words."""


class SpaceList(RowList):
    """One line for each space, in the daemon's order."""

    def __init__(self, session: Session, home: str) -> None:
        super().__init__(id="spaces")
        self._session = session
        self._home = home

    @property
    def space(self) -> SpaceFacts | None:
        """The space under the cursor."""
        spaces = self._session.spaces
        return spaces[self.cursor] if self.cursor < len(spaces) else None

    def place(self, space: SpaceFacts) -> str:
        """Where the space lives, for people."""
        if space.path:
            return short_path(space.path, self._home)
        return place_name(space.remotes[0].url) if space.remotes else "this machine only"

    def row_count(self) -> int:
        """As many as there are spaces."""
        return len(self._session.spaces)

    def row(self, index: int, width: int, look: Palette) -> Text:
        """Draws one space."""
        space, symbols = self._session.spaces[index], self._session.symbols
        state = look.of_state(space.state)
        sign = symbols.of_state(space.state)
        name_width = min(24, max(12, width // 4))
        name = line((sign, state), " ", fitted(line((space.title, look.strong)), name_width))
        loud = state if space.state in ("needs_you", "broken") else look.dim
        said = line((self._session.say.of_space(space), loud))
        if width < WIDE:
            return Text.assemble(name, "  ", fitted(said, width - name.cell_len - 2))
        counts = self._session.graph(space.id)
        graph = sparkline(counts, symbols)
        place_width = max(12, width // 4)
        place = fitted(line((self.place(space), look.dim)), place_width)
        left = Text.assemble(name, "  ", place, "  ", said)
        bars = line((graph, look.accent if any(counts) else look.faint))
        return sides(left, bars, width)
