"""A second program in a folder, as the original app works: its own peer id and its own files.

It gathers edits and appends them every 500 ms with a fresh handle, sometimes in two pieces, and
reads all files whole. It syncs what it appends; that the original does not is not simulated.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.device import FOLDER, SPACE, SimDevice
from tests.simulation.process import Process, spawn_outside
from tests.simulation.reader import Line, read_folder

if TYPE_CHECKING:
    from tests.simulation.disk import DiskView
    from tests.simulation.plan import Action
    from tests.simulation.record import Record
    from tests.simulation.trace import Trace

FLUSH_S = 0.5


class SecondProgram:
    """The app on one device's machine."""

    def __init__(self, device: SimDevice, seed: str, trace: Trace, record: Record) -> None:
        self._device = device
        self._seed = seed
        self._trace = trace
        self._record = record
        self._starts = 0
        self._waiting: list[Line] = []
        self._counters: dict[str, int] = {}
        self._random = Random()
        self._peer = ""
        self._process: Process | None = None
        self._dying: list[asyncio.Task[None]] = []
        self.files: dict[Path, bytes] = {}
        """Everything that it wrote and that must stay as it is."""

    def start(self) -> None:
        """Opens the space, under a peer id that was never used."""
        self._starts += 1
        self._random = Random(f"{self._seed}/app/{self._starts}")
        self._peer = self._random.randbytes(16).hex()
        self._waiting, self._counters = [], {}
        self._process = Process(f"app.{self._starts}")
        self._process.spawn(self._flush_often())

    def crash(self) -> None:
        """Ends it; what it had not appended was never promised."""
        if self._process is not None:
            self._dying.append(spawn_outside(self._process.kill()))
            self._process = None

    def found_after_power_cut(self) -> None:
        """Takes the files as the machine has them now."""
        for path in list(self.files):
            self._take_as_it_is(path)

    def _take_as_it_is(self, path: Path) -> None:
        view = self._device.disk.view()
        self.files.pop(path, None)
        if view.stat(path) is not None:
            self.files[path] = view.open_read(path).read_at(0, 1 << 30)

    async def buried(self) -> None:
        """Returns when nothing of it runs any more."""
        await asyncio.gather(*self._dying)

    def edit(self, action: Action) -> None:
        """Does what an action says, if the folder has something to do it to."""
        if self._process is None:
            return
        ops = read_folder(self._device.disk.view(), FOLDER).ops
        trees = sorted({op.tree for op in ops})
        if not trees:
            return
        tree = trees[int(action.a * len(trees))]
        here = [op for op in ops if op.tree == tree]
        vertices = sorted({op.target for op in here if op.key is None and op.target != "0"})
        if not vertices:
            return
        target = vertices[int(action.b * len(vertices))]
        counter = max(self._counters.get(tree, 0), *(op.counter for op in here)) + 1
        value = json.dumps(f"{self._peer[:6]} {counter}")
        if action.kind == "app_set":
            made = [Line(tree, counter, self._peer, target, "text", value)]
        elif action.kind == "app_create":
            fresh = self._random.randbytes(16).hex()
            created = json.dumps(f"{self._now():%Y-%m-%dT%H:%M:%S}.000Z")
            made = [
                Line(tree, counter, self._peer, fresh, None, target),
                Line(tree, counter + 1, self._peer, fresh, "_c", created),
            ]
        else:
            moved = vertices[int(action.a * 7919) % len(vertices)]
            if moved in (tree, SPACE) or moved == target:
                return
            made = [Line(tree, counter, self._peer, moved, None, target)]
        self._counters[tree] = made[-1].counter
        self._waiting += made

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            waiting, self._waiting = self._waiting, []
            groups: dict[Path, list[Line]] = {}
            for op in waiting:
                groups.setdefault(self._path(op), []).append(op)
            for path, ops in groups.items():
                try:
                    await self._append(path, ops)
                except OSError as error:
                    self._trace.note("app", f"cannot append: {error.strerror}")
                    self._take_as_it_is(path)
                    return  # It shows an error, and a person starts it again some day.

    async def _append(self, path: Path, ops: list[Line]) -> None:
        view = self._view()
        for directory in reversed(path.parents):
            if view.stat(directory) is None:
                view.make_dir(directory)
                view.sync_dir(directory.parent)
        data = b"".join(_line(op) for op in ops)
        self._device.guard.foreign.add(path)
        if view.stat(path) is None:
            view.create(path)
        cut = int(self._random.random() * len(data)) if self._random.random() < 0.3 else 0
        for piece in (data[:cut], data[cut:]):
            if piece:
                self._write(path, piece)
                await asyncio.sleep(0.05 if piece is not data else 0)
        self._trace.note("app", f"appends {len(ops)} ops")
        for op in ops:
            self._record.add(self._device.name, (op.tree, op.target, op.key, op.value))

    def _write(self, path: Path, piece: bytes) -> None:
        """Appends and syncs; looks the file up anew, as the mirror's death copies the disk."""
        view = self._view()
        with view.open_append(path) as file:
            file.write(piece)
            self.files[path] = self.files.get(path, b"") + piece
            file.sync()
        view.sync_dir(path.parent)

    def _view(self) -> DiskView:
        return self._device.disk.view(may_crash=False)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._device.clock.time(), UTC)

    def _path(self, op: Line) -> Path:
        day = f"{self._now():%Y/%m/%d}"
        kind = "m" if op.key is None else "p"
        ops = FOLDER / "space-v1" / "ops"
        return ops / op.tree[:2] / op.tree[2:] / day / f"{self._peer}-{kind}.jsonl"


def _line(op: Line) -> bytes:
    if op.key is None:
        return json.dumps([op.counter, op.target, op.value]).encode() + b"\n"
    return (
        json.dumps([op.counter, op.target, op.key, json.loads(op.value or "{}")]).encode() + b"\n"
    )
