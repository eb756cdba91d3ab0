"""A second program in a folder, as the original app works: its own peer id and its own files.

It gathers edits and appends them every 500 ms with a fresh handle, sometimes in two pieces, and
reads all files whole. Some write a line's newline only with the next line; some rewrite their
property files, keeping the newest op of each property; some sync nothing, and so promise nothing
before a power cut that spares it. Secrets are loaded once and written back whole, over whatever
stands there.
"""

from __future__ import annotations

import asyncio
import json
from datetime import UTC, datetime
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.device import FOLDER, SPACE, SimDevice
from tests.simulation.file_contents import file_content, write_whole
from tests.simulation.files import sha256
from tests.simulation.process import Process, spawn_outside
from tests.simulation.reader import SECRETS, Line, read_folder, read_secrets, sealed_secrets
from tests.simulation.record import fact_of

if TYPE_CHECKING:
    from collections.abc import Collection

    from tests.simulation.disk import DiskView, Handle
    from tests.simulation.habits import AppHabits
    from tests.simulation.plan import Action
    from tests.simulation.record import Record
    from tests.simulation.trace import Trace

FLUSH_S = 0.5
NAME = "the other program"


class SecondProgram:
    """The app on one device's machine."""

    def __init__(
        self, device: SimDevice, habits: AppHabits, seed: str, trace: Trace, record: Record
    ) -> None:
        self._device = device
        self._habits = habits
        self._seed = seed
        self._trace = trace
        self._record = record
        self._starts = 0
        self._waiting: list[Line] = []
        self._counters: dict[str, int] = {}
        self._secrets: dict[str, str] = {}
        self._are_secrets_due = False
        self._random = Random()
        self._peer = ""
        self._open_ended: set[Path] = set()
        self._promised: dict[Path, list[Line]] = {}
        self._process: Process | None = None
        self._dying: list[asyncio.Task[None]] = []
        self._former: set[bytes] = set()
        """What the mutable file was made up to now."""
        self.promises_secrets = True
        self.files: dict[Path, bytes] = {}
        """Everything that it wrote and that must stay as it is."""

    def start(self) -> None:
        """Opens the space, under a peer id that was never used."""
        self._starts += 1
        self._random = Random(f"{self._seed}/app/{self._starts}")
        self._peer = self._random.randbytes(16).hex()
        self._waiting, self._counters = [], {}
        self._open_ended.clear()
        self._one_by_one = asyncio.Lock()
        """Held while it writes ops: what it rewrites is whole, and what it promises is there."""
        self._secrets = read_secrets(self._view(), FOLDER, SPACE) or {}
        self._are_secrets_due = bool(self._secrets)
        self._process = Process(f"app.{self._starts}")
        self._process.spawn(self._flush_often())

    def crash(self) -> None:
        """Ends it; what it had not appended was never promised."""
        if self._process is not None:
            self._dying.append(spawn_outside(self._process.kill()))
            self._process = None

    def found_after_power_cut(self, held: Collection[bytes]) -> None:
        """Takes the files as the machine has them now.

        `held` are the contents of mutable files that outlast it for certain.
        """
        for path in list(self.files):
            self._take_as_it_is(path)
        contents = self._record.mutable_files
        for uuid in [uuid for uuid, data in contents.items() if data not in held]:
            del contents[uuid]

    def found_restored(self) -> None:
        """Takes the files as they are; what was promised is known elsewhere, or to the record."""
        view = self._view()
        for path in list(self.files):
            del self.files[path]
            if view.stat(path) is not None:
                self.files[path] = view.open_read(path).read_at(0, 1 << 30)

    def _take_as_it_is(self, path: Path) -> None:
        """Promises no more than what still stands in a file; nothing was, that was not synced."""
        view = self._view()
        self.files.pop(path, None)
        if view.stat(path) is not None:
            self.files[path] = view.open_read(path).read_at(0, 1 << 30)
        held = read_folder(view, FOLDER).ops
        for op in self._promised.get(path, []):
            if op not in held:
                self._record.take_back(self._promiser, fact_of(op))

    @property
    def _promiser(self) -> str:
        """Who must have in its folder what this program wrote, when it says that all is well."""
        return self._device.name if self._habits.syncs else NAME

    async def buried(self) -> None:
        """Returns when nothing of it runs any more."""
        await asyncio.gather(*self._dying)

    def edit(self, action: Action) -> None:
        """Does what an action says, if the folder has something to do it to."""
        if self._process is None:
            return
        if action.kind == "app_secret":
            self._secrets["key-app"] = f"app {self._starts} {action.a}"
            self._are_secrets_due = True
            self._record.app_secrets.append(self._secrets["key-app"])
            return
        if action.kind == "app_compact":
            if self._habits.compacts:
                self._process.spawn(self._rewrite())
            return
        if action.kind in ("app_file", "app_var"):
            self._process.spawn(self._keep_file(action))
            return
        self._change(action)

    async def _keep_file(self, action: Action) -> None:
        """Writes a file of the space whole, and then refers to it."""
        data = file_content(action)
        is_var = action.kind == "app_var"
        uuid = Random(self._seed).randbytes(16).hex()
        name = uuid if is_var else sha256(data)
        if not is_var:
            self._record.offered_files.add(name)
        path = FOLDER / "space-v1/files" / ("var/uuid" if is_var else "static/sha256")
        if is_var:
            # Who was away may take a server with a former content for one that lags behind.
            while self._record.has_gone_back and data in self._former:
                data += b" again"
            self._former.add(data)
        known = self._record.mutable_files.pop(uuid, None) if is_var else None
        process = self._process
        await asyncio.sleep(0.02)
        if self._process is not process:
            return
        try:
            # An immutable file that is cut short stays a matter for a person: those are synced.
            syncs = self._habits.syncs or not is_var
            write_whole(self._view(), path / name[:2] / name[2:], data, syncs=syncs)
        except OSError as error:
            self._trace.note("app", f"cannot keep a file: {error.strerror}")
            if known is not None:
                self._record.mutable_files[uuid] = known
            return
        self._trace.note("app", f"keeps the file {name[:8]}, {len(data)} bytes")
        if is_var:
            self._record.mutable_files[uuid] = data
        else:
            self._record.files.add(name)
        self._change(action, "id" if is_var else "hash", name)

    def _change(self, action: Action, key: str | None = None, value: str = "") -> None:
        ops = read_folder(self._view(), FOLDER).ops
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
        if key is not None:
            made = [Line(tree, counter, self._peer, target, key, json.dumps(value))]
        else:
            made = self._made(action, tree, target, vertices, counter)
        if made:
            self._counters[tree] = made[-1].counter
            self._waiting += made

    def _made(
        self, action: Action, tree: str, target: str, vertices: list[str], counter: int
    ) -> list[Line]:
        if action.kind == "app_set":
            value = json.dumps(f"{self._peer[:6]} {counter}")
            return [Line(tree, counter, self._peer, target, "text", value)]
        if action.kind == "app_create":
            fresh = self._random.randbytes(16).hex()
            created = json.dumps(f"{self._now():%Y-%m-%dT%H:%M:%S}.000Z")
            return [
                Line(tree, counter, self._peer, fresh, None, target),
                Line(tree, counter + 1, self._peer, fresh, "_c", created),
            ]
        moved = vertices[int(action.a * 7919) % len(vertices)]
        if moved in (tree, SPACE) or moved == target:
            return []
        return [Line(tree, counter, self._peer, moved, None, target)]

    async def _flush_often(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            waiting, self._waiting = self._waiting, []
            groups: dict[Path, list[Line]] = {}
            for op in waiting:
                groups.setdefault(self._path(op), []).append(op)
            for path in sorted(self._open_ended - groups.keys()):
                if self._random.random() < 0.3:
                    groups[path] = []
            for path, ops in groups.items():
                try:
                    async with self._one_by_one:
                        await self._append(path, ops)
                except OSError as error:
                    self._trace.note("app", f"cannot append: {error.strerror}")
                    self._take_as_it_is(path)
                    return  # It shows an error, and a person starts it again some day.
            if self._are_secrets_due:
                self._are_secrets_due = False
                await self._write_secrets()

    async def _append(self, path: Path, ops: list[Line]) -> None:
        view = self._view()
        for directory in reversed(path.parents):
            if view.stat(directory) is None:
                view.make_dir(directory)
                if self._habits.syncs:
                    view.sync_dir(directory.parent)
        data = b"".join(_line(op) for op in ops)
        if path in self._open_ended:
            data = b"\n" + data
            self._open_ended.discard(path)
        if self._habits.ends_lines_late and ops and self._random.random() < 0.5:
            data = data[:-1]
            self._open_ended.add(path)
        self._device.guard.foreign.add(path)
        if view.stat(path) is None:
            view.create(path)
        if not data.startswith(b"\n") and not _ends_whole(view, path):
            ops = ops[1:]  # Its line is written onto a torn one, and nobody reads it.
        process = self._process
        cut = int(self._random.random() * len(data)) if self._random.random() < 0.3 else 0
        for piece in (data[:cut], data[cut:]):
            if piece:
                self._write(path, piece)
                await asyncio.sleep(0.05 if piece is not data else 0)
            if self._process is not process:
                return  # It died meanwhile.
        self._trace.note("app", f"appends {len(ops)} ops")
        for op in ops:
            self._promised.setdefault(path, []).append(op)
            self._record.add(self._promiser, fact_of(op))

    def _write(self, path: Path, piece: bytes) -> None:
        view = self._view()
        with view.open_append(path) as file:
            file.write(piece)
            self.files[path] = self.files.get(path, b"") + piece
            self._sync(file)
        if self._habits.syncs:
            view.sync_dir(path.parent)

    async def _rewrite(self) -> None:
        async with self._one_by_one:
            self._compact()

    def _compact(self) -> None:
        """Rewrites a property file: only the newest op of each property stays, by counter."""
        mine = [path for path in sorted(self.files) if path.name == f"{self._peer}-p.jsonl"]
        view = self._view()
        for path in mine:
            if path in self._open_ended or view.stat(path) is None:
                continue
            kept: dict[tuple[str, str], list[object]] = {}
            for line in view.open_read(path).read_at(0, 1 << 30).splitlines():
                columns = json.loads(line)
                kept[columns[1], columns[2]] = columns
            data = b"".join(
                json.dumps(columns).encode() + b"\n" for columns in sorted(kept.values(), key=str)
            )
            self._trace.fault("app", "app rewrites a file")
            self._record.shaken_at[NAME] = asyncio.get_running_loop().time()
            try:
                with view.open_append(path) as file:
                    file.file.truncate(0)
                    file.write(data)
                    self._sync(file)
            except OSError as error:
                self._trace.note("app", f"cannot rewrite: {error.strerror}")
            self._take_as_it_is(path)

    async def _write_secrets(self) -> None:
        """Merges what it knows into what stands there, and writes all of it in place."""
        found = read_secrets(self._view(), FOLDER, SPACE)
        if found is None:
            return  # Not to be understood: left alone.
        await asyncio.sleep(0.02)
        data = sealed_secrets({**found, **self._secrets}, SPACE, self._random.randbytes(12))
        view, path = self._view(), FOLDER / SECRETS
        cut = int(self._random.random() * len(data)) if self._random.random() < 0.5 else 0
        try:
            with view.create(path) if view.stat(path) is None else view.open_append(path) as file:
                file.file.truncate(0)
                if cut:
                    file.write(data[:cut])
                    await asyncio.sleep(0.05)
                file.write(data[cut:])
                self._sync(file)
            if self._habits.syncs:
                view.sync_dir(path.parent)
        except OSError as error:
            self._trace.note("app", f"cannot write the secrets: {error.strerror}")
            return
        self._trace.note("app", "writes the secrets")
        if self._habits.syncs and self.promises_secrets and "key-app" in self._secrets:
            self._record.secrets["key-app"] = self._secrets["key-app"]

    def _sync(self, file: Handle) -> None:
        if self._habits.syncs:
            file.sync()

    def _view(self) -> DiskView:
        return self._device.disk.view(may_crash=False)

    def _now(self) -> datetime:
        return datetime.fromtimestamp(self._device.clock.time(), UTC)

    def _path(self, op: Line) -> Path:
        day = f"{self._now():%Y/%m/%d}"
        kind = "m" if op.key is None else "p"
        ops = FOLDER / "space-v1" / "ops"
        return ops / op.tree[:2] / op.tree[2:] / day / f"{self._peer}-{kind}.jsonl"


def _ends_whole(view: DiskView, path: Path) -> bool:
    content = view.open_read(path).read_at(0, 1 << 30)
    return not content or content.endswith(b"\n")


def _line(op: Line) -> bytes:
    if op.key is None:
        return json.dumps([op.counter, op.target, op.value]).encode() + b"\n"
    return (
        json.dumps([op.counter, op.target, op.key, json.loads(op.value or "{}")]).encode() + b"\n"
    )
