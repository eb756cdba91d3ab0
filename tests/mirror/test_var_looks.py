"""What is said of mutable files whose directory cannot be read for a moment."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING, cast

import pytest

from sila_daemon.ports.disk import SystemDisk
from sila_daemon.store.blobs import VAR, BlobName, Blobs
from tests.mirror.bench import Bench, current, until
from tests.mirror.test_folder_layer import var_path
from tests.mirror.test_mutable_files import OTHER, UUID

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sila_daemon.ports.disk import FileStat
    from tests.mirror.fake_server import FakeServer


class OnceRefusingDisk(SystemDisk):
    """The real disk, which cannot list the place of mutable files once, after some times."""

    left = -1

    def list_stats(self, path: Path) -> list[tuple[str, FileStat]]:
        if path.name == "uuid":
            self.left -= 1
            if self.left == 0:
                raise OSError(errno.EIO, "input/output error", str(path))
        return super().list_stats(path)


@pytest.fixture
async def bench(tmp_path: Path, server: FakeServer) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, server, OnceRefusingDisk())
    yield bench
    bench.close()


async def test_what_cannot_be_listed_for_a_moment_is_not_gone(bench: Bench) -> None:
    disk, root = cast("OnceRefusingDisk", bench.disk), bench.folder("f")
    for uuid in (UUID, OTHER):
        var_path(root, uuid).write_bytes(b"first")
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        assert a._layers is not None
        blobs: Blobs = a._layers.blobs
        told: list[BlobName] = []
        gone = blobs.gone

        async def noted_gone(names: list[BlobName]) -> None:
            told.extend(names)
            await gone(names)

        blobs.gone = noted_gone  # type: ignore[method-assign, assignment]
        # A look at all of them comes first, and a second one at what it found to be another.
        disk.left = 2
        var_path(root, UUID).write_bytes(b"the second one")
        bench.watcher.hint(var_path(root, UUID))
        await until(lambda: disk.left <= 0)
        await a.sync_now()
        await current(a)
        assert told == [], "nobody could see whether they are there"
        here = await blobs.var_here()
        assert here.keys() == {BlobName(VAR, UUID), BlobName(VAR, OTHER)}
        assert here[BlobName(VAR, UUID)].size == len(b"the second one")
