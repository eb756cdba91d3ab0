"""Small files that travel together: each arrives or fails by itself."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import FormatError, RemoteUnavailableError, StorageError
from sila_daemon.core.files_view import BlobKind, BlobReference
from sila_daemon.mirror.file_packs import (
    PACK_BYTES_MAX,
    PACK_FILES_MAX,
    PackReader,
    header_line,
    packed,
)
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.store.blobs import BlobName
from tests.mirror.bench import Bench, current, until
from tests.mirror.test_file_fetches import bring

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sila_daemon.mirror.space_mirror import SpaceMirror
    from sila_daemon.ports.descriptors import Descriptor
    from tests.mirror.fake_server import FakeServer

FILES = [bytes([number]) * (number + 1) for number in range(20)]


def name_of(data: bytes) -> BlobName:
    return BlobName("static", hashlib.sha256(data).hexdigest())


async def in_pieces(data: bytes, size: int) -> AsyncIterator[bytes]:
    for start in range(0, len(data), size):
        yield data[start : start + size]


@pytest.mark.parametrize("size", [1, 7, 1000])
async def test_a_pack_is_read_however_it_is_cut(size: int) -> None:
    body = b"".join(header_line(name_of(data), len(data)) + data for data in FILES)
    reader = PackReader(in_pieces(body, size))
    found = [(blob, await reader.data(length)) async for blob, length in reader.files()]
    assert found == [(name_of(data), data) for data in FILES]


@pytest.mark.parametrize("left", [1, 30, 100])
async def test_a_pack_that_is_cut_off_is_said(left: int) -> None:
    body = header_line(name_of(FILES[9]), 10) + FILES[9]
    reader = PackReader(in_pieces(body[:left], 1000))
    with pytest.raises(RemoteUnavailableError, match="cut off"):
        async for _, length in reader.files():
            await reader.data(length)


@pytest.mark.parametrize(
    "line",
    [
        b"nothing\n",
        b"[]\n",
        b'{"kind": "var", "id": "x", "size": 1}\n',
        b'{"kind": "static", "id": "../../x", "size": 1}\n',
        b'{"kind": "static", "id": 7, "size": 1}\n',
        b'{"kind": "static", "id": "%b", "size": -1}\n' % (b"ab" * 32),
        b'{"kind": "static", "id": "%b", "size": true}\n' % (b"ab" * 32),
        b'{"kind": "static", "id": "%b", "size": 99999999}\n' % (b"ab" * 32),
        b"x" * 5000,
        b"[" * 4000 + b"\n",
    ],
)
async def test_what_is_no_pack_is_refused(line: bytes) -> None:
    with pytest.raises(FormatError):
        async for _ in PackReader(in_pieces(line, 1000)).files():
            pass


def test_packs_are_bounded_by_files_and_by_bytes() -> None:
    blob = name_of(b"")
    many = [len(pack) for pack in packed([(blob, 1)] * (2 * PACK_FILES_MAX + 1))]
    assert many == [PACK_FILES_MAX, PACK_FILES_MAX, 1]
    large = [len(pack) for pack in packed([(blob, PACK_BYTES_MAX // 2)] * 5)]
    assert large == [2, 2, 1]
    assert list(packed([])) == []


async def brought(bench: Bench, server: FakeServer) -> None:
    """Has one device bring all files to the server while it is away, so that they go at once."""
    async with bench.mirror("a", servers=(ServerRecord(server.url),)) as a:
        await a.create_space("Ours")
        await current(a)
        server.is_down = True
        server.drop_connections()
        for data in FILES:
            await bring(a, data, len(data))
        server.requests.clear()
        server.is_down = False
        await current(a)
        moved = a.status()["transfers"]["up"]
        assert (moved["movedFiles"], moved["movedBytes"]) == (len(FILES), sum(map(len, FILES)))
        assert a.status()["remotes"][0]["pendingFiles"] == 0
    assert set(server.static.values()) == set(FILES)


async def arrived(bench: Bench, server: FakeServer) -> SpaceMirror:
    """Has another device take them all."""
    server.requests.clear()
    async with bench.mirror("b", servers=(ServerRecord(server.url),)) as b:
        await until(lambda: b.status()["files"] == len(FILES))
        await current(b)
        for data in FILES:
            reference = BlobReference(BlobKind.STATIC, name_of(data).name)
            assert b"".join([chunk async for chunk in b.read_blob(reference)]) == data
        assert b.status()["transfers"]["down"]["movedFiles"] == len(FILES)
        assert b.status()["remotes"][0]["comingFiles"] == 0
    return b


async def test_small_files_go_up_and_come_down_together(bench: Bench, server: FakeServer) -> None:
    server.has_packs = True
    await brought(bench, server)
    assert server.requests.count("POST /files/pack") == 1
    assert not [one for one in server.requests if one.startswith("PUT /files/static")]
    await arrived(bench, server)
    assert server.requests.count("POST /files/fetch") == 1
    assert not [one for one in server.requests if one.startswith("GET /files/static")]


async def test_a_server_without_packs_is_sent_single_files(
    bench: Bench, server: FakeServer
) -> None:
    await brought(bench, server)
    assert server.requests.count("POST /files/pack") == 1
    puts = [one for one in server.requests if one.startswith("PUT /files/static")]
    assert len(puts) == len(FILES)
    await arrived(bench, server)
    assert server.requests.count("POST /files/fetch") == 1


async def test_a_file_that_fails_in_a_pack_goes_by_itself_and_harms_no_other(
    bench: Bench, server: FakeServer
) -> None:
    server.has_packs = True
    refused = name_of(FILES[3]).name
    server.refused_in_packs = {refused}
    await brought(bench, server)
    puts = [one for one in server.requests if one.startswith("PUT /files/static")]
    assert puts == [f"PUT /files/static/{refused}"]


async def test_a_file_that_is_damaged_here_leaves_the_others_of_its_pack_alone(
    bench: Bench, server: FakeServer
) -> None:
    server.has_packs = True
    folder = bench.folder("one")
    async with bench.mirror("a", folder=folder, servers=(ServerRecord(server.url),)) as a:
        await a.create_space("Ours")
        await current(a)
        server.is_down = True
        server.drop_connections()
        for data in FILES:
            await bring(a, data, len(data))
        bad = name_of(FILES[5]).name
        path = folder / "space-v1/files/static/sha256" / bad[:2] / bad[2:]
        path.write_bytes(b"?" * len(FILES[5]))
        server.is_down = False
        await until(lambda: len(server.static) == len(FILES) - 1)
        await until(lambda: a.status()["state"] == "needs_you")
        assert f"the file {bad} is damaged here" in a.status()["reason"]
        assert bad not in server.static


async def test_a_damaged_file_in_a_pack_that_comes_is_told_and_the_others_are_kept(
    bench: Bench, server: FakeServer
) -> None:
    server.has_packs = True
    await brought(bench, server)
    bad = name_of(FILES[7]).name
    server.static[bad] = b"other bytes"
    async with bench.mirror("b", servers=(ServerRecord(server.url),)) as b:
        await until(lambda: b.status()["files"] == len(FILES) - 1)
        await until(lambda: b.status()["state"] == "needs_you")
        assert f"the server's copy of {bad} is damaged" in b.status()["reason"]
        assert not await b.file_fetches.is_here(BlobReference(BlobKind.STATIC, bad))


async def test_what_came_of_a_pack_that_broke_off_is_kept(bench: Bench, server: FakeServer) -> None:
    server.has_packs = True
    await brought(bench, server)
    server.cuts_packs_at = 1500
    await arrived(bench, server)
    singles = [one for one in server.requests if one.startswith("GET /files/static")]
    assert 0 < len(singles) < len(FILES)


class VanishingDisk(SystemDisk):
    """The real disk; the space's marker is gone once so many files were begun."""

    def __init__(self, space_json: Path) -> None:
        self._space_json = space_json
        self.to_begin = 0

    def create(self, path: Path) -> Descriptor:
        file = super().create(path)
        if self.to_begin:
            self.to_begin -= 1
            if not self.to_begin:
                self._space_json.rename(self._space_json.with_name("away"))
        return file


async def test_nothing_gets_a_name_in_a_folder_that_went_away(bench: Bench) -> None:
    root = bench.folder("f")
    marker = root / "space-v1" / "space.json"
    disk = bench.disk = VanishingDisk(marker)
    files = [(name_of(data), data) for data in FILES]
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        assert a._layers is not None
        local = a._layers.local_blobs
        disk.to_begin = len(FILES)
        with pytest.raises(StorageError) as caught:
            await local.receive_small(files, "server")
        marker.with_name("away").rename(marker)
        assert caught.value.code == "folder_away"
        assert [path for path in (root / "space-v1/files").rglob("*") if path.is_file()] == []
        assert len(await local.receive_small(files, "server")) == len(FILES)
