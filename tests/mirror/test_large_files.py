"""Large files go on where they broke off, both ways, after a restart too."""

from __future__ import annotations

import errno
import hashlib
import os
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import CorruptBlobError, StorageError, StorageFullError
from sila_daemon.core.files_view import BlobKind, BlobReference
from sila_daemon.mirror import partial_files
from sila_daemon.mirror.file_transport import RESUMABLE_BYTES_MIN
from sila_daemon.mirror.partial_files import AGE_S_MAX, PARTS_MAX, PartialFiles
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.store.blobs import BlobName
from sila_daemon.store.fetch_policy import FetchPolicy
from tests.mirror.bench import Bench, current, until
from tests.mirror.test_file_fetches import bring

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sila_daemon.mirror.space_mirror import SpaceMirror
    from sila_daemon.ports.disk import WritableFile
    from tests.mirror.fake_server import FakeServer

DATA = b"0123456789abcdef" * (RESUMABLE_BYTES_MIN // 16 + 1)
NAME = hashlib.sha256(DATA).hexdigest()
REFERENCE = BlobReference(BlobKind.STATIC, NAME)
CUT = len(DATA) // 2


class FillingDisk(SystemDisk):
    """The real disk, with room for half of what is appended to a file."""

    def open_append(self, path: Path) -> WritableFile:  # type: ignore[override]
        opened = super().open_append(path)
        append = opened.write

        def write(data: bytes) -> None:
            append(data[: len(data) // 2])
            raise OSError(errno.ENOSPC, "no space left on device", str(path))

        opened.write = write  # type: ignore[method-assign]
        return opened


def to(server: FakeServer) -> tuple[ServerRecord, ...]:
    return (ServerRecord(server.url),)


def part_of(bench: Bench, device: str) -> Path:
    return bench.tmp_path / f"home-{device}" / "parts" / f"{NAME}.part"


async def here(mirror: SpaceMirror) -> bytes:
    return b"".join([chunk async for chunk in mirror.read_blob(REFERENCE)])


async def on_the_server(bench: Bench, server: FakeServer) -> None:
    """Has a device bring the file to the server."""
    async with bench.mirror("a", servers=to(server)) as a:
        await a.create_space("Ours")
        await bring(a, DATA, len(DATA))
        await current(a)
    assert server.static == {NAME: DATA}
    server.requests.clear()


@asynccontextmanager
async def broken_off(bench: Bench, server: FakeServer) -> AsyncIterator[SpaceMirror]:
    """A device that got the first half of the file, and whose server is gone."""
    await on_the_server(bench, server)
    server.cuts_files_at = CUT
    async with bench.mirror("b", servers=to(server)) as b:
        part = part_of(bench, "b")
        await until(lambda: part.exists() and part.stat().st_size == CUT)
        server.is_down = True
        server.drop_connections()
        await until(lambda: b.status()["state"] == "offline")
        yield b


async def test_an_upload_goes_on_where_it_broke_off(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a", servers=to(server)) as a:
        await a.create_space("Ours")
        server.cuts_files_at = CUT
        await bring(a, DATA, len(DATA))
        await current(a)
        assert a.status()["transfers"]["up"]["movedFiles"] == 1
    assert server.static == {NAME: DATA}
    assert [one.split()[0] for one in server.requests if "uploads" in one] == [
        "PATCH",
        "HEAD",
        "PATCH",
    ]
    [(_, _, whole)] = server.uploads.values()
    assert whole == DATA


async def test_an_upload_goes_on_after_a_restart(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a", servers=to(server)) as a:
        await a.create_space("Ours")
        await current(a)
        server.cuts_files_at = CUT
        await bring(a, DATA, len(DATA))
        await until(lambda: server.cuts_files_at is None)
        server.is_down = True
    server.is_down = False
    server.requests.clear()
    async with bench.mirror("a", servers=to(server)) as a:
        await current(a)
    assert server.static == {NAME: DATA}
    assert len(server.uploads) == 1
    assert not [one for one in server.requests if one.startswith("PUT /files/static")]


@pytest.mark.parametrize("what", ["given up", "of an older server"])
async def test_an_upload_that_cannot_go_on_begins_anew(
    bench: Bench, server: FakeServer, what: str
) -> None:
    server.resumes = what == "given up"
    async with bench.mirror("a", servers=to(server)) as a:
        await a.create_space("Ours")
        server.cuts_files_at = CUT
        await bring(a, DATA, len(DATA))
        await until(lambda: server.cuts_files_at is None)
        server.uploads.clear()
        await current(a)
    assert server.static == {NAME: DATA}


async def test_a_download_goes_on_where_it_broke_off(bench: Bench, server: FakeServer) -> None:
    async with broken_off(bench, server) as b:
        part = part_of(bench, "b")
        assert part.stat().st_size == CUT
        assert not await b.file_fetches.is_here(REFERENCE)
        server.resumes, server.is_down = True, False
        server.requests.clear()
        await current(b)
        assert await here(b) == DATA
        assert not part.exists()
        assert server.requests.count(f"GET /files/static/{NAME}") == 1
        assert b.status()["transfers"]["down"]["movedFiles"] == 1


async def test_a_download_goes_on_after_a_restart_into_a_folder(
    bench: Bench, server: FakeServer
) -> None:
    await on_the_server(bench, server)
    folder = bench.folder("two")
    server.cuts_files_at = CUT
    async with bench.mirror("b", folder=folder, servers=to(server)):
        part = part_of(bench, "b")
        await until(lambda: part.exists() and part.stat().st_size == CUT)
        server.is_down = True
    assert not list((folder / "space-v1/files").rglob(f"*{NAME[2:]}*"))
    server.is_down = False
    async with bench.mirror("b", folder=folder, servers=to(server)) as b:
        await current(b)
        assert await here(b) == DATA
    assert not part.exists()


async def test_what_a_crash_tore_is_thrown_away_and_comes_whole(
    bench: Bench, server: FakeServer
) -> None:
    await on_the_server(bench, server)
    part = part_of(bench, "b")
    part.parent.mkdir(parents=True)
    server.cuts_files_at = CUT
    async with bench.mirror("b", servers=to(server)):
        await until(lambda: part.exists() and part.stat().st_size == CUT)
        server.is_down = True
    part.write_bytes(b"\x00" * part.stat().st_size)
    server.is_down = False
    server.requests.clear()
    async with bench.mirror("b", servers=to(server)) as b:
        await current(b)
        assert await here(b) == DATA
    assert server.requests.count(f"GET /files/static/{NAME}") == 2
    assert not part.exists()


async def test_a_server_that_sends_all_of_it_again_is_understood(
    bench: Bench, server: FakeServer
) -> None:
    async with broken_off(bench, server) as b:
        server.resumes, server.is_down = False, False
        await current(b)
        assert await here(b) == DATA


async def test_a_part_that_is_the_whole_file_needs_nothing_more(
    bench: Bench, server: FakeServer
) -> None:
    async with broken_off(bench, server) as b:
        part_of(bench, "b").write_bytes(DATA)
        server.is_down = False
        await current(b)
        assert await here(b) == DATA


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


async def test_an_upload_that_the_server_tore_begins_anew(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a", servers=to(server)) as a:
        await a.create_space("Ours")
        server.cuts_files_at = CUT
        server.tears_uploads = True
        await bring(a, DATA, len(DATA))
        await current(a)
    assert server.static == {NAME: DATA}
    assert len(server.uploads) == 2


async def test_another_part_than_was_asked_for_ends_no_downloads(
    bench: Bench, server: FakeServer
) -> None:
    async with broken_off(bench, server) as b:
        server.shifts_parts_by, server.is_down = 1, False
        await current(b)
        assert await here(b) == DATA
        assert not part_of(bench, "b").exists()


async def test_nothing_stays_of_what_was_wrong_to_its_end(bench: Bench, server: FakeServer) -> None:
    async with broken_off(bench, server) as b:
        server.static[NAME] = DATA[:CUT] + bytes(len(DATA) - CUT)
        server.is_down = False
        await until(lambda: "is damaged" in b.status()["reason"])
        assert not part_of(bench, "b").exists()
        assert not await b.file_fetches.is_here(REFERENCE)


async def test_a_place_that_is_no_number_ends_nothing(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a", servers=to(server)) as a:
        await a.create_space("Ours")
        server.cuts_files_at = CUT
        server.tells = {"Upload-Offset": "9" * 5000}
        await bring(a, DATA, len(DATA))
        await until(lambda: "how much of the upload" in a.status()["reason"])
        server.tells.clear()
        await current(a)
    assert server.static == {NAME: DATA}


async def test_a_length_that_no_file_has_ends_nothing(bench: Bench, server: FakeServer) -> None:
    await on_the_server(bench, server)
    server.tells = {"Content-Length": "9" * 19}
    policy = FetchPolicy(up_to_bytes=len(DATA))
    async with bench.mirror("b", servers=to(server), fetch=policy) as b:
        await current(b)
        assert await here(b) == DATA


async def test_a_full_disk_is_not_kept_full_by_a_part(bench: Bench) -> None:
    bench.disk = FillingDisk()
    parts = PartialFiles(bench.tmp_path / "parts", bench.ports())
    with pytest.raises(StorageFullError):
        await parts.take(NAME, chunks(b"more than there is room for"), 0)
    assert not parts.path(NAME).exists()


async def test_parts_are_few_and_none_is_older_than_a_week(bench: Bench, tmp_path: Path) -> None:
    parts = PartialFiles(tmp_path / "parts", bench.ports())
    names = [hashlib.sha256(bytes([number])).hexdigest() for number in range(PARTS_MAX + 3)]
    for name in names:
        await parts.take(name, chunks(b"ab", b"c"), 0)
    kept = [name for name in names if await parts.size(name) == 3]
    assert len(kept) == PARTS_MAX
    await parts.take(kept[0], chunks(b"defg"), 3)
    assert parts.path(kept[0]).read_bytes() == b"abcdefg"
    old = parts.path(kept[1])
    moment = old.stat().st_mtime - AGE_S_MAX - 60
    os.utime(old, (moment, moment))
    await parts.tidy(set(kept[:3]))
    assert [name for name in names if await parts.size(name)] == [kept[0], kept[2]]
    await parts.drop(kept[0])
    assert await parts.size(kept[0]) == 0
    assert SystemDisk().stat(parts.path(kept[0])) is None


async def test_parts_that_wait_are_few_bytes_and_the_newest_stays(
    bench: Bench, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(partial_files, "PARTS_BYTES_MAX", 10)
    parts = PartialFiles(tmp_path / "parts", bench.ports())
    names = [hashlib.sha256(bytes([number])).hexdigest() for number in range(5)]

    async def sizes() -> list[int]:
        return [await parts.size(name) for name in names]

    for number, name in enumerate(names[:4]):
        await parts.take(name, chunks(b"four"), 0)
        os.utime(parts.path(name), (number, number))
    assert await sizes() == [0, 4, 4, 4, 0], "two that waited as the last one was begun, and that"
    await parts.take(names[4], chunks(b"a very long one"), 0)
    await parts.take(names[0], chunks(b"four"), 0)
    assert await sizes() == [4, 0, 0, 0, 15]


async def test_only_bytes_that_are_right_become_a_file(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("b") as b:
        layers = await b._ready_layers()
        parts = PartialFiles(bench.tmp_path / "elsewhere", bench.ports())
        await parts.take(NAME, chunks(b"other bytes"), 0)
        path = parts.path(NAME)
        for is_sound in (True, False):
            with pytest.raises(CorruptBlobError):
                await layers.local_blobs.adopt(
                    BlobName("static", NAME), path, server.url, is_sound=is_sound
                )
        assert not await b.file_fetches.is_here(REFERENCE)
        with pytest.raises(StorageError):
            await layers.local_blobs.adopt(
                BlobName("static", NAME), path.with_name("none"), server.url, is_sound=True
            )
