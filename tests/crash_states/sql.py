"""Looks into a database of a found disk with SQL of its own."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING, Any

import apsw

from tests.crash_states.case import require
from tests.simulation.disk import DiskView, MachineDisk
from tests.simulation.vfs import SimVfs

if TYPE_CHECKING:
    from pathlib import Path

Rows = list[tuple[Any, ...]]


def tables(view: DiskView, path: Path, *queries: str) -> list[Rows] | None:
    """Returns the rows of each query; None where there is no database yet, or an empty one.

    The disk stays as it was: SQLite puts its log in order on a copy.
    """
    if view.find(path) is None:
        return None
    root = view.root.copy()
    vfs = SimVfs(DiskView(MachineDisk("copy", lambda: 0.0), root, None), Random(0), lambda: 0.0)
    connection = apsw.Connection(str(path), vfs=vfs.vfs_name)
    try:
        connection.pragma("locking_mode", "exclusive")
        require(connection.pragma("quick_check") == "ok", f"{path} is damaged")
        if not connection.pragma("user_version"):
            return None
        return [list(connection.execute(query)) for query in queries]
    finally:
        connection.close(True)
