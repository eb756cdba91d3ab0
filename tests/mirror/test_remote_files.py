"""Files and secrets on one server: each is compared when it is due, and not with the other."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from contextlib import suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import pytest

from sila_daemon.core.errors import RemoteUnavailableError
from sila_daemon.database.database import InlineDatabases
from sila_daemon.mirror.away_files import AwayFiles
from sila_daemon.mirror.back_off import BackOff
from sila_daemon.mirror.carried_files import CarriedFiles
from sila_daemon.mirror.debt_count import FileDebtCount
from sila_daemon.mirror.file_downloads import FileDownloads
from sila_daemon.mirror.file_uploads import FileUploads
from sila_daemon.mirror.pack_transport import PackTransport
from sila_daemon.mirror.remote_files import ASK_AGAIN_S, RemoteFiles
from sila_daemon.mirror.remote_status import RemoteStatus
from sila_daemon.mirror.transfers import Transfers
from sila_daemon.mirror.turns import Turns
from sila_daemon.mirror.wakes import News, Wakes
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.store.blobs import VAR, BlobName, Blobs, LocalBlob
from sila_daemon.store.fetch_policy import FetchPolicy
from sila_daemon.store.space_store import SpaceStore
from tests.clocks import HandClock

SERVER = "https://a.example"


class Server:
    """Has everything, and counts how often it is asked."""

    def __init__(self) -> None:
        self.asked: list[str] = []
        self.failures = 0

    async def missing(self, blobs: Sequence[LocalBlob]) -> set[BlobName]:
        self.asked.append("files")
        if self.failures:
            self.failures -= 1
            raise RemoteUnavailableError("away")
        return set()

    def forget(self) -> None:
        self.asked.append("forget")

    def told(self, etag: str) -> bool:
        return etag != "own"

    async def sync(self) -> float | None:
        self.asked.append("secrets")
        return None


class Never(SystemRandomness):
    """Draws the shortest delay."""

    def uniform(self) -> float:
        return 0.0


class Bench:
    """One server's files and secrets beside a real store with a mutable file in it."""

    def __init__(self, blobs: Blobs) -> None:
        self.server = Server()
        self.status = RemoteStatus(SERVER)
        self.clock = HandClock()
        self._wakes = Wakes()
        known: Any = self.server
        unused: Any = None
        local: Any = SimpleNamespace(checks=SimpleNamespace(to_fetch=list))
        away = AwayFiles(FetchPolicy(), blobs, unused, SystemClock())
        packs = PackTransport(SERVER, known, unused, away, Transfers(SystemClock()))
        back_off = BackOff(Never(), 1.0)
        carried = CarriedFiles(SystemClock(), Never())
        downloads = FileDownloads(
            SERVER,
            known,
            local,
            blobs,
            away,
            Turns(),
            carried,
            unused,
            packs,
            self.status,
            SystemClock(),
        )
        self.debt = FileDebtCount(self.status, blobs)
        uploads = FileUploads(
            SERVER,
            known,
            unused,
            packs,
            downloads,
            blobs,
            unused,
            carried,
            self.debt,
            SystemClock(),
        )
        self.files = RemoteFiles(
            uploads, downloads, self.debt, known, self.status, self._wakes, self.clock, back_off
        )

    async def asked_for(self, *news: News) -> list[str]:
        """Rings, and returns what the server was asked until both sides were shown to be equal."""
        turned = asyncio.Event()
        unlisten = self._wakes.listen(lambda _: turned.set())
        for one in news:
            self.server.asked.clear()
            self.files.rung(one)
        while not self.status.are_files_equal:
            turned.clear()
            await turned.wait()
        unlisten()
        return self.server.asked


@pytest.fixture
async def bench(tmp_path: Path) -> AsyncIterator[Bench]:
    store = await SpaceStore.open(InlineDatabases(), tmp_path / "s.sqlite", SystemClock())
    await store.set_layers([SERVER])
    blobs = Blobs(store.database)
    local = LocalBlob(BlobName(VAR, "a" * 32), 3, "b" * 64)
    await blobs.arrived([local])
    await blobs.settle(SERVER, local, revision="1")
    bench = Bench(blobs)
    running = asyncio.create_task(bench.files.run())
    yield bench
    running.cancel()
    with suppress(asyncio.CancelledError):
        await running
    await store.close()


async def test_a_new_connection_compares_everything(bench: Bench) -> None:
    assert await bench.asked_for() == ["forget", "secrets", "files"]


async def test_only_tags_that_are_news_have_secrets_compared(bench: Bench) -> None:
    await bench.asked_for()
    bench.server.asked.clear()
    were_equal = []
    for etag in ("own", "another's"):
        bench.files.secrets_changed(etag)
        were_equal.append(bench.status.are_files_equal)
    assert were_equal == [True, False]
    assert await bench.asked_for() == ["secrets"]


async def test_what_is_not_due_is_not_asked_for(bench: Bench) -> None:
    await bench.asked_for()
    assert await bench.asked_for(News.SECRETS) == ["secrets"]
    assert await bench.asked_for(News.BLOBS) == ["files"]
    assert await bench.asked_for(News.BLOBS, News.SECRETS) == ["secrets", "files"]


async def test_what_goes_on_all_the_time_keeps_nobody_from_asking_for_everything(
    bench: Bench,
) -> None:
    await bench.asked_for()
    for _ in range(3):
        bench.clock.now += 0.4 * ASK_AGAIN_S
        last = await bench.asked_for(News.BLOBS)
    assert last == ["forget", "secrets", "files"]
    bench.clock.now += 0.4 * ASK_AGAIN_S
    assert await bench.asked_for(News.BLOBS) == ["files"]


async def test_what_failed_stays_due(bench: Bench) -> None:
    await bench.asked_for()
    bench.server.failures = 1
    assert await bench.asked_for(News.BLOBS) == ["files", "files"]


async def test_a_count_that_is_told_late_does_not_replace_a_newer_one(bench: Bench) -> None:
    await bench.asked_for()
    debt: Any = bench.debt
    counted, begun, told = debt._blobs.debt, asyncio.Event(), asyncio.Event()

    async def slow(layer: str) -> tuple[int, int]:
        debt._blobs = SimpleNamespace(debt=counted)
        begun.set()
        await told.wait()
        return 1, 3

    blobs, debt._blobs = debt._blobs, SimpleNamespace(debt=slow)
    counts = [asyncio.create_task(bench.files.count_debt())]
    await begun.wait()
    counts.append(asyncio.create_task(bench.files.count_debt()))
    for _ in range(20):  # As many turns as a count of its own would need.
        await asyncio.sleep(0)
    told.set()
    await asyncio.gather(*counts)
    debt._blobs = blobs
    assert (bench.status.pending_files, bench.status.pending_bytes) == (0, 0)
