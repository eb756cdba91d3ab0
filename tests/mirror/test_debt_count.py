"""What a server is owed, as its status tells it while several count at the same time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.ops import MoveOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.mirror.debt_count import DebtCount
from sila_daemon.mirror.remote_status import RemoteStatus
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store.space_store import Acknowledgement, Delivery, SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sila_daemon.store.outbox import Debt

TREE = "66311b5732f44edab7e16ff76fa16666"
SERVER = "https://example.org"


class HeldStore(SpaceStore):
    """A store that keeps back what it has read, once, until the test lets it go."""

    def __init__(self, *args: object) -> None:
        super().__init__(*args)  # type: ignore[arg-type]
        self.holds = False
        self.has_read = asyncio.Event()
        self.tells = asyncio.Event()

    async def debt(self, layer: str) -> Debt:
        found = await super().debt(layer)
        if self.holds:
            self.holds = False
            self.has_read.set()
            await self.tells.wait()
        return found


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[HeldStore]:
    opened = await HeldStore.open(InlineDatabases(), tmp_path / "space.sqlite", SystemClock())
    assert isinstance(opened, HeldStore)
    await opened.set_layers([SERVER])
    yield opened
    await opened.close()


async def owe(store: SpaceStore, count: int, first: int = 1) -> None:
    ops = [(TREE, MoveOp(first + n, "a", f"v{n}", None)) for n in range(count)]
    await store.commit([Delivery(ops)])


async def turns() -> None:
    for _ in range(20):  # As many as a count of its own would need.
        await asyncio.sleep(0)


async def test_an_older_count_never_stands_in_place_of_a_newer_one(store: HeldStore) -> None:
    status = RemoteStatus(SERVER)
    debts = DebtCount(status, store)
    await owe(store, 5)
    store.holds = True
    older = asyncio.create_task(debts.count())
    await store.has_read.wait()
    await store.acknowledge(SERVER, [Acknowledgement(await store.owed(SERVER, 0, 5))])
    newer = asyncio.create_task(debts.count())
    await turns()
    store.tells.set()
    await asyncio.gather(older, newer)
    assert status.pending_ops == 0


async def test_what_was_paid_is_taken_off_once(store: HeldStore) -> None:
    status = RemoteStatus(SERVER)
    debts = DebtCount(status, store)
    await owe(store, 2)
    await debts.count()
    assert status.pending_ops == 2
    told = debts.told
    settled, _ = await store.acknowledge(SERVER, [Acknowledgement(await store.owed(SERVER, 0, 1))])
    await debts.count()  # It knows already.
    await debts.paid(settled, told)
    assert status.pending_ops == 1, "one op is owed still, and nothing may call that current"
    told = debts.told
    settled, _ = await store.acknowledge(SERVER, [Acknowledgement(await store.owed(SERVER, 0, 1))])
    await debts.paid(settled, told)
    assert status.pending_ops == 0


async def test_what_comes_while_the_store_is_read_is_counted(store: HeldStore) -> None:
    status = RemoteStatus(SERVER)
    debts = DebtCount(status, store)
    store.holds = True
    count = asyncio.create_task(debts.count())
    await store.has_read.wait()
    await owe(store, 3)
    debts.added(3, 1000)
    assert status.pending_ops == 3
    store.tells.set()
    await count
    assert (status.pending_ops, status.oldest_pending_ms) == (3, 1000)


async def test_a_count_that_fails_leaves_the_next_one_to_count(store: HeldStore) -> None:
    status = RemoteStatus(SERVER)
    debts = DebtCount(status, store)
    await owe(store, 2)
    store.holds = True
    given_up = asyncio.create_task(debts.count())
    await store.has_read.wait()
    waiting = asyncio.create_task(debts.count())
    await turns()
    given_up.cancel()
    await waiting
    assert given_up.cancelled()
    assert status.pending_ops == 2
