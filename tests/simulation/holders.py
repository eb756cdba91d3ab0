"""Who holds what for certain: folders, stores and servers, read from their disks alone.

Nothing here asks a running program: databases are opened on a copy of what their disk holds
durably, as after the worst power cut.
"""

from __future__ import annotations

import json
from contextlib import closing, contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from random import Random
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

import apsw

from tests.simulation.device import FOLDER, SPACE
from tests.simulation.inodes import Directory, File
from tests.simulation.reader import Line, normal_text, read_folder
from tests.simulation.server import DATA
from tests.simulation.vfs import SimVfs, leave_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.simulation.device import SimDevice
    from tests.simulation.disk import DiskView, MachineDisk
    from tests.simulation.server import SimServer

STORE_NAME = "space.sqlite"
SERVER_STORE = DATA / "spaces" / SPACE[:2] / SPACE / "space-v1" / "ops.sqlite"

SERVER_OPS = (
    "SELECT trees.name, counter, peers.name, target, parent, key, value"
    " FROM (SELECT * FROM ops UNION ALL SELECT * FROM alternates)"
    " JOIN trees ON trees.id = tree JOIN peers ON peers.id = peer"
)
STORE_OPS = (
    "SELECT tree.name, op.counter, peer.name, target, parent, key, value FROM op"
    " JOIN tree ON tree.id = tree JOIN peer ON peer.id = peer"
)


def lines_of_device(device: SimDevice) -> set[Line]:
    """Returns what a device's store and folder hold."""
    held = set(_lines(device.disk, device.home / STORE_NAME, STORE_OPS))
    return held | read_folder(device.disk.view(), FOLDER, durable=True).ops


def stored_lines_of(device: SimDevice) -> set[Line]:
    """Returns what a device's store holds."""
    return set(_lines(device.disk, device.home / STORE_NAME, STORE_OPS))


def lines_held_by(device: SimDevice) -> dict[str, set[Line]]:
    """Returns what a device stored and nobody has agreed to, by the layer that brought it."""
    found: dict[str, set[Line]] = {}
    query = STORE_OPS.replace("SELECT", "SELECT hold.source,", 1)
    query += " JOIN held ON held.seq = op.seq JOIN hold ON hold.id = held.hold"
    for source, *row in _rows(device.disk, device.home / STORE_NAME, query):
        found.setdefault(source, set()).add(line_of(row))
    return found


def lines_of_server(server: SimServer) -> set[Line]:
    """Returns what a server holds."""
    return set(_lines(server.disk, SERVER_STORE, SERVER_OPS))


def secrets_of_device(device: SimDevice) -> set[str]:
    """Returns the names of the secrets in a device's store."""
    query = "SELECT name FROM secret WHERE value IS NOT NULL"
    return {str(name) for (name,) in _rows(device.disk, device.home / STORE_NAME, query)}


def line_of(row: Iterable[Any]) -> Line:
    """Makes a line of a row: tree, counter, peer, target, parent, key, value."""
    tree, counter, peer, target, parent, key, value = row
    if key is None:
        above = None if parent is None else _text(parent)
        return Line(_text(tree), counter, _text(peer), _text(target), None, above)
    text = None if value is None else _meaning(value)
    return Line(_text(tree), counter, _text(peer), _text(target), _text(key), text)


@lru_cache(maxsize=4096)
def _meaning(value: str | bytes) -> str | None:
    """Renders a value. Kept, since every store and server of a world holds the same ones."""
    return normal_text(json.loads(value))


def _text(cell: object) -> str:
    """Reads a cell: text that SQLite cannot hold stands there as bytes."""
    return cell.decode("utf-8", "surrogatepass") if isinstance(cell, bytes) else str(cell)


def _lines(disk: MachineDisk, path: Path, query: str) -> Iterator[Line]:
    return map(line_of, _rows(disk, path, query))


def _rows(disk: MachineDisk, path: Path, query: str) -> list[tuple[Any, ...]]:
    found = disk.view().find(path.parent, durable=True)
    if not isinstance(found, Directory) or path.name not in found.durable:
        return []
    rows: list[tuple[Any, ...]] = []
    # Real files, or each page of a log would be asked for in Python.
    with TemporaryDirectory() as directory:
        for name in (path.name, f"{path.name}-wal", f"{path.name}-journal"):
            file = found.durable.get(name)
            if isinstance(file, File):
                Path(directory, name).write_bytes(file.durable)
        connection = apsw.Connection(str(Path(directory, path.name)))
        # Of a damaged one, what comes before the damage is held.
        with closing(connection), suppress(apsw.CorruptError, apsw.NotADBError):
            connection.pragma("locking_mode", "exclusive")
            leave_log(connection)
            has_tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
            rows.extend(connection.execute(query) if has_tables else ())
    return rows


@contextmanager
def database(view: DiskView, path: Path) -> Iterator[apsw.Connection]:
    """Opens a database on a simulated disk."""
    vfs = SimVfs(view, Random(0), lambda: 0.0)
    connection = apsw.Connection(str(path), vfs=vfs.vfs_name)
    try:
        connection.pragma("locking_mode", "exclusive")
        connection.pragma("synchronous", 2)
        yield connection
    finally:
        connection.close()
        vfs.unregister()
