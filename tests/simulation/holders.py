"""Who holds what for certain: folders, stores and servers, read from their disks alone.

Nothing here asks a running program: databases are opened on a copy of what their disk holds
durably, as after the worst power cut.
"""

from __future__ import annotations

import json
from contextlib import contextmanager, suppress
from functools import lru_cache
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, NamedTuple

import apsw

from tests.simulation.device import FOLDER, SPACE
from tests.simulation.disk import MachineDisk
from tests.simulation.inodes import Directory, File
from tests.simulation.reader import Line, normal_text, read_folder
from tests.simulation.server import DATA
from tests.simulation.vfs import SimVfs, leave_log

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator

    from tests.simulation.device import SimDevice
    from tests.simulation.disk import DiskView
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


class DeviceHolds(NamedTuple):
    """What a device has."""

    lines: set[Line]
    """In its store and its folder."""
    secrets: dict[str, str]
    """Those in its store, by name."""


def held_by_device(device: SimDevice) -> DeviceHolds:
    """Returns what a device's store and folder hold."""
    secrets = "SELECT name, value FROM secret WHERE value IS NOT NULL"
    ops, pairs = _rows(device.disk, device.home / STORE_NAME, STORE_OPS, secrets)
    in_folder = read_folder(device.disk.view(), FOLDER, durable=True).ops
    return DeviceHolds(
        in_folder.union(map(line_of, ops)), {str(name): str(value) for name, value in pairs}
    )


def stored_lines_of(device: SimDevice) -> set[Line]:
    """Returns what a device's store holds."""
    return _lines(device.disk, device.home / STORE_NAME, STORE_OPS)


def lines_held_by(device: SimDevice) -> dict[str, set[Line]]:
    """Returns what a device stored and nobody has agreed to, by the layer that brought it."""
    found: dict[str, set[Line]] = {}
    query = STORE_OPS.replace("SELECT", "SELECT hold.source,", 1)
    query += " JOIN held ON held.seq = op.seq JOIN hold ON hold.id = held.hold"
    (rows,) = _rows(device.disk, device.home / STORE_NAME, query)
    for source, *row in rows:
        found.setdefault(source, set()).add(line_of(row))
    return found


def lines_of_server(server: SimServer) -> set[Line]:
    """Returns what a server holds."""
    return _lines(server.disk, SERVER_STORE, SERVER_OPS)


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


def _lines(disk: MachineDisk, path: Path, query: str) -> set[Line]:
    (rows,) = _rows(disk, path, query)
    return set(map(line_of, rows))


def _rows(disk: MachineDisk, path: Path, *queries: str) -> list[list[tuple[Any, ...]]]:
    """Returns what each query finds in a database as its disk holds it."""
    rows: list[list[tuple[Any, ...]]] = [[] for _ in queries]
    found = disk.view().find(path.parent, durable=True)
    if not isinstance(found, Directory) or path.name not in found.durable:
        return rows
    names = (path.name, f"{path.name}-wal", f"{path.name}-journal")
    files = {name: file for name in names if isinstance(file := found.durable.get(name), File)}
    left = {name: File(file.number, file.durable) for name, file in files.items()}
    copy = MachineDisk("a copy", lambda: 0.0)
    copy.root = Directory(1, dict(left), dict(left))
    place = Path("/", path.name)
    # Of a damaged one, what comes before the damage is held.
    with suppress(apsw.CorruptError, apsw.NotADBError), database(copy.view(), place) as connection:
        leave_log(connection)
        has_tables = connection.execute("SELECT count(*) FROM sqlite_schema").get
        for query, answer in zip(queries, rows, strict=True):
            answer.extend(connection.execute(query) if has_tables else ())
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
