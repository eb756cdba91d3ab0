"""Immutable files count as here only when they are what their names say."""

from __future__ import annotations

import hashlib
import os
import threading
from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import CorruptBlobError
from sila_daemon.core.files_view import BlobKind, BlobReference
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.ports.disk import FileStat, ReadableFile, SystemDisk
from tests.mirror.bench import SETTINGS, Bench, current, until

if TYPE_CHECKING:
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from sila_daemon.ports.descriptors import ReadDescriptor
    from tests.mirror.fake_server import FakeServer

DATA = b"what the file holds" * 1000
NAME = hashlib.sha256(DATA).hexdigest()
FILES = Path("space-v1/files/static/sha256")
REFERENCE = BlobReference(BlobKind.STATIC, NAME)


class FileCountingDisk(SystemDisk):
    """The real disk; notes which immutable files are opened."""

    def __init__(self) -> None:
        self.opened: list[str] = []

    def open_read(self, path: Path) -> ReadableFile:  # type: ignore[override]
        if "sha256" in path.parts:
            self.opened.append(path.name)
        return super().open_read(path)


class HeldDisk(SystemDisk):
    """The real disk; a look at the directories of files stands still where it is held."""

    def __init__(self) -> None:
        self.is_held = False
        self.stands, self.may_go = threading.Event(), threading.Event()

    def list_stats(self, path: Path) -> list[tuple[str, FileStat]]:
        found = super().list_stats(path)
        if self.is_held and path.name == "sha256":
            self.is_held = False
            self.stands.set()
            self.may_go.wait(10)
        return found


@pytest.fixture
async def bench(tmp_path: Path, server: FakeServer) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, server, FileCountingDisk())
    yield bench
    bench.close()


def put(root: Path, data: bytes, name: str = NAME) -> Path:
    """Writes into a file as a carrier does that knows nothing of names."""
    path = root / FILES / name[:2] / name[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(data)
    return path


def told(mirror: SpaceMirror) -> tuple[str, str]:
    status = mirror.status()
    return status["state"], status["reason"]


async def test_a_file_that_is_cut_short_is_not_here_until_it_is_whole(
    bench: Bench, server: FakeServer
) -> None:
    bench.settings = replace(SETTINGS, loss_grace_s=3600)
    root = bench.folder("f")
    path = put(root, DATA[:100])
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url),)) as a:
        await until(lambda: told(a) == ("syncing", "1 file is being looked at"))
        assert not await a.file_fetches.is_here(REFERENCE)
        assert a.status()["files"] == 0
        with pytest.raises(CorruptBlobError, match="not whole here"):
            [_ async for _ in a.read_blob(REFERENCE)]
        assert not [asked for asked in server.requests if asked.startswith("PUT /files")]

        with path.open("ab") as file:
            file.write(DATA[100:])
        bench.watcher.hint(path)

        await current(a)
        assert await a.file_fetches.is_here(REFERENCE)
        assert b"".join([part async for part in a.read_blob(REFERENCE)]) == DATA
        await until(lambda: server.static == {NAME: DATA})


async def test_a_damaged_file_is_fetched_anew(bench: Bench, server: FakeServer) -> None:
    server.static[NAME] = DATA
    root = bench.folder("f")
    path = put(root, b"?" + DATA[1:])
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url),)) as a:
        await until(lambda: path.read_bytes() == DATA)
        await current(a)
        await until(lambda: a.status()["files"] == 1)
        assert told(a) == ("current", "")
        assert b"".join([part async for part in a.read_blob(REFERENCE)]) == DATA


async def test_a_file_that_nobody_has_whole_is_told_with_its_place(bench: Bench) -> None:
    root = bench.folder("f")
    path = put(root, b"?" + DATA[1:])
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: told(a)[0] == "needs_you")
        assert told(a)[1].startswith(f"1 file is damaged, such as {FILES}/{NAME[:2]}/{NAME[2:]}: ")
        assert path.read_bytes() == b"?" + DATA[1:], "it is left as it is"
        path.write_bytes(DATA)
        bench.watcher.hint(path)
        await current(a)
        path.write_bytes(DATA[:5])
        bench.watcher.hint(path)
        await until(lambda: told(a)[0] == "needs_you")
        path.unlink()
        await a.sync_now()
        assert told(a) == ("current", "")


async def test_a_file_is_read_once_for_each_state_of_it(bench: Bench) -> None:
    assert isinstance(bench.disk, FileCountingDisk)
    root = bench.folder("f")
    path = put(root, DATA)
    many = [str(n).encode() for n in range(250)]
    for data in many:
        put(root, data, hashlib.sha256(data).hexdigest())
    wrong = put(root, b"wrong", "ab" * 32)
    opened = bench.disk.opened
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: told(a)[0] == "needs_you")
        await a.sync_now()
        assert a.status()["files"] == 251
        opened.clear()
        await a.sync_now()
        assert not opened
    async with bench.mirror("a", folder=root) as a:
        await a.sync_now()
        assert not opened, "not after a restart either"
        assert told(a)[0] == "needs_you", "what was found is not forgotten"
        os.utime(path, ns=(1, 1))
        await a.sync_now()
        assert set(opened) == {path.name}
        wrong.unlink()
        await a.sync_now()
        assert told(a) == ("current", "")


async def test_a_file_that_turns_bad_is_not_here_any_more(bench: Bench, server: FakeServer) -> None:
    root = bench.folder("f")
    path = put(root, DATA)
    async with bench.mirror("a", folder=root) as a:
        await a.sync_now()
        assert await a.file_fetches.is_here(REFERENCE)
        path.write_bytes(DATA[:-1] + b"?")
        await a.sync_now()
        assert not await a.file_fetches.is_here(REFERENCE)
        assert a.status()["files"] == 0


async def test_what_the_disk_does_not_give_is_told_and_tried_again(bench: Bench) -> None:
    root = bench.folder("f")
    path = put(root, DATA)
    refused = [True]
    inner = bench.disk.open_read

    def open_read(opened: Path) -> ReadableFile:
        if opened == path and refused[0]:
            raise PermissionError(13, "Permission denied", str(opened))
        return inner(opened)

    bench.disk.open_read = open_read  # type: ignore[assignment, method-assign]
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: told(a)[0] == "needs_you")
        assert "Permission denied" in told(a)[1]
        refused[0] = False
        await a.sync_now()
        await current(a)


async def test_a_carrier_s_copy_of_an_immutable_file_bothers_nobody(bench: Bench) -> None:
    root = bench.folder("f")
    path = put(root, DATA)
    path.with_name(f"{path.name}.sync-conflict-20260528-120002-ABCDEFG").write_bytes(b"cut")
    path.with_name(f"{path.name} (conflicted copy 2026-05-28)").write_bytes(b"cut")
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        await until(lambda: a.status()["files"] == 1)
        path.with_name("something else").write_bytes(b"")
        await a.sync_now()
        assert told(a) == ("needs_you", "1 thing in the folder cannot be read")


async def test_a_scan_finds_the_files_that_no_event_told_of(bench: Bench) -> None:
    bench.settings = replace(SETTINGS, scan_interval_s=0.05, full_look_s=1e9)
    root = bench.folder("f")
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        path = put(root, DATA)
        await until(lambda: a.status()["files"] == 1)
        assert await a.file_fetches.is_here(REFERENCE)
        path.unlink()
        await until(lambda: a.status()["files"] == 0)
        assert not await a.file_fetches.is_here(REFERENCE)


async def test_a_file_that_is_put_in_the_midst_of_a_look_is_here_and_sent(
    tmp_path: Path, server: FakeServer
) -> None:
    disk = HeldDisk()
    bench = Bench(tmp_path, server, disk)

    async def once(data: bytes) -> AsyncIterator[bytes]:
        yield data

    servers = (ServerRecord(server.url),)
    async with bench.mirror("a", servers=servers) as a:
        await a.create_space("Ours")
        await a.put_blob(once(b"another"))
        await current(a)
    disk.is_held = True  # At the look with which the next run begins.
    async with bench.mirror("a", servers=servers) as a:
        await until(disk.stands.is_set)
        await a.put_blob(once(DATA))  # Its directory is none of those that were listed.
        disk.may_go.set()
        await until(lambda: a.status()["files"] == 2)
        await current(a)
        assert NAME in server.static
        assert await a.file_fetches.is_here(REFERENCE)
        assert a.status()["files"] == 2
    bench.close()


async def test_a_full_look_finds_what_was_written_over_without_an_event(bench: Bench) -> None:
    bench.settings = replace(SETTINGS, scan_interval_s=0.05, full_look_s=0.15)
    root = bench.folder("f")
    path = put(root, DATA)
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: a.status()["files"] == 1)
        path.write_bytes(DATA[:5])
        await until(lambda: told(a)[0] == "needs_you")
        assert told(a)[1].startswith("1 file is damaged")
        assert not await a.file_fetches.is_here(REFERENCE)
        path.write_bytes(DATA)
        await current(a)
        assert await a.file_fetches.is_here(REFERENCE)


async def test_an_event_of_a_file_has_it_looked_at(bench: Bench) -> None:
    root = bench.folder("f")
    path = put(root, DATA)
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: a.status()["files"] == 1)
        path.write_bytes(DATA[:5])
        bench.watcher.hint(path, path.with_name(".sila-0123456789abcdef.tmp"))
        await until(lambda: told(a)[0] == "needs_you")
        assert not await a.file_fetches.is_here(REFERENCE)
        path.write_bytes(DATA)
        bench.watcher.hint(path)
        await current(a)
        assert await a.file_fetches.is_here(REFERENCE)


class RefusingDisk(SystemDisk):
    """The real disk; the first sync of one found file fails, the next ones succeed for nothing."""

    def __init__(self, name: str) -> None:
        self._name = name
        self.syncs = 0

    def open_read(self, path: Path) -> ReadDescriptor:
        file = super().open_read(path)
        if path.name == self._name[2:]:
            sync = file.sync

            def counted() -> None:
                self.syncs += 1
                if self.syncs == 1:
                    raise OSError(5, "Input/output error", str(path))
                sync()

            file.sync = counted  # type: ignore[method-assign]
        return file


@pytest.mark.parametrize("others", [0, 3])
async def test_a_file_whose_sync_failed_is_written_anew(bench: Bench, others: int) -> None:
    """Alone, and among some that are read in one step."""
    bench.disk = RefusingDisk(NAME)
    root = bench.folder("f")
    beside = [
        put(root, data, hashlib.sha256(data).hexdigest()) for data in map(bytes, range(others))
    ]
    path = put(root, DATA)
    before = [file.stat().st_ino for file in (path, *beside)]
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: a.status()["files"] == 1 + others or told(a)[0] == "needs_you")
        await a.sync_now()
        await current(a)
        assert a.status()["files"] == 1 + others
    after = [file.stat().st_ino for file in (path, *beside)]
    assert after[0] != before[0]
    assert after[1:] == before[1:]
    assert path.read_bytes() == DATA
