"""Lines that are drawn again only where they say something else.

What a line was drawn from is remembered, so that a cursor that moves costs two lines, and what was
read anew costs the lines that came out otherwise: a terminal is quick, making lines for it is not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from textual.geometry import Region
from textual.scroll_view import ScrollView
from textual.strip import Strip

if TYPE_CHECKING:
    from collections.abc import Iterable

    from rich.style import Style
    from rich.text import Text


@dataclass(frozen=True)
class Source:
    """What a line of the screen is drawn from."""

    content: Text | Strip
    is_cursor: bool = False
    has_keys: bool = False
    """Whether keys move that cursor."""


class LineView(ScrollView):
    """Subclasses say what a line is drawn from, and how."""

    def __init__(self, name: str) -> None:
        super().__init__(id=name)
        self._drawn: dict[int, Source] = {}
        self._ground: Style | None = None

    def source_of(self, y: int) -> Source:
        """What the line `y` of what is visible is drawn from."""
        return Source(Strip([]))

    def strip_of(self, source: Source, ground: Style) -> Strip:
        """A line in the widget's own colours, `ground`, and those of what it says."""
        return Strip([])

    def has_cursor(self, y: int) -> bool:
        """Whether the cursor stands on the line `y` of what is visible."""
        return False

    def draw_changes(self) -> None:
        """Draws the lines that would come out otherwise."""
        self._draw(y for y in self._lines if self._drawn.get(y) != self.source_of(y))

    def draw_cursor(self) -> None:
        """Draws the lines that have the cursor, and those that were drawn with it."""
        self._draw(
            y
            for y in self._lines
            if self.has_cursor(y) or ((drawn := self._drawn.get(y)) and drawn.is_cursor)
        )

    @property
    def _lines(self) -> range:
        return range(self.size.height)

    def _draw(self, lines: Iterable[int]) -> None:
        regions = [Region(0, y, self.size.width, 1) for y in lines]
        if regions:
            self.refresh(*regions)

    def render_lines(self, crop: Region) -> list[Strip]:
        """Draws several lines; the colours that they have in common are found once."""
        self._ground = self.rich_style
        try:
            return super().render_lines(crop)
        finally:
            self._ground = None

    def render_line(self, y: int) -> Strip:
        """Draws the line `y` of what is visible, and remembers from what."""
        source = self._drawn[y] = self.source_of(y)
        return self.strip_of(source, self._ground or self.rich_style)
