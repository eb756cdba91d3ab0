"""The visible rows of a lazy tree: what is open has its children below it, the rest is not here.

Opening and closing move slices of one list, so their cost is that of the rows they show or hide.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Sequence

    from sila_tui.contents import VertexFacts


PAGES_MAX = 200
"""Pages of children that are asked for to find one of them."""


@dataclass
class TreeRow:
    """A vertex, or the place where more children can be asked for when `after` is set."""

    vertex: VertexFacts
    depth: int
    is_open: bool = False
    after: str | None = None

    @property
    def is_more(self) -> bool:
        """Whether this row stands for children that have not been asked for."""
        return self.after is not None


@dataclass
class TreeRows:
    """The rows in the order of the screen."""

    rows: list[TreeRow] = field(default_factory=list)

    def start(self, roots: Sequence[VertexFacts]) -> None:
        """Begins with nothing open."""
        self.rows = [TreeRow(root, 0) for root in roots]

    def index_of(self, vertex_id: str) -> int | None:
        """The row of a vertex, if it is visible."""
        found = (
            index
            for index, row in enumerate(self.rows)
            if row.vertex.id == vertex_id and not row.is_more
        )
        return next(found, None)

    def index_like(self, other: TreeRow) -> int | None:
        """The row that stands for the same vertex, or for more children of it."""
        alike = (other.vertex.id, other.is_more)
        rows = enumerate(self.rows)
        return next((at for at, row in rows if (row.vertex.id, row.is_more) == alike), None)

    def open(self, index: int, children: Sequence[VertexFacts], after: str | None) -> None:
        """Puts children below a row; `after` says that there are more."""
        row = self.rows[index]
        if row.is_open:
            self.close(index)
        row.is_open = True
        self.rows[index + 1 : index + 1] = self._made(row, children, after)

    def extend(self, index: int, children: Sequence[VertexFacts], after: str | None) -> None:
        """Replaces a row that stands for more by the children that came."""
        parent = next(
            row for row in reversed(self.rows[:index]) if row.depth < self.rows[index].depth
        )
        self.rows[index : index + 1] = self._made(parent, children, after)

    def close(self, index: int) -> None:
        """Takes everything below a row away."""
        row = self.rows[index]
        row.is_open = False
        end = index + 1
        while end < len(self.rows) and self.rows[end].depth > row.depth:
            end += 1
        del self.rows[index + 1 : end]

    async def open_down(
        self, steps: Sequence[str], opened: Callable[[TreeRow], Awaitable[None]]
    ) -> int | None:
        """Has rows opened along a way from a root down, more of long ones too, as far as needed.

        Returns the row of the last step; None when the way ends before.
        """
        at, patience = None, PAGES_MAX
        for number, step in enumerate(steps, 1):
            at = self.index_of(step)
            while at is None and patience:
                more = next((row for row in reversed(self.rows) if row.is_more), None)
                if more is None:
                    break
                patience -= 1
                await opened(more)
                at = self.index_of(step)
            if at is None:
                return None
            if number < len(steps) and not self.rows[at].is_open:
                await opened(self.rows[at])
        return at

    def parent_of(self, index: int) -> int | None:
        """The row of the parent; None for a root."""
        depth = self.rows[index].depth
        above = range(index - 1, -1, -1)
        return next((at for at in above if self.rows[at].depth < depth), None)

    @property
    def opened(self) -> dict[str, int]:
        """How many children are listed of each vertex that is open, parents before children."""
        counts: dict[str, int] = {}
        above: list[str] = []
        for row in self.rows:
            del above[row.depth :]
            if above and not row.is_more:
                counts[above[-1]] += 1
            above.append(row.vertex.id)
            if row.is_open:
                counts[row.vertex.id] = 0
        return counts

    @staticmethod
    def _made(parent: TreeRow, children: Sequence[VertexFacts], after: str | None) -> list[TreeRow]:
        depth = parent.depth + 1
        made = [TreeRow(child, depth) for child in children]
        if after is not None:
            made.append(TreeRow(parent.vertex, depth, after=after))
        return made
