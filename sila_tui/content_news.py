"""Counts what may have changed in the spaces and their trees, for who shows some of it."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_tui.facts import Activity

ELSEWHERE = frozenset({"state", "transfers", "held"})
"""Kinds of events that tell of no change in a tree: one that comes with them has its own."""


class ContentNews:
    """Gives numbers that grow with what may have changed; they say nothing else."""

    def __init__(self) -> None:
        self._spaces: Counter[str] = Counter()
        self._everywhere: Counter[str] = Counter()
        """By space, what may have changed any of its trees."""
        self._trees: Counter[tuple[str, str]] = Counter()

    def note(self, event: Activity) -> None:
        """Takes what an event tells."""
        space = event.space_id
        if not space:
            return
        self._spaces[space] += 1
        if event.trees:
            self._trees.update((space, tree) for tree in event.trees)
        elif event.kind not in ELSEWHERE:
            self._everywhere[space] += 1

    def note_all(self, space: str) -> None:
        """Takes that anything in a space may have changed."""
        self._spaces[space] += 1
        self._everywhere[space] += 1

    def space(self, space: str) -> int:
        """How often something in a space may have changed."""
        return self._spaces[space]

    def asked(self, space: str, tree: str) -> AskedTree:
        """Notes that a tree is asked for now."""
        return AskedTree(self, space, tree, self.tree(space, tree))

    def tree(self, space: str, tree: str) -> int:
        """How often a tree may have changed."""
        return self._everywhere[space] + self._trees[space, tree]


@dataclass(frozen=True)
class AskedTree:
    """A tree as it was when it was asked for."""

    news: ContentNews
    space: str
    tree: str
    changes: int

    @property
    def is_outdated(self) -> bool:
        """Whether it may have changed since."""
        return self.news.tree(self.space, self.tree) != self.changes
