"""What a folder's status claims while it cannot know better, and after a failure."""

from __future__ import annotations

import asyncio
import errno
import json
from dataclasses import replace
from typing import TYPE_CHECKING, Any, Self, cast

import pytest

from sila_daemon.core.errors import StorageError
from sila_daemon.core.ops import PropertyOp
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.store.positions import TAIL_BYTES
from tests.folder.spaces import ops_on_disk
from tests.mirror.bench import SETTINGS, SPACE, Bench, current, until
from tests.mirror.test_folder_layer import (
    TREE,
    made_and_taken_away,
    op_file,
    problem_codes,
    rename,
    write_lines,
)

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from sila_daemon.core.ops import Op
    from sila_daemon.folder.problems import Problem
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from sila_daemon.ports.disk import FileStat, ReadableFile
    from sila_daemon.store.outbox import Debt, OwedOp
    from tests.mirror.fake_server import FakeServer


class SecretsRefusingDisk(SystemDisk):
    """The real disk, which says nothing of the secrets file."""

    refuses = False

    def stat(self, path: Path) -> FileStat | None:
        if self.refuses and path.name == "secrets":
            raise OSError(errno.EIO, "input/output error", str(path))
        return super().stat(path)


class LookCountingDisk(SystemDisk):
    """The real disk; counts how often op files are read from their beginning, tails apart."""

    looks = 0

    def open_read(self, path: Path) -> ReadableFile:  # type: ignore[override]
        file = super().open_read(path)
        if path.suffix != ".jsonl":
            return file
        read_at = file.read_at

        def counted(offset: int, size: int) -> bytes:
            self.looks += offset == 0 and size > TAIL_BYTES
            return read_at(offset, size)

        return cast("ReadableFile", CountedFile(file, counted))


class CountedFile:
    """An open file whose reads are counted."""

    def __init__(self, file: ReadableFile, read_at: Callable[[int, int], bytes]) -> None:
        self._file = file
        self.read_at = read_at

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


@pytest.fixture
async def bench(tmp_path: Path, server: FakeServer) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, server, SecretsRefusingDisk())
    yield bench
    bench.close()


def layers_of(mirror: SpaceMirror) -> Any:
    return mirror._layers


def told(op: Op) -> tuple[str, str, bytes | None]:
    """What a property op says, whoever made it."""
    assert isinstance(op, PropertyOp)
    return op.target, op.key, op.value


async def test_what_was_owed_before_a_start_is_told_until_it_is_written(bench: Bench) -> None:
    root, hidden = await made_and_taken_away(bench)
    before = ops_on_disk(hidden, SPACE)
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: a.status()["state"] == "needs_you")
        await rename(a, "While it was away")
    hidden.rename(root)
    is_asked, goes_on = asyncio.Event(), asyncio.Event()
    async with bench.mirror("a", folder=root) as a:
        store = layers_of(a).store
        owed = store.owed

        async def held_owed(layer: str, after: int, *limits: int) -> list[OwedOp]:
            is_asked.set()
            await goes_on.wait()
            return cast("list[OwedOp]", await owed(layer, after, *limits))

        store.owed = held_owed
        await is_asked.wait()
        assert a.status()["folder"]["pendingOps"] == 1
        assert a.status()["state"] == "syncing", "nothing was written yet"
        goes_on.set()
        await current(a)
        assert a.status()["folder"]["pendingOps"] == 0
    [name] = ops_on_disk(root, SPACE) - before
    assert told(name) == (SPACE, "name", b'"While it was away"')


async def test_a_count_that_failed_is_made_again(bench: Bench) -> None:
    root = bench.folder("f")
    async with bench.mirror("a", folder=root) as a:
        await a.create_space("Ours")
        await current(a)
        before = ops_on_disk(root, SPACE)
        store = layers_of(a).store
        debt = store.debt

        async def failing(layer: str) -> Debt:
            store.debt = debt
            raise StorageError("the disk refuses")

        store.debt = failing
        await rename(a, "Renamed")
        await until(lambda: store.debt is debt, "the store was asked")
        await current(a)
        assert a.status()["folder"]["pendingOps"] == 0
    [name] = ops_on_disk(root, SPACE) - before
    assert told(name) == (SPACE, "name", b'"Renamed"')


async def test_lines_that_could_not_be_counted_are_counted_later(bench: Bench) -> None:
    bench.settings = replace(SETTINGS, scan_interval_s=0.05)
    root = bench.folder("f")
    path = op_file(root, "peer")
    write_lines(path, [1, "v", None])
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        positions = layers_of(a).folder._stored_positions
        problems = positions.problems

        async def failing() -> list[Problem]:
            positions.problems = problems
            raise StorageError("the disk refuses")

        positions.problems = failing
        with path.open("a") as file:
            file.write("no op\n")
        await until(lambda: positions.problems is problems, "the store was asked")
        await until(lambda: a.status()["state"] == "needs_you", "the bad line is told")
        assert a.status()["reason"] == "1 thing in the folder cannot be read"
    assert problem_codes(bench, "a") == ["bad_json"]


async def test_a_bad_line_that_an_event_told_of_is_told_at_once(bench: Bench) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer")
    write_lines(path, [1, "v", None])
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        scanned_at = a.status()["folder"]["lastScan"]
        with path.open("a") as file:
            file.write('[2, "w\n')
        bench.watcher.hint(path)
        await until(lambda: a.status()["state"] == "needs_you", "the bad line is told")
        assert a.status()["reason"] == "1 thing in the folder cannot be read"
        write_lines(path, [2, "w", "v"])
        bench.watcher.hint(path)
        await current(a)
        assert a.status()["folder"]["lastScan"] == scanned_at, "neither waited for a scan"
    assert problem_codes(bench, "a") == ["torn_line"]


async def test_a_file_with_bad_lines_is_not_read_whole_at_each_append(
    tmp_path: Path, server: FakeServer
) -> None:
    disk = LookCountingDisk()
    bench = Bench(tmp_path, server, disk)
    root = bench.folder("f")
    path = op_file(root, "peer")
    path.write_text('[1, "v", null]\n[2, "w\n')
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: a.status()["state"] == "needs_you", "the bad line is told")
        scanned_at, looks, ops = a.status()["folder"]["lastScan"], disk.looks, a.status()["ops"]
        assert looks == 2, "to read it, and for what mends the line"
        for count in range(1, 11):
            with path.open("a") as file:
                file.write(f'[{10 + count}, "v{count}", "v"]\n[{10 + count}, "x{count}\n')
            bench.watcher.hint(path)
            told = f"{1 + count} things in the folder cannot be read"
            await until(lambda told=told: a.status()["reason"] == told, told)  # type: ignore[misc]
        assert a.status()["ops"] == ops + 10
        with path.open("a") as file:
            file.write('[2, "w", "v"]\n')
            file.writelines(f'[{10 + count}, "x{count}", "v"]\n' for count in range(1, 11))
        bench.watcher.hint(path)
        await current(a)
        assert disk.looks == looks, "each look went on where the last one ended"
        assert a.status()["folder"]["lastScan"] == scanned_at, "no scan helped"
    assert problem_codes(bench, "a") == ["torn_line"] * 11
    bench.close()


@pytest.mark.parametrize("is_other_file", [False, True])
async def test_a_file_that_was_written_anew_is_looked_through_anew(
    bench: Bench, is_other_file: bool
) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer")
    path.write_text('[1, "v", null]\n[2, "w\n')
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: a.status()["state"] == "needs_you", "the bad line is told")
        if is_other_file:
            path.rename(path.with_suffix(".old"))
        path.write_text('[1, "v", null]\n[3, "x\n[3, "x", "v"]\n')
        await a.sync_now()
        await current(a)
    assert problem_codes(bench, "a") == ["torn_line"]


async def test_what_stood_in_the_place_of_a_file_says_nothing_of_its_lines(bench: Bench) -> None:
    bench.settings = replace(SETTINGS, scan_interval_s=0.05, loss_grace_s=60)
    root = bench.folder("f")
    path = op_file(root, "peer")
    path.write_text('[1, "v", null]\n[2, "w\n')
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: a.status()["state"] == "needs_you", "the bad line is told")
        layer = layers_of(a).folder
        path.rename(path.with_suffix(".old"))
        path.write_text('[9, "other", null]\n' * 20)
        await until(lambda: layer.lost_file_count == 1, "it lacks what was read")
        scanned_at = layer.last_scan_at
        await until(lambda: layer.last_scan_at > scanned_at, "its lines were looked at")
        path.with_suffix(".old").replace(path)
        write_lines(path, [2, "w", "v"], *([3, f"x{count}", "v"] for count in range(30)))
        await current(a)
    assert problem_codes(bench, "a") == ["torn_line"]


async def test_ops_are_read_where_the_secrets_cannot_be_looked_at(bench: Bench) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer")
    write_lines(path, [1, "v", None])
    disk = cast("SecretsRefusingDisk", bench.disk)
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        disk.refuses = True
        with path.open("a") as file:
            file.write(json.dumps([2, "w", "v"]) + "\n")
        bench.watcher.hint()
        await until(lambda: a.status()["ops"] == 2, "the ops are read")
        await until(lambda: a.status()["state"] == "broken", "the secrets are told")
        tree = await a.tree(TREE)
        assert (tree.vertex("v") is not None, tree.vertex("w") is not None) == (True, True)
        disk.refuses = False
        await current(a)
