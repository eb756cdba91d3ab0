"""What the methods `held.*` answer."""

from __future__ import annotations

from sila_daemon.control.results import Result


class HeldEntry(Result):
    """Changes of one source that wait for a yes or no; `refusedAt` is null before a no."""

    space: str
    name: str | None
    number: int
    source: str
    vertices: int
    of_vertices: int
    ops: int
    deletions: int
    moves: int
    properties: int
    trees: int
    at: int
    refused_at: int | None


class HeldList(Result):
    """All that the guard holds."""

    held: list[HeldEntry]


class HeldDone(Result):
    """How many holds were decided about, and how many ops that concerned or took."""

    holds: int
    ops: int
