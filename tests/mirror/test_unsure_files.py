"""A file whose sync failed does not count as here after a restart either, until it is written."""

from __future__ import annotations

import errno
import hashlib
from typing import TYPE_CHECKING

import pytest

from sila_daemon.ports.disk import ReadableFile, SystemDisk, WritableFile
from tests.mirror.bench import Bench, current, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from tests.mirror.fake_server import FakeServer

CONTENT = b"brought by another program"
NAME = hashlib.sha256(CONTENT).hexdigest()


class FailingDisk(SystemDisk):
    """The real disk, which fails once to sync that file, and takes no others while it `refuses`."""

    refuses = True
    failed = 0

    def open_read(self, path: Path) -> ReadableFile:  # type: ignore[override]
        opened = super().open_read(path)
        if path.name == NAME[2:] and not self.failed:
            opened.sync = self._fail  # type: ignore[method-assign]
        return opened

    def create(self, path: Path) -> WritableFile:  # type: ignore[override]
        if self.refuses and path.parent.name == "files":
            raise OSError(errno.EIO, "input/output error", str(path))
        return super().create(path)

    def _fail(self) -> None:
        self.failed += 1
        raise OSError(errno.EIO, "input/output error")


@pytest.fixture
async def bench(tmp_path: Path, server: FakeServer) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, server, FailingDisk())
    yield bench
    bench.close()


async def test_it_is_written_anew_by_the_next_process(bench: Bench) -> None:
    disk = bench.disk
    assert isinstance(disk, FailingDisk)
    root = bench.folder("f")
    path = root / "space-v1/files/static/sha256" / NAME[:2] / NAME[2:]
    path.parent.mkdir(parents=True)
    path.write_bytes(CONTENT)
    brought = path.stat().st_ino
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: a.status()["state"] == "needs_you")
        assert f"{NAME[2:]} cannot be read" in a.status()["reason"]
        assert a.status()["files"] == 0
    assert (disk.failed, path.stat().st_ino) == (1, brought)
    disk.refuses = False  # And a sync would succeed now, for nothing.
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        await until(lambda: a.status()["files"] == 1)
    written = path.stat().st_ino
    assert written != brought
    assert path.read_bytes() == CONTENT
    async with bench.mirror("a", folder=root) as a:
        await current(a)
    assert path.stat().st_ino == written, "once"
