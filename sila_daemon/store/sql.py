"""Short ways to ask SQLite, with columns typed as what they are: anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

    import apsw


def rows(connection: apsw.Connection, query: str, bindings: Sequence[Any] = ()) -> list[Any]:
    """Returns all rows as tuples."""
    return connection.execute(query, tuple(bindings)).fetchall()


def first(connection: apsw.Connection, query: str, bindings: Sequence[Any] = ()) -> Any:
    """Returns the first row's first column; None when there is no row."""
    row = connection.execute(query, tuple(bindings)).fetchone()
    return None if row is None else row[0]


def beginnings(numbers: Iterable[str]) -> list[tuple[str, str]]:
    """Returns the ranges of names in hexadecimal that begin with numbers of one length.

    Numbers that follow each other have one range, so that all of them are one query.
    """
    ranges: list[tuple[str, str]] = []
    before = -1
    for number in sorted(numbers):
        follows = bool(ranges) and int(number, 16) == before + 1
        first = ranges.pop()[0] if follows else number
        ranges.append((first, number + "\x7f"))
        before = int(number, 16)
    return ranges
