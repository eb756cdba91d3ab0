"""The answers of a search."""

from __future__ import annotations

from typing import Any

from sila_daemon.control.results import Result


class SearchHit(Result):
    """One property that has all words of a search."""

    tree: str
    tree_name: str | None
    vertex: str
    kind: str
    """`name`, `file`, `message` or `property`."""
    key: str
    path: str
    """Where the vertex stands in its tree."""
    excerpt: str
    """One line of the text."""
    match: tuple[int, int]
    """Where the first word stands in the excerpt: its first character, and how many."""
    refers: str | None
    """The tree that the vertex refers to, as a thread refers to its chat."""
    created: Any


class SearchHits(Result):
    """A page of what was found in a space, the newest first."""

    hits: list[SearchHit]
    next: int | None
    """What to ask `before` for the next page; None at the end."""
    searched: int
    """So many ops were searched."""
    ops: int
    """Of so many; while they differ, asking again finds more."""
