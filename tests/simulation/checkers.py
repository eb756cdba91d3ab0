"""The promises, each checked by something that shares nothing with the code that keeps it."""

from __future__ import annotations

import json
from collections.abc import Collection, Iterable
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import StorageError
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from tests.core.tree_specification import Picture, expected_picture, picture_of
from tests.simulation.chatting import references, require_whole_chats
from tests.simulation.device import FOLDER, SETTINGS, SPACE, SimDevice
from tests.simulation.editor import LIVE
from tests.simulation.files import require_whole
from tests.simulation.holders import SERVER_OPS, STORE_OPS, line_of
from tests.simulation.reader import SECRETS, Line, read_folder
from tests.simulation.record import Fact, OpKey, Record, ViolationError, fact_of
from tests.simulation.secrets import secrets_problem

if TYPE_CHECKING:
    import apsw

    from tests.simulation.app import SecondProgram
    from tests.simulation.carrier import Carrier
    from tests.simulation.server import SimServer


NOTICED_S = 1.2 * SETTINGS.scan_interval_s + 1.0
"""So long a change of the folder may stay unseen."""
SECRETS_FILE = FOLDER / SECRETS


class FolderGuard:
    """Stands at a daemon's disk: op files are only appended to, those of others not even that."""

    def __init__(self) -> None:
        self.foreign: set[Path] = set()
        self.made: set[Path] = set()
        """The op files that the daemon created."""
        self.violations: list[str] = []

    def check(self, what: str, path: Path) -> None:
        """Notes what must not be done. Notes instead of raising: code may catch anything."""
        # A sync makes durable what another wrote, and changes nothing.
        if what == "sync":
            return
        if self.foreign and path in self.foreign:
            self.violations.append(f"{what} on another program's file {path}")
        if not path.name.endswith(".jsonl"):
            return
        if what == "create":
            self.made.add(path)
        elif what in ("open_append", "write") and path not in self.made:
            self.violations.append(f"{what} on {path}, which it did not make")
        elif what in ("rename", "unlink", "truncate"):
            self.violations.append(f"{what} on the op file {path}")


def check_claim(device: SimDevice, record: Record, carrier: Carrier | None) -> None:
    """A mirror that says `current` has everything it promised in its folder, durably.

    What a carrier just did to the folder, or that it is away, may not have been noticed yet.
    """
    mirror = device.mirror
    if not device.has_folder or mirror is None or mirror.status()["state"] != "current":
        return
    ago = device.clock.monotonic() - NOTICED_S
    if max(record.shaken_at.get(device.name, -NOTICED_S), device.away_since) > ago:
        return
    if carrier is not None:
        since = max(ago, device.started_at + NOTICED_S)
        for (name, path), put_at in carrier.placeholders.items():
            # Nobody reads a copy of the secrets: who lost tells what it knew elsewhere.
            is_read = path.parent != SECRETS_FILE.parent or path == SECRETS_FILE
            if name == device.name and is_read and put_at < min(ago, since):
                raise ViolationError(f"{name} says current, and {path.name} was not brought yet")
        if carrier.touched_at.get(device.name, 0.0) > ago:
            return
    require_whole(device)
    promised = record.promised_by(device.name)
    reading = read_folder(device.disk.view(), FOLDER, durable=True, knows=device.view)
    held = {fact_of(line) for line in reading.ops}
    _require_all(promised, held, f"{device.name} says current, and its folder lacks")


async def check_end(
    devices: list[SimDevice],
    app: SecondProgram | None,
    carrier: Carrier | None,
    servers: list[SimServer],
    record: Record,
) -> dict[str, set[Line]]:
    """Everything is everywhere, and equal; returns what each folder and server holds."""
    held: dict[str, set[Line]] = {}
    for device in devices:
        if device.has_folder:
            reading = read_folder(device.disk.view(), FOLDER)
            held[f"the folder of {device.name}"] = reading.ops
            if unread := sorted(reading.copied - reading.ops, key=str):
                raise ViolationError(f"{device.name}: only conflict copies hold {unread[0]}")
    for server in servers:
        held[server.name] = await server.spawn(_server_ops(server))
    _require_unique_ids(set().union(*held.values()), record)
    first, at_server = servers[0].name, held[servers[0].name]
    for name, lines in held.items():
        _require_all(record.all_facts, {fact_of(line) for line in lines}, f"{name} lacks")
        _require_equal(lines, at_server, name, first)
    _require_no_deletions(at_server, record)
    require_whole_chats(at_server, record)
    pictures = expected_pictures(at_server)
    for device in devices:
        if device.guard.violations:
            raise ViolationError(device.guard.violations[0])
        await check_trees(device, pictures)
    if problem := await secrets_problem(devices, record):
        raise ViolationError(problem)
    _check_writers(devices, app)
    if app is not None:
        _check_foreign_files(app, carrier, devices[0])
    return held


def _require_all(promised: set[Fact], held: set[Fact], what: str) -> None:
    missing = sorted(promised - held, key=str)
    if missing:
        raise ViolationError(f"{what} {len(missing)} acknowledged changes, such as {missing[0]}")


def _require_equal(mine: set[Line], theirs: set[Line], here: str, there: str) -> None:
    if mine != theirs:
        only_here, only_there = sorted(mine - theirs, key=str), sorted(theirs - mine, key=str)
        raise ViolationError(f"only {here} has {only_here[:2]}, only {there} {only_there[:2]}")


def _require_unique_ids(lines: Iterable[Line], record: Record) -> None:
    found: dict[OpKey, Line] = {}
    for line in lines:
        key = line.tree, line.counter, line.peer
        other = found.setdefault(key, line)
        if other != line and key not in record.forged:
            raise ViolationError(f"one op id with two contents: {line} and {other}")
        if key in record.live and key not in record.forged:
            raise ViolationError(f"the id of live state was given out again: {line}")


def _require_no_deletions(lines: Collection[Line], record: Record) -> None:
    """Absence is never deletion: nothing is deleted but what somebody deleted, or forged so.

    Who undoes held changes says anew where things are, in the trash too.
    """
    deleting = [line for line in lines if line.key is None and line.value == "0"]
    meant = {(line.tree, line.target) for line in deleting if line[:3] in record.forged}
    meant |= record.deletions
    referring = references(lines)
    meant |= {(SPACE, target) for tree in record.put_away for target in referring.get(tree, ())}
    for line in deleting:
        if (line.tree, line.target) not in meant:
            raise ViolationError(f"nobody deleted what is deleted: {line}")


async def have_the_same(devices: Iterable[SimDevice]) -> bool:
    """Tells whether all stores hold the same ops: as many may be other ones by chance."""

    def work(connection: apsw.Connection) -> frozenset[tuple[Any, ...]]:
        return frozenset(connection.execute(STORE_OPS))

    mirrors = [device.mirror for device in devices if device.mirror is not None]
    try:
        layers = [await mirror._ready_layers() for mirror in mirrors]
        held = {await one.store.database.read(work) for one in layers}
    except StorageError:
        return False  # One is damaged, which was found by looking, and is made anew.
    # One value may be written in two ways; mostly it is not.
    return len(held) == 1 or len({frozenset(map(line_of, rows)) for rows in held}) == 1


async def _server_ops(server: SimServer) -> set[Line]:
    def work(connection: apsw.Connection) -> set[Line]:
        return {line_of(row) for row in connection.execute(SERVER_OPS)}

    async with server.world.spaces.use(SPACE) as space:
        return await space.store.database.read(work)


def expected_pictures(lines: set[Line]) -> dict[str, Picture]:
    """Works out every tree once: all devices must have the same."""
    ops: dict[str, list[Op]] = {}
    for line in sorted(_winners(lines), key=str):
        ops.setdefault(line.tree, []).append(_op(line))
    return {tree_id: expected_picture(tree_id, ops[tree_id]) for tree_id in sorted(ops)}


async def check_trees(device: SimDevice, expected: dict[str, Picture]) -> None:
    """A device shows what the executable specification makes of ops, and nothing else."""
    assert device.mirror is not None
    if sorted(await device.mirror.tree_ids()) != list(expected):
        raise ViolationError(f"{device.name} has other trees")
    for tree_id, wanted in expected.items():
        picture = picture_of(await device.mirror.tree(tree_id))
        # What is live is shown and nowhere kept; somebody may have forged an op of such a name.
        for properties in (*picture.properties.values(), *wanted.properties.values()):
            for key in [key for key in properties if key.startswith(LIVE)]:
                del properties[key]
        if picture != wanted:
            raise ViolationError(f"{device.name}: tree {tree_id} is not what its ops say")


def _winners(lines: Iterable[Line]) -> Iterable[Line]:
    """Leaves one content for each id: the one with the greater bytes."""
    found: dict[OpKey, Line] = {}
    for line in lines:
        key = line.tree, line.counter, line.peer
        found[key] = max(found.get(key, line), line, key=_content)
    return found.values()


def _content(line: Line) -> str:
    if line.key is None:
        return json.dumps(["m", line.target, line.value], separators=(",", ":"))
    head = json.dumps(["p", line.target, line.key], separators=(",", ":"))
    return head if line.value is None else f"{head[:-1]},{line.value}]"


def _op(line: Line) -> Op:
    if line.key is None:
        return MoveOp(line.counter, line.peer, line.target, line.value)
    value = None if line.value is None else line.value.encode()
    return PropertyOp(line.counter, line.peer, line.target, line.key, value)


def _check_writers(devices: list[SimDevice], app: SecondProgram | None) -> None:
    """No op file has two programs that write to it, wherever it was carried."""
    writers: dict[Path, str] = dict.fromkeys(app.files, "the other program") if app else {}
    for device in devices:
        for path in sorted(device.guard.made):
            other = writers.setdefault(path, device.name)
            if other != device.name:
                raise ViolationError(f"{device.name} and {other} both write {path}")


def _check_foreign_files(app: SecondProgram, carrier: Carrier | None, device: SimDevice) -> None:
    view = device.disk.view()
    for path, data in app.files.items():
        if carrier is not None and (device.name, path) in carrier.brought:
            continue
        if view.stat(path) is None or view.open_read(path).read_at(0, 1 << 30) != data:
            raise ViolationError(f"the other program's file {path} was changed")
