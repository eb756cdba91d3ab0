"""The spaces on the home screen: a sign, a name, a place, and the state in words."""

from __future__ import annotations

from typing import TYPE_CHECKING

from rich.cells import cell_len
from rich.text import Text

from sila_tui.facts import SpaceFacts, place_name
from sila_tui.widgets.lines import fitted, line, sides
from sila_tui.widgets.row_list import RowList
from sila_tui.words import short_path, sparkline

if TYPE_CHECKING:
    from sila_tui.session import Session
    from sila_tui.theme import Palette

WIDE = 84
"""From this width on a row has room for the place beside the words."""


class SpaceList(RowList):
    """One line for each space, in the daemon's order."""

    def __init__(self, session: Session, home: str) -> None:
        super().__init__("spaces")
        self._session = session
        self._home = home
        self._has_begun = False

    @property
    def space(self) -> SpaceFacts | None:
        """The space under the cursor."""
        at = self.row_at_cursor
        return None if at is None else self._session.spaces[at]

    def begin_at(self, space_id: str) -> None:
        """Puts the cursor on a space the first time that there are any, where it is listed."""
        ids = [space.id for space in self._session.spaces]
        if ids and not self._has_begun:
            self._has_begun = True
            self.cursor = ids.index(space_id) if space_id in ids else 0

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
        spaces, symbols = self._session.spaces, self._session.symbols
        space = spaces[index]
        state = look.of_state(space.state)
        longest = max(cell_len(other.title) for other in spaces)
        name = fitted(line((space.title, look.strong)), min(24, longest, max(12, width // 3)))
        loud = state if space.state in ("needs_you", "broken") else look.dim
        # The only server stands beside the list, and what waits is of more interest here.
        words = self._session.say.of_space(space, names_server=len(space.remotes) > 1)
        said = line((words, loud))
        parts = [line((symbols.of_state(space.state), state)), Text(" "), name, Text("  ")]
        if width >= WIDE:
            place = fitted(line((self.place(space), look.dim)), min(28, width // 4))
            parts += [place, Text("  ")]
        return sides(Text.assemble(*parts, said), self._graph(space, look), width)

    def _graph(self, space: SpaceFacts, look: Palette) -> Text:
        counts = self._session.graph(space.id)
        bars = sparkline(counts, self._session.symbols)
        return line(*[
            (bar, look.accent if count else look.faint)
            for bar, count in zip(bars, counts, strict=True)
        ])  # fmt: skip
