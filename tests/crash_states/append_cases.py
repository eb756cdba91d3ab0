"""Appending to op files: new ones, one with a torn tail, those of others, a new day."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.folder.layout import SpaceLayout, utc_day
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.folder.problems import storage_errors
from sila_daemon.folder.space_folder import SpaceFolder, create_space_folder
from sila_daemon.mirror import op_file_scan
from sila_daemon.ports.disk import EntryKind, make_dirs
from sila_daemon.store.schema import FOLDER
from tests.crash_states.case import Case, require
from tests.simulation.reader import Line, normal_text, read_folder

if TYPE_CHECKING:
    from tests.crash_states.machine import Machine
    from tests.simulation.disk import DiskView

ROOT = Path("/space")
OPS = ROOT / "space-v1" / "ops"
SPACE = "5f" * 16
ME = "cc" * 16
AUTHORS = ("aa" * 16, "bb" * 16)
APP = "dd" * 16
"""The peer of another program that writes in the same folder."""
APP_BYTES = b'[1,"0",null]\n[2,"%b",null]\n[4,"torn' % SPACE.encode()
DAY_S = 86_400.0

Batch = tuple[str, frozenset[str], tuple[Op, ...]]
"""What is acknowledged together: its name, which peers are ours, its ops."""


def own_ops(start: int, count: int = 1) -> tuple[Op, ...]:
    """Ops of our own: moves and properties, which go to two files."""
    moves = [MoveOp(start + n, ME, f"vertex {start + n}", SPACE) for n in range(count)]
    values = [PropertyOp(start + count + n, ME, "v", "name", b'"\xc3\xa9"') for n in range(count)]
    return (*moves, *values)


def foreign_ops(start: int) -> tuple[Op, ...]:
    """Ops of others, and a move that makes a root, which has a file of its own."""
    author, other = AUTHORS
    return (
        MoveOp(start, author, "a", SPACE),
        PropertyOp(start + 1, author, "a", "k", b"1"),
        MoveOp(start, other, SPACE, None),
        PropertyOp(start + 1, other, "b", "k", None),
    )


class AppendCase(Case):
    """Batches that are appended one after the other, each acknowledged by itself."""

    trusts_what_is_seen = True

    def __init__(
        self, name: str, batches: tuple[Batch, ...], *, torn: bytes = b"", days: bool = False
    ) -> None:
        self.name = name
        self.batches = batches
        self.days = days
        """Whether each batch is written on another day."""
        self._torn = torn
        self.everything = frozenset(batch[0] for batch in batches)
        self._lines = {line for batch in batches for op in batch[2] for line in _texts(op)}

    async def prepare(self, machine: Machine) -> None:
        """Makes the folder, with a file of another program, and maybe a torn one of ours."""
        folder = create_space_folder(ROOT, machine.view, machine.randomness, SPACE)
        day = folder.layout.day_dir(SPACE, utc_day(machine.clock.time()))
        names = {f"{APP}-m.jsonl": APP_BYTES}
        if self._torn:
            names[f"{ME}-m.jsonl"] = self._torn
        make_dirs(machine.view, day)
        for name, data in names.items():
            machine.view.create(day / name).write(data)

    async def start(self, machine: Machine) -> AppendingProgram:
        """Starts a daemon, which knows the ops and looks which of them the folder has."""
        return AppendingProgram(self, machine)

    async def verify(self, view: DiskView, acknowledged: frozenset[str]) -> None:
        """Every acknowledged op stands in a file; nothing stands there that nobody wrote."""
        reading = read_folder(view, ROOT)
        promised = {
            _line(op) for name, _, ops in self.batches if name in acknowledged for op in ops
        }
        require(promised <= reading.ops, f"lost: {sorted(promised - reading.ops, key=str)}")
        known = {_line(op) for _, _, ops in self.batches for op in ops}
        written = {line for line in reading.ops if line.peer != APP}
        require(written <= known, f"nobody wrote {sorted(written - known, key=str)}")
        files = dict(_contents(view))
        app = [data for path, data in files.items() if path.name.startswith(APP)]
        require(app == [APP_BYTES], "another program's file was changed")
        for name, number in reading.bad:
            lines = [
                data.split(b"\n")[number - 1]
                for path, data in files.items()
                if path.name == name and data.count(b"\n") >= number
            ]
            require(any(map(self._is_torn, lines)), f"lines that nobody wrote: {lines}")

    def _is_torn(self, line: bytes) -> bool:
        """Tells whether a closed line that is no op is the first part of one."""
        text = line.rstrip(b"\0")
        return line == self._torn or any(known.startswith(text) for known in self._lines)


class AppendingProgram:
    """A daemon that appends."""

    def __init__(self, case: AppendCase, machine: Machine) -> None:
        self._case = case
        self._machine = machine
        self._appender = OpAppender(
            SpaceLayout(ROOT), machine.view, machine.clock, machine.randomness
        )
        # Another process made the peers: their files are not ours any more.
        self._held = set() if machine.start == 1 else credited(machine)

    async def act(self) -> None:
        """Appends what no file holds."""
        machine = self._machine
        for number, (name, own, ops) in enumerate(self._case.batches):
            machine.clock.offset_s = DAY_S * number if self._case.days else 0.0
            lacking = [op for op in ops if op not in self._held]
            self._appender.append(SPACE, own if machine.start == 1 else (), lacking)
            self._held.update(ops)
            machine.acknowledge(name)

    async def close(self) -> None:
        """Holds nothing."""


def credited(machine: Machine) -> set[Op]:
    """Returns what a daemon takes a folder to hold when it starts."""
    folder = SpaceFolder.open(ROOT, machine.view)
    held: set[Op] = set()
    with storage_errors("read the ops"):
        for reading in op_file_scan.look(folder, folder.scan().files, {}).readings:
            for part in op_file_scan.read(folder, reading, FOLDER):
                if part.source is not None:
                    held.update(op for _, op in part.ops)
    return held


def _contents(view: DiskView, directory: Path = OPS) -> Iterator[tuple[Path, bytes]]:
    for entry in view.list_dir(directory):
        path = directory / entry.name
        if entry.kind is EntryKind.DIRECTORY:
            yield from _contents(view, path)
        else:
            yield path, view.open_read(path).read_at(0, 1 << 30)


def _line(op: Op) -> Line:
    if isinstance(op, MoveOp):
        return Line(SPACE, op.counter, op.peer, op.target, None, op.parent)
    text = None if op.value is None else normal_text(json.loads(op.value))
    return Line(SPACE, op.counter, op.peer, op.target, op.key, text)


def _texts(op: Op) -> list[bytes]:
    """Returns an op's line as the format page has it: in an author's own file, and in ours."""
    if isinstance(op, MoveOp):
        kind, columns = "m", [op.counter, op.target, op.parent]
    else:
        kind, columns = "p", [op.counter, op.target, op.key, json.loads(op.value or b"{}")]
    return [
        json.dumps(line, separators=(",", ":"), ensure_ascii=False).encode()
        for line in (columns, [kind, *columns])
    ]


MINE, NOBODY = frozenset({ME}), frozenset[str]()

APPEND_CASES = (
    AppendCase("append: own, new files", (("one", MINE, own_ops(10)),)),
    AppendCase("append: own, after a torn tail", (("one", MINE, own_ops(10)),), torn=b'[9,"to'),
    AppendCase("append: others' ops and a root", (("one", NOBODY, foreign_ops(10)),)),
    AppendCase(
        "append: several files, twice",
        (("one", MINE, own_ops(10) + foreign_ops(10)[:2]), ("two", MINE, own_ops(20))),
    ),
    AppendCase(
        "append: a new day", (("one", MINE, own_ops(10)), ("two", MINE, own_ops(20))), days=True
    ),
)

MANY_CALLS = APPEND_CASES[1:4]
"""Those whose calls hold all calls of the others."""
