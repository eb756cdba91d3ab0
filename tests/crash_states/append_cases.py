"""Appending to op files: new ones, one with a torn tail, those of others, a new day, many trees."""

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
from tests.crash_states.case import Case, Program, require
from tests.simulation.reader import Line, normal_text, read_folder

if TYPE_CHECKING:
    from tests.crash_states.machine import Machine
    from tests.simulation.disk import DiskView

ROOT = Path("/space")
OPS = ROOT / "space-v1" / "ops"
SPACE = "5f" * 16
TREE = "6e" * 16
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
        self,
        name: str,
        batches: tuple[Batch, ...],
        *,
        torn: bytes = b"",
        days: bool = False,
        is_coarse: bool = True,
    ) -> None:
        self.name = name
        self.batches = batches
        self.days = days
        """Whether each batch is written on another day."""
        # The states of files that wait side by side multiply: few cases tear lines at each byte.
        self.is_coarse = is_coarse
        self._torn = torn
        self.promises = {name: (SPACE, ops) for name, _, ops in batches}
        """What is acknowledged together, by its name: ops, and their tree."""
        self.everything = frozenset(self.promises)

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

    async def start(self, machine: Machine) -> Program:
        """Starts a daemon, which knows the ops and looks which of them the folder has."""
        return AppendingProgram(self, machine)

    async def verify(self, view: DiskView, acknowledged: frozenset[str]) -> None:
        """Every acknowledged op stands in a file; nothing stands there that nobody wrote."""
        reading = read_folder(view, ROOT)
        promised = {
            name: {_line(tree_id, op) for op in ops}
            for name, (tree_id, ops) in self.promises.items()
        }
        for name in sorted(acknowledged):
            lost = sorted(promised[name] - reading.ops, key=str)
            require(not lost, f"lost of {name}: {lost}")
        written = {line for line in reading.ops if line.peer != APP}
        unknown = written.difference(*promised.values())
        require(not unknown, f"nobody wrote {sorted(unknown, key=str)}")
        for name, (tree_id, ops) in self.promises.items():
            roots = {_line(tree_id, op) for op in ops if _makes_root(op)}
            is_whole = not (promised[name] - roots) - reading.ops
            require(is_whole or not roots & reading.ops, f"a root before the rest of {name}")
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
        ops = [op for _, ops in self.promises.values() for op in ops]
        texts = (known for op in ops for known in _texts(op))
        return line == self._torn or any(known.startswith(text) for known in texts)


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


class TogetherCase(AppendCase):
    """Ops of several trees that are appended together, each tree acknowledged by itself."""

    def __init__(self, name: str, trees: dict[str, tuple[Op, ...]]) -> None:
        super().__init__(name, ())
        self.promises = {tree_id: (tree_id, ops) for tree_id, ops in trees.items()}
        self.everything = frozenset(trees)

    async def start(self, machine: Machine) -> Program:
        """Starts a daemon, which knows the ops and looks which of them the folder has."""
        return ProgramOfSeveralTrees(self, machine)


class ProgramOfSeveralTrees:
    """A daemon that appends as a folder's debts are paid."""

    def __init__(self, case: TogetherCase, machine: Machine) -> None:
        self._case = case
        self._machine = machine
        self._appender = OpAppender(
            SpaceLayout(ROOT), machine.view, machine.clock, machine.randomness
        )
        self._held = set() if machine.start == 1 else credited(machine)

    async def act(self) -> None:
        """Appends what no file holds, and acknowledges each tree that is durable whole."""
        lacking = {
            tree_id: [op for op in ops if op not in self._held]
            for tree_id, ops in self._case.promises.values()
        }
        batch = self._appender.batch((), lacking)
        await batch.run_on(self._machine.workers)
        for tree_id in batch.appended:
            self._held.update(lacking[tree_id])
            self._machine.acknowledge(tree_id)
        batch.raise_failure()

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


def _line(tree_id: str, op: Op) -> Line:
    if isinstance(op, MoveOp):
        return Line(tree_id, op.counter, op.peer, op.target, None, op.parent)
    text = None if op.value is None else normal_text(json.loads(op.value))
    return Line(tree_id, op.counter, op.peer, op.target, op.key, text)


def _makes_root(op: Op) -> bool:
    return isinstance(op, MoveOp) and op.parent is None


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
    AppendCase("append: own, new files", (("one", MINE, own_ops(10)),), is_coarse=False),
    AppendCase(
        "append: own, after a torn tail",
        (("one", MINE, own_ops(10)),),
        torn=b'[9,"to',
        is_coarse=False,
    ),
    AppendCase("append: others' ops and a root", (("one", NOBODY, foreign_ops(10)),)),
    AppendCase(
        "append: several files, twice",
        (("one", MINE, own_ops(10) + foreign_ops(10)[:2]), ("two", MINE, own_ops(20))),
    ),
    AppendCase(
        "append: a new day", (("one", MINE, own_ops(10)), ("two", MINE, own_ops(20))), days=True
    ),
    TogetherCase(
        "append: several trees together",
        {
            SPACE: foreign_ops(10),
            TREE: (
                MoveOp(20, AUTHORS[0], TREE, None),
                MoveOp(21, AUTHORS[0], "a", TREE),
                PropertyOp(22, AUTHORS[1], TREE, "k", b"1"),
            ),
        },
    ),
)

MANY_CALLS = (*APPEND_CASES[1:4], APPEND_CASES[5])
"""Those whose calls hold all calls of the others."""
