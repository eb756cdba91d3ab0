"""Scans of a folder in which nothing happens: cheap, and they find what no event told of."""

from __future__ import annotations

import asyncio
import json
import os
from dataclasses import replace
from typing import TYPE_CHECKING, TypeVar

import pytest

from sila_daemon.database.database import ThreadDatabases
from sila_daemon.folder.secrets import write_secrets
from sila_daemon.folder.static_directories import TICK_S
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.ports.workers import ThreadWorkers
from tests.mirror.bench import SETTINGS, SPACE, Bench, current, until
from tests.mirror.test_folder_layer import problem_codes

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable
    from pathlib import Path

    from apsw import Connection

    from sila_daemon.database.database import Database
    from sila_daemon.database.schema import Schema
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from sila_daemon.ports.disk import ReadableFile
    from tests.mirror.fake_server import FakeServer

T = TypeVar("T")

TREE = "66311b5732f44edab7e16ff76fa16666"
OLD_S = 1_700_000_000


class ScanCountingDisk(SystemDisk):
    """The real disk; counts how often somebody made sure whose space this is."""

    def __init__(self) -> None:
        self.scans = 0

    def open_read(self, path: Path) -> ReadableFile:  # type: ignore[override]
        self.scans += path.name == "space.json"
        return super().open_read(path)


class CountingWorkers(ThreadWorkers):
    """Real threads; counts what they are given."""

    calls = 0

    async def run(self, function: Callable[[], T]) -> T:
        self.calls += 1
        return await super().run(function)


class CountingDatabases(ThreadDatabases):
    """Real databases; counts what they are asked."""

    asked = 0

    async def open(self, path: Path, schema: Schema) -> Database:
        database = await super().open(path, schema)
        read, write = database.read, database.write

        async def counted_read(work: Callable[[Connection], T]) -> T:
            self.asked += 1
            return await read(work)

        async def counted_write(work: Callable[[Connection], T]) -> T:
            self.asked += 1
            return await write(work)

        database.read, database.write = counted_read, counted_write  # type: ignore[method-assign]
        return database


async def _secrets_after(mirror: SpaceMirror, known: dict[str, str]) -> dict[str, str]:
    """Returns the secrets once they are not those any more."""
    async with asyncio.timeout(15):
        while (values := await mirror.secrets()) == known:  # noqa: ASYNC110
            await asyncio.sleep(0.01)
    return values


class Place:
    """A folder that is scanned all the time, and looked at closer only at the start."""

    def __init__(self, tmp_path: Path, server: FakeServer) -> None:
        self.disk, self.workers = ScanCountingDisk(), CountingWorkers(2, "test")
        self.bench = Bench(tmp_path, server, self.disk)
        self.bench.workers.close()
        self.bench.databases.close()
        self.bench.workers = self.workers
        self.bench.databases = self.databases = CountingDatabases()
        self.bench.settings = replace(SETTINGS, scan_interval_s=0.05, full_look_s=1e9)
        self.root = self.bench.folder("f")

    async def scans(self, count: int) -> None:
        """Returns after so many more."""
        wanted = self.disk.scans + count
        await until(lambda: self.disk.scans >= wanted)

    def write_secrets(self, values: dict[str, str], *, at_s: float | None = None) -> None:
        """Writes them as another program does, without an event."""
        path = self.root / "space-v1" / "secrets"
        write_secrets(SystemDisk(), path, SPACE, values, SystemRandomness())
        if at_s is not None:
            os.utime(path, (at_s, at_s))


@pytest.fixture
async def place(tmp_path: Path, server: FakeServer) -> AsyncIterator[Place]:
    place = Place(tmp_path, server)
    yield place
    place.bench.close()


async def test_a_scan_that_finds_nothing_is_one_piece_of_work(place: Place) -> None:
    place.write_secrets({"key": "sk"}, at_s=OLD_S)
    ops = place.root / "space-v1" / "ops" / TREE[:2] / TREE[2:] / "2026/11/21" / "peer-m.jsonl"
    ops.parent.mkdir(parents=True)
    ops.write_text(json.dumps([1, TREE, None]) + "\n")
    async with place.bench.mirror("a", folder=place.root) as a:
        await current(a)
        await place.scans(3)
        asked = place.databases.asked
        scans, calls = place.disk.scans, place.workers.calls
        await place.scans(10)
        scans, calls = place.disk.scans - scans, place.workers.calls - calls
        assert scans >= 10
        assert abs(calls - scans) <= 1, "one that is under way is counted by one of the two"
        assert place.databases.asked == asked, "the store has nothing to say to it"


async def test_a_scan_finds_secrets_that_were_written_without_an_event(place: Place) -> None:
    place.write_secrets({"key": "sk"}, at_s=OLD_S)
    async with place.bench.mirror("a", folder=place.root) as a:
        await current(a)
        await place.scans(3)
        place.write_secrets({"key": "other"}, at_s=OLD_S)
        assert await _secrets_after(a, {"key": "sk"}) == {"key": "other"}


async def test_secrets_of_the_same_tick_are_read_again(place: Place) -> None:
    async with place.bench.mirror("a", folder=place.root) as a:
        await current(a)
        place.write_secrets({"key": "sk"})
        assert await _secrets_after(a, {}) == {"key": "sk"}
        layer = a._layers.folder  # type: ignore[union-attr]
        assert layer is not None
        assert layer._secrets.is_other(), "what comes now may change no time"
        place.write_secrets({"key": "sk"}, at_s=layer.last_scan_at - TICK_S - 1)  # type: ignore[operator]
        await until(lambda: not layer._secrets.is_other())


async def test_a_scan_counts_lines_that_came_and_went(place: Place) -> None:
    ops = place.root / "space-v1" / "ops" / TREE[:2] / TREE[2:] / "2026/11/21" / "peer-m.jsonl"
    ops.parent.mkdir(parents=True)
    ops.write_text(json.dumps([1, TREE, None]) + "\n")
    async with place.bench.mirror("a", folder=place.root) as a:
        await current(a)
        await place.scans(3)
        with ops.open("a") as file:
            file.write("no op\n")
        await until(lambda: a.status()["state"] == "needs_you")
        assert a.status()["reason"] == "1 thing in the folder cannot be read"
        scans = place.disk.scans
        ops.write_text(json.dumps([1, TREE, None]) + "\n" + json.dumps([2, "v", TREE]) + "\n")
        await until(lambda: place.disk.scans > scans and a.status()["state"] == "current")
    assert problem_codes(place.bench, "a") == []
