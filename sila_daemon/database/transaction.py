"""One transaction of SQLite, of which all is kept or nothing."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    import apsw

T = TypeVar("T")


def in_transaction(connection: apsw.Connection, work: Callable[[apsw.Connection], T]) -> T:
    """Runs `work` in a transaction; returns once it is durable. Raises what went wrong, undone."""
    # IMMEDIATE: a deferred transaction that turns to writing fails at once when another process
    # wrote meanwhile, whatever the busy timeout.
    connection.execute("BEGIN IMMEDIATE")
    try:
        result = work(connection)
        connection.execute("COMMIT")
    except BaseException:
        # After some errors of the disk SQLite has undone it by itself, and refuses to do so again.
        if connection.in_transaction:
            connection.execute("ROLLBACK")
        raise
    return result
