"""Pages of a list that may change between two questions: they follow an id, not a number."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import NamedTuple, TypeVar

from sila_daemon.core.errors import NotFoundError

T = TypeVar("T")

PAGE_MAX = 500


class Page(NamedTuple):
    """Some of a list: from `start` up to `end`, and the id to ask after for the next ones."""

    start: int
    end: int
    next: str | None


def page_after(
    things: Sequence[T], id_of: Callable[[T], str], after: str | None, limit: int | None
) -> Page:
    """Cuts the page that follows the id `after`, of at most `limit` and PAGE_MAX things.

    Without a limit it has everything that follows.

    Raises NotFoundError when that thing is no longer in the list.
    """
    start = 0
    if after is not None:
        place = next((at for at, thing in enumerate(things) if id_of(thing) == after), None)
        if place is None:
            raise NotFoundError(
                "what the page should follow is no longer here",
                code="page_moved",
                hint="ask for the first page again",
            )
        start = place + 1
    size = len(things) if limit is None else max(1, min(limit, PAGE_MAX))
    end = min(len(things), start + size)
    return Page(start, end, id_of(things[end - 1]) if end < len(things) else None)
