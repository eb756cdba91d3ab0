"""Which rows of a list are shown while it is filtered: those that fit, below their headings."""

from __future__ import annotations

from bisect import bisect_left
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable


class ShownRows:
    """The lines of a list; every row has one while there is nothing to look for."""

    def __init__(self) -> None:
        self.wish = ""
        """The words that a row must have, in any order."""
        self._shown: list[int] | None = None
        self._found: list[int] = []

    def look_through(
        self, count: int, words_of: Callable[[int], str], depth_of: Callable[[int], int]
    ) -> None:
        """Chooses among `count` rows; a row that fits brings the rows that it stands below."""
        words = self.wish.casefold().split()
        if not words:
            self._shown = None
            return
        shown: list[int] = []
        above: list[int] = []
        self._found = []
        for index in range(count):
            depth = depth_of(index)
            while above and depth_of(above[-1]) >= depth:
                above.pop()
            text = words_of(index).casefold()
            if all(word in text for word in words):
                self._found.append(index)
                last = shown[-1] if shown else -1
                shown += [row for row in above if row > last]
                shown.append(index)
            above.append(index)
        self._shown = shown

    @property
    def found(self) -> int:
        """How many rows have the words."""
        return len(self._found)

    def nearest_found(self, row: int) -> int:
        """The row itself while nothing is looked for; else the first that fits from there on."""
        if self._shown is None or not self._found:
            return row
        at = bisect_left(self._found, row)
        return self._found[at] if at < len(self._found) else self._found[0]

    @property
    def is_filtered(self) -> bool:
        """Whether some rows may be hidden."""
        return self._shown is not None

    def line_count(self, count: int) -> int:
        """How many of `count` rows have a line."""
        return count if self._shown is None else len(self._shown)

    def row_at(self, line: int) -> int:
        """The row that is drawn on a line."""
        return line if self._shown is None else self._shown[line]

    def line_of(self, row: int) -> int:
        """The line of a row, or of the next one that has a line."""
        return row if self._shown is None else bisect_left(self._shown, row)

    def has(self, row: int) -> bool:
        """Whether a row has a line."""
        if self._shown is None:
            return True
        line = bisect_left(self._shown, row)
        return line < len(self._shown) and self._shown[line] == row
