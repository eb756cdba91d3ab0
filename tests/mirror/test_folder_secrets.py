"""The secrets that another program writes into a folder."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

import pytest

from sila_daemon.folder.secrets import Derivation, read_secrets, rewrite_secrets, seal_secrets
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from tests.mirror.bench import SPACE, Bench, current, until
from tests.mirror.syncing_disk import SyncingDisk
from tests.mirror.test_folder_layer import ops_in_folder, rename

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.ports.descriptors import Descriptor, ReadDescriptor
    from tests.mirror.fake_server import FakeServer


@pytest.fixture
def disk() -> SyncingDisk:
    return SyncingDisk()


@pytest.fixture
def bench(tmp_path: Path, server: FakeServer, disk: SyncingDisk) -> Bench:
    return Bench(tmp_path, server, disk)


def write(path: Path, **values: str) -> None:
    """Writes as another program does, which makes nothing durable."""
    path.write_bytes(seal_secrets(values, SPACE, Derivation.PLAIN, SystemRandomness()))


def said(path: Path) -> dict[str, str]:
    opened = read_secrets(SystemDisk(), path, SPACE)
    return {} if opened is None else dict(opened.values)


async def test_what_is_told_of_is_durable(
    bench: Bench, server: FakeServer, disk: SyncingDisk
) -> None:
    """Else a power cut brings the former value back, which then passes for a newer one."""
    root = bench.folder("f")
    path = root / "space-v1" / "secrets"
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url, "mirror"),)):
        for value in ("first", "second"):
            disk.synced.clear()
            write(path, key=value)
            bench.watcher.hint(path)
            await until(lambda value=value: server.secrets["values"].get("key") == value)  # type: ignore[misc]
            assert {path, path.parent} <= set(disk.synced)
    bench.close()


async def test_what_could_not_be_synced_is_written_anew(
    bench: Bench, server: FakeServer, disk: SyncingDisk
) -> None:
    root = bench.folder("f")
    path = root / "space-v1" / "secrets"
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url, "mirror"),)) as a:
        disk.failing = path
        write(path, key="value")
        before = path.stat().st_ino
        bench.watcher.hint(path)
        await until(lambda: server.secrets["values"].get("key") == "value")
        await current(a)
        assert disk.failed == [path]
        assert path.stat().st_ino != before, "a sync that comes later may succeed for nothing"
        assert said(path) == {"key": "value"}
    bench.close()


class StubbornDisk(SyncingDisk):
    """Neither syncs the secrets nor takes others in their place, until it is healed."""

    is_healed = True

    def open_read(self, path: Path) -> ReadDescriptor:
        if path.name == "secrets" and not self.is_healed:
            self.failing = path
        return super().open_read(path)

    def create(self, path: Path) -> Descriptor:
        if path.parent.name == "space-v1" and not self.is_healed:
            raise OSError(errno.EIO, "input/output error", str(path))
        return super().create(path)


async def test_secrets_that_cannot_be_made_durable_hold_up_nothing_else(
    tmp_path: Path, server: FakeServer
) -> None:
    disk = StubbornDisk()
    bench = Bench(tmp_path, server, disk)
    root = bench.folder("f")
    path = root / "space-v1" / "secrets"
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url, "mirror"),)) as a:
        await a.create_space("Ours")
        await current(a)
        disk.is_healed = False
        write(path, key="value")
        bench.watcher.hint(path)
        await until(lambda: a.status()["reason"] == "1 thing in the folder cannot be read")
        await rename(a, "Renamed")
        await until(lambda: ops_in_folder(root) == {SPACE: a.status()["ops"]})
        assert "key" not in server.secrets["values"], "it may not last here"
        disk.is_healed = True
        await current(a)
        assert server.secrets["values"]["key"] == "value"
    bench.close()


def test_what_is_saved_while_the_file_is_written_anew_is_left_as_it_is(
    tmp_path: Path,
) -> None:
    class SavingDisk(SystemDisk):
        """Somebody saves while the new bytes are made durable."""

        def create(self, target: Path) -> Descriptor:
            write(path, key="newer")
            return super().create(target)

    path = tmp_path / "secrets"
    write(path, key="value")
    said_before = {"key": "value"}
    assert not rewrite_secrets(SavingDisk(), path, SPACE, said_before, SystemRandomness())
    assert said(path) == {"key": "newer"}
    assert [entry.name for entry in tmp_path.iterdir()] == ["secrets"]
