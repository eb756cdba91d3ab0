"""The secrets that another program writes into a folder."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.folder.secrets import Derivation, read_secrets, seal_secrets
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from tests.mirror.bench import SPACE, Bench, current, until
from tests.mirror.syncing_disk import SyncingDisk

if TYPE_CHECKING:
    from pathlib import Path

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
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url, "mirror"),)) as a:
        for value in ("first", "second"):
            disk.synced.clear()
            write(path, key=value)
            bench.watcher.hint(path)
            await until(lambda value=value: server.secrets["values"].get("key") == value)  # type: ignore[misc]
            assert {path, path.parent} <= set(disk.synced)
        await current(a)
        disk.synced.clear()
        await a.sync_now()
        assert path not in disk.synced, "it is the same"
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
