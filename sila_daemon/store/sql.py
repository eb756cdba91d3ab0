"""Short ways to ask SQLite, with columns typed as what they are: anything."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Sequence

    import apsw


def rows(connection: apsw.Connection, query: str, bindings: Sequence[Any] = ()) -> list[Any]:
    """Returns all rows as tuples."""
    return connection.execute(query, tuple(bindings)).fetchall()


def first(connection: apsw.Connection, query: str, bindings: Sequence[Any] = ()) -> Any:
    """Returns the first row's first column; None when there is no row."""
    row = connection.execute(query, tuple(bindings)).fetchone()
    return None if row is None else row[0]


def beginning(letters: str) -> tuple[str, str]:
    """Returns the first and the last text that begins so, for names of plain ASCII."""
    return letters, letters + "\x7f"
