"""What needs somebody is kept: with its reason, in one transaction with what it goes with."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import StorageError
from sila_daemon.core.ops import MoveOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store.quarantine import NoOp, Quarantine, Refusal
from sila_daemon.store.servers import Cursor, Servers
from sila_daemon.store.space_store import Delivery, SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TREE = "66311b5732f44edab7e16ff76fa16666"
SERVER, OTHER = "https://example.org", "https://other.example"
NONSENSE = NoOp(TREE, b'{"id":7}', "malformed_op", "an op without an id")


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SpaceStore]:
    opened = await SpaceStore.open(InlineDatabases(), tmp_path / "space.sqlite", SystemClock())
    await opened.set_layers([SERVER, OTHER])
    yield opened
    await opened.close()


async def test_the_cursor_goes_on_with_what_is_set_aside_or_not_at_all(store: SpaceStore) -> None:
    quarantine, servers = Quarantine(store.database), Servers(store.database)
    broken = Delivery(
        [(TREE, MoveOp(1 << 70, "a", "v", None))],
        SERVER,
        cursor=Cursor("e", 2, "T"),
        set_aside=[NONSENSE],
    )
    with pytest.raises((StorageError, OverflowError)):
        await store.commit([broken])
    assert await quarantine.page(SERVER, "set_aside") == []
    assert (await servers.facts(SERVER)).cursor is None
    good = Delivery([], SERVER, cursor=Cursor("e", 2, "T"), set_aside=[NONSENSE, NONSENSE])
    await store.commit([good])
    await store.commit([good])
    [entry] = await quarantine.page(SERVER, "set_aside")
    assert (entry.raw, entry.tree_id, entry.op) == (NONSENSE.raw, TREE, None)
    assert (entry.code, entry.message) == (NONSENSE.code, NONSENSE.message)
    assert (await servers.facts(SERVER)).cursor == Cursor("e", 2, "T")
    assert await quarantine.counts(SERVER) == (0, 1)
    assert await quarantine.counts(OTHER) == (0, 0)
    assert await quarantine.set_aside_size(SERVER) == (1, len(NONSENSE.raw))
    await quarantine.forget(SERVER, [entry.number])
    assert await quarantine.counts(SERVER) == (0, 0)


async def test_a_refused_op_stays_owed_until_it_is_released_or_paid(store: SpaceStore) -> None:
    quarantine = Quarantine(store.database)
    ops = [MoveOp(number, "a", f"v{number}", None) for number in (1, 2, 3)]
    await store.commit([Delivery([(TREE, op) for op in ops])])
    first, second, third = await store.owed(SERVER, 0, 10)
    reasons = [Refusal(owed.seq, "bad_id", f"no {owed.seq}") for owed in (first, third)]
    await quarantine.refuse(SERVER, reasons, 1234)
    assert await store.owed(SERVER, 0, 10) == [second]
    assert len(await store.owed(OTHER, 0, 10)) == 3
    debt = await store.debt(SERVER)
    assert (debt.ops, debt.refused, debt.set_aside) == (3, 2, 0)
    [entry] = await quarantine.page(SERVER, "refused", after=first.seq)
    assert (entry.op, entry.at_ms, entry.message) == (ops[2], 1234, f"no {third.seq}")
    assert len(await quarantine.page(SERVER, "refused", limit=1)) == 1
    await store.settle(SERVER, [first.seq])
    assert await quarantine.release(SERVER) == reasons[1:]
    assert await store.owed(SERVER, 0, 10) == [second, third]


async def test_a_server_that_is_removed_takes_its_quarantine_with_it(store: SpaceStore) -> None:
    await store.commit([Delivery([(TREE, MoveOp(1, "a", "v", None))])])
    [owed] = await store.owed(SERVER, 0, 10)
    quarantine = Quarantine(store.database)
    await quarantine.refuse(SERVER, [Refusal(owed.seq, "bad_id", "no")], 1)
    await store.commit([Delivery([], SERVER, set_aside=[NONSENSE])])
    await store.set_layers([OTHER])
    await store.set_layers([SERVER, OTHER])
    assert await quarantine.counts(SERVER) == (0, 0)
    assert len(await store.owed(SERVER, 0, 10)) == 1
