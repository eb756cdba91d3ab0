"""A folder that cannot be reached or written: nothing is taken for deleted, all goes on later."""

from __future__ import annotations

import asyncio
import errno
import os
from typing import TYPE_CHECKING

import apsw
import pytest

from sila_daemon.mirror.record import ServerRecord
from sila_daemon.ports.disk import FileStat, SystemDisk
from tests.mirror.bench import Bench, current, until
from tests.mirror.test_folder_layer import TREE, op_file, write_lines
from tests.mirror.test_static_files import DATA, put, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sila_daemon.mirror.space_mirror import SpaceMirror
    from sila_daemon.ports.descriptors import Descriptor, ReadDescriptor
    from tests.mirror.fake_server import FakeServer


class RefusingDisk(SystemDisk):
    """The real disk, which refuses everything below some place, or only what is written there."""

    def __init__(self) -> None:
        self.place: Path | None = None
        self.error = 0
        self.only_writes = False

    def _ask(self, path: Path, *, writes: bool = False) -> None:
        if self.place is None or not (writes or not self.only_writes):
            return
        if path.is_relative_to(self.place):
            raise OSError(self.error, os.strerror(self.error), str(path))

    def stat(self, path: Path) -> FileStat | None:
        self._ask(path)
        return super().stat(path)

    def list_stats(self, path: Path) -> list[tuple[str, FileStat]]:
        self._ask(path)
        return super().list_stats(path)

    def open_read(self, path: Path) -> ReadDescriptor:
        self._ask(path)
        return super().open_read(path)

    def open_append(self, path: Path) -> Descriptor:
        self._ask(path, writes=True)
        return super().open_append(path)

    def create(self, path: Path) -> Descriptor:
        self._ask(path, writes=True)
        return super().create(path)


async def note(mirror: SpaceMirror, text: str) -> None:
    await mirror.edit(TREE, lambda tree: tree.set("0", "note", text))


@pytest.fixture
async def disk() -> RefusingDisk:
    return RefusingDisk()


@pytest.fixture
async def bench(tmp_path: Path, server: FakeServer, disk: RefusingDisk) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, server, disk)
    yield bench
    bench.close()


@pytest.mark.parametrize(
    "error", [errno.EACCES, errno.EPERM, errno.EIO, errno.ESTALE, errno.ENOTCONN]
)
async def test_a_root_that_is_refused_is_no_deletion(
    bench: Bench, server: FakeServer, disk: RefusingDisk, error: int
) -> None:
    root = bench.folder("f")
    write_lines(op_file(root, "peer"), [1, "0", None], [2, "v", None])
    put(root, DATA)
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url),)) as a:
        await current(a)
        before = (a.status()["ops"], a.status()["files"], len(server.history))
        disk.error, disk.place = error, root
        bench.watcher.hint()
        await until(lambda: told(a)[0] not in ("current", "syncing"))
        assert os.strerror(error) in told(a)[1]
        assert (a.status()["ops"], a.status()["files"], len(server.history)) == before
        await note(a, "edited meanwhile")
        await until(lambda: len(server.history) > before[2], "servers are not held up")
        disk.place = None
        await current(a)
    written = [path for path in root.rglob("*.jsonl") if "edited meanwhile" in path.read_text()]
    assert len(written) == 1, "it went on by itself"


@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EDQUOT, errno.EROFS])
async def test_a_folder_that_takes_nothing_says_why_and_goes_on_by_itself(
    bench: Bench, disk: RefusingDisk, error: int
) -> None:
    root = bench.folder("f")
    write_lines(op_file(root, "peer"), [1, "0", None])
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        disk.error, disk.place, disk.only_writes = error, root, True
        await note(a, "safe in the store")
        await until(lambda: told(a)[0] == "broken")
        assert os.strerror(error) in told(a)[1]
        assert a.status()["folder"]["pendingOps"] > 0
        write_lines(op_file(root, "other"), [1, "w", None])
        disk.place = None
        await current(a)
        assert a.status()["folder"]["pendingOps"] == 0
    lines = [path.read_text() for path in root.rglob("*.jsonl")]
    assert sum("safe in the store" in text for text in lines) == 1
    assert all(text.endswith("\n") for text in lines)


async def test_an_edit_waits_for_a_store_that_somebody_else_locks(bench: Bench) -> None:
    root = bench.folder("f")
    write_lines(op_file(root, "peer"), [1, "0", None])
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        other = apsw.Connection(str(bench.tmp_path / "home-a" / "space.sqlite"))
        other.execute("BEGIN IMMEDIATE")
        edit = asyncio.ensure_future(note(a, "after the lock"))
        done, _ = await asyncio.wait([edit], timeout=0.3)
        assert not done
        other.execute("ROLLBACK")
        other.close()
        await edit
        await current(a)
