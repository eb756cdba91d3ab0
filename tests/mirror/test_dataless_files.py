"""Files whose bytes only a cloud tool has are not brought here to be counted."""

from __future__ import annotations

import hashlib
import os
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import CorruptBlobError
from sila_daemon.core.files_view import BlobKind, BlobReference
from sila_daemon.folder.secrets import read_secrets, write_secrets
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.ports.disk import FileStat, ReadableFile, SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from tests.mirror.bench import SPACE, Bench, current, until
from tests.mirror.test_folder_layer import op_file, var_path, write_lines
from tests.mirror.test_static_files import DATA, NAME, REFERENCE, put, told

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.mirror.fake_server import FakeServer

UUID = "6a2f41a3c54c4fceb5e3ed1f0b7b3e5d"


class CloudDisk(SystemDisk):
    """The real disk, where a cloud tool keeps some files elsewhere; who reads one has it here."""

    def __init__(self) -> None:
        self.away: set[Path] = set()
        self.brought: list[Path] = []

    def stat(self, path: Path) -> FileStat | None:
        found = super().stat(path)
        return found and found._replace(is_dataless=path in self.away)

    def list_stats(self, path: Path) -> list[tuple[str, FileStat]]:
        return [
            (name, stat._replace(is_dataless=path / name in self.away))
            for name, stat in super().list_stats(path)
        ]

    def open_read(self, path: Path) -> ReadableFile:  # type: ignore[override]
        if path in self.away:
            self.away.remove(path)
            self.brought.append(path)
        return super().open_read(path)


@pytest.fixture
async def disk() -> CloudDisk:
    return CloudDisk()


@pytest.fixture
async def bench(tmp_path: Path, server: FakeServer, disk: CloudDisk) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, server, disk)
    yield bench
    bench.close()


async def test_what_a_server_has_is_not_read_at_all(
    bench: Bench, server: FakeServer, disk: CloudDisk
) -> None:
    root = bench.folder("f")
    many = [str(n).encode() for n in range(30)]
    for data in many:
        name = hashlib.sha256(data).hexdigest()
        server.static[name] = data
        disk.away.add(put(root, data, name))
    for _ in range(2):
        async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url),)) as a:
            await a.sync_now()
            await current(a)
            assert (a.status()["files"], disk.brought) == (30, [])


async def test_what_a_server_lacks_is_read_and_sent_and_then_known(
    bench: Bench, server: FakeServer, disk: CloudDisk
) -> None:
    root = bench.folder("f")
    path = put(root, DATA)
    disk.away = {path}
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url),)) as a:
        await until(lambda: server.static == {NAME: DATA})
        await current(a)
        assert disk.brought == [path]
        disk.away = {path}
        await a.sync_now()
        assert (told(a), disk.brought) == (("current", ""), [path]), "taken away again"


async def test_who_asks_for_the_file_gets_it(bench: Bench, disk: CloudDisk) -> None:
    root = bench.folder("f")
    disk.away = {put(root, DATA)}
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        assert not disk.brought
        assert await a.file_fetches.is_here(REFERENCE)
        assert b"".join([part async for part in a.read_blob(REFERENCE)]) == DATA
        await current(a)


async def test_one_that_turns_out_to_be_wrong_is_not_here_any_more(
    bench: Bench, disk: CloudDisk
) -> None:
    root = bench.folder("f")
    disk.away = {put(root, b"?" + DATA[1:])}
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        with pytest.raises(CorruptBlobError, match="not whole here"):
            [_ async for _ in a.read_blob(REFERENCE)]
        await until(lambda: told(a)[0] == "needs_you")
        assert not await a.file_fetches.is_here(REFERENCE)


async def test_one_that_was_found_wrong_is_not_believed_once_it_is_away(
    bench: Bench, disk: CloudDisk
) -> None:
    root = bench.folder("f")
    path = put(root, b"?" + DATA[1:])
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: told(a)[0] == "needs_you")
        disk.away = {path}
        await a.sync_now()
        assert told(a)[0] == "needs_you"
        assert not await a.file_fetches.is_here(REFERENCE)


async def test_a_mutable_file_that_is_taken_away_is_not_brought_back(
    bench: Bench, server: FakeServer, disk: CloudDisk
) -> None:
    root = bench.folder("f")
    path = var_path(root, UUID)
    path.write_bytes(b"mine")
    write_lines(op_file(root, "peer"), [1, "0", None], [2, "v", None])
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url),)) as a:
        await current(a)
        disk.away = {path}
        await a.sync_now()
        assert told(a) == ("current", "")
        assert not disk.brought
        assert await a.file_fetches.is_here(BlobReference(BlobKind.VAR, UUID))


async def test_op_files_are_brought_once_and_not_again(bench: Bench, disk: CloudDisk) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer")
    write_lines(path, [1, "0", None], [2, "v", None])
    with path.open("a") as file:
        file.write("no op, or torn\n")
    disk.away = {path}
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: told(a) == ("needs_you", "1 thing in the folder cannot be read"))
        assert disk.brought == [path], "an op is merged by being read"
        disk.away = {path}
        bench.watcher.hint(path)
        await a.sync_now()
    async with bench.mirror("a", folder=root) as a:
        await a.sync_now()
        assert told(a) == ("needs_you", "1 thing in the folder cannot be read")
        assert disk.brought == [path]
        write_lines(path, [3, "w", "v"])
        bench.watcher.hint(path)
        await until(lambda: a.status()["ops"] == 3)
    assert disk.brought == [path, path], "there was more in it"


async def test_secrets_that_are_taken_away_are_brought_back_only_to_be_changed(
    bench: Bench, disk: CloudDisk
) -> None:
    root = bench.folder("f")
    path = root / "space-v1" / "secrets"
    write_secrets(SystemDisk(), path, SPACE, {"key": "sk"}, SystemRandomness())
    os.utime(path, (1_700_000_000, 1_700_000_000))
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        disk.away = {path}
        bench.watcher.hint(path)
        await a.sync_now()
        assert await a.secrets() == {"key": "sk"}
        assert (told(a), disk.brought) == (("current", ""), [])
        await a.set_secret("other", "words")
        await a.sync_now()
    secrets = read_secrets(SystemDisk(), path, SPACE)
    assert secrets is not None
    assert secrets.values == {"key": "sk", "other": "words"}


async def test_secrets_that_changed_elsewhere_are_brought(bench: Bench, disk: CloudDisk) -> None:
    root = bench.folder("f")
    path = root / "space-v1" / "secrets"
    write_secrets(SystemDisk(), path, SPACE, {"key": "sk"}, SystemRandomness())
    os.utime(path, (1_700_000_000, 1_700_000_000))
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        write_secrets(SystemDisk(), path, SPACE, {"key": "newer"}, SystemRandomness())
        disk.away = {path}
        await a.sync_now()
        assert await a.secrets() == {"key": "newer"}
