"""The store: ops, debts, cursors and positions, each in one transaction with what it covers."""

from __future__ import annotations

from typing import TYPE_CHECKING

import apsw
import pytest

from sila_daemon.core.errors import StorageError
from sila_daemon.core.ops import MoveOp, Op, OpId, PropertyOp
from sila_daemon.core.state_vector import StateVector
from sila_daemon.database.database import InlineDatabases, ThreadDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store.positions import FileProgress, Position, Positions
from sila_daemon.store.quarantine import Refusal
from sila_daemon.store.servers import Cursor, Servers
from sila_daemon.store.space_store import Acknowledgement, Delivery, Sizes, SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TREE = "66311b5732f44edab7e16ff76fa16666"
SERVER = "https://example.org"


def move(counter: int, target: str, parent: str | None = None, peer: str = "a") -> MoveOp:
    return MoveOp(counter, peer, target, parent)


def prop(counter: int, key: str, value: bytes | None, peer: str = "a") -> PropertyOp:
    return PropertyOp(counter, peer, "v", key, value)


def delivery(*ops: Op, source: str | None = None, cursor: Cursor | None = None) -> Delivery:
    return Delivery([(TREE, op) for op in ops], source, cursor=cursor)


async def owed(store: SpaceStore, layer: str) -> list[Op]:
    return [entry.op for entry in await store.owed(layer, 0, 1000)]


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SpaceStore]:
    databases = ThreadDatabases()
    opened = await SpaceStore.open(databases, tmp_path / "space.sqlite", SystemClock())
    await opened.set_layers(["folder", SERVER])
    yield opened
    await opened.close()
    databases.close()


async def test_an_op_is_stored_once_and_owed_to_every_other_layer(store: SpaceStore) -> None:
    first = move(1, "v")
    (committed,) = await store.commit([delivery(first, first, source="folder")])
    assert committed.new == [(TREE, first)]
    assert committed.duplicate_count == 1
    assert await owed(store, "folder") == []
    assert await owed(store, SERVER) == [first]
    (again,) = await store.commit([delivery(first, source=SERVER)])
    assert again.new == []
    assert again.settled_count == 1
    assert await owed(store, SERVER) == []


async def test_a_local_edit_is_owed_to_all(store: SpaceStore) -> None:
    await store.commit([delivery(move(1, "v"))])
    assert await owed(store, "folder") == await owed(store, SERVER) == [move(1, "v")]


async def test_what_is_read_back_is_what_was_stored(store: SpaceStore) -> None:
    ops: list[Op] = [
        move(1, "v"),
        move(2, "cut \ud83d", "ünïcode"),
        prop(3, "k\ud83d", b'"\\ud83d"'),
        prop(4, "number", b"1.0e2"),
        prop(5, "gone", None),
        prop(6, "empty", b"{}"),
        prop(7, "null", b"null"),
        move(8, "v", "0", peer="b"),
    ]
    await store.commit([delivery(*ops)])
    assert await owed(store, SERVER) == ops
    rows = await store.load(TREE)
    assert [found.peer for found in rows] == ["a", "b"]
    assert [row.counter for row in rows[0].moves] == [1, 2]
    assert [row.target for row in rows[0].moves] == ["v", "cut \ud83d"]
    assert [row.value for row in rows[0].properties] == [
        b'"\\ud83d"', b"1.0e2", None, b"{}", b"null"
    ]  # fmt: skip
    assert await store.log.find(TREE, [OpId(4, "a"), OpId(9, "a")]) == {
        OpId(4, "a"): [ops[3]],
        OpId(9, "a"): [],
    }
    assert await store.log.history(TREE, "v") == [op for op in ops if op.target == "v"]


async def test_loading_goes_in_chunks_and_misses_nothing(
    store: SpaceStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sila_daemon.store.space_store.LOAD_CHUNK_OPS", 7)
    ops = [move(n, f"v{n}", peer=f"p{n % 3}") for n in range(1, 50)]
    await store.commit([delivery(*ops)])
    loaded = {(rows.peer, row.counter) for rows in await store.load(TREE) for row in rows.moves}
    assert loaded == {(op.peer, op.counter) for op in ops}


async def test_two_contents_of_one_id_are_both_kept_and_passed_on(store: SpaceStore) -> None:
    await store.commit([delivery(prop(1, "k", b"1"), source="folder")])
    (committed,) = await store.commit([delivery(prop(1, "k", b"2"), source=SERVER)])
    assert committed.conflicts == [(TREE, OpId(1, "a"))]
    assert await owed(store, "folder") == [prop(1, "k", b"2")]
    assert await owed(store, SERVER) == [prop(1, "k", b"1")]
    assert (await store.log.find(TREE, [OpId(1, "a")]))[OpId(1, "a")] == [
        prop(1, "k", b"1"),
        prop(1, "k", b"2"),
    ]


async def test_contents_that_mean_the_same_are_one(store: SpaceStore) -> None:
    await store.commit([delivery(prop(1, "k", None), prop(2, "n", b"1.0"))])
    (committed,) = await store.commit([delivery(prop(1, "k", b"{}"), prop(2, "n", b"1"))])
    assert not committed.new
    assert not committed.conflicts


async def test_many_ops_of_a_peer_are_told_from_those_held(store: SpaceStore) -> None:
    evens = [prop(n, "k", b"%d" % n) for n in range(2, 2000, 2)]
    await store.commit([delivery(*evens)])
    everything = [prop(n, "k", b"%d" % n) for n in range(1, 2000)]
    (committed,) = await store.commit([delivery(*everything)])
    assert [op.counter for _, op in committed.new] == list(range(1, 2000, 2))
    assert await store.vector(TREE) == StateVector({"a": [(1, 1999)]})


async def test_ops_between_those_held_are_new_and_one_that_comes_twice_at_once_is_not(
    store: SpaceStore,
) -> None:
    held: list[Op] = [move(counter, f"v{counter}") for counter in range(1, 61, 2)]
    between: list[Op] = [prop(counter, "k", b"1") for counter in range(2, 61, 2)]
    await store.commit([delivery(*held)])
    (committed,) = await store.commit([delivery(*between)])
    assert [op for _, op in committed.new] == between
    later: list[Op] = [move(counter, "later") for counter in range(100, 130)]
    (again,) = await store.commit([delivery(*later, later[3], between[0], held[7])])
    assert [op for _, op in again.new] == later
    assert again.duplicate_count == 3
    other = move(104, "another content")
    (conflicting,) = await store.commit([delivery(*later[:20], other)])
    assert [op for _, op in conflicting.new] == [other]
    assert conflicting.conflicts == [(TREE, OpId(104, "a"))]


async def test_debts_end_one_by_one_however_they_lie(store: SpaceStore) -> None:
    await store.commit([delivery(*(move(counter, "v") for counter in range(1, 11)))])
    await store.settle(SERVER, [9, 2, 3, 3, 5, 10, 77])
    left = [entry.seq for entry in await store.owed(SERVER, 0, 100)]
    assert left == [1, 4, 6, 7, 8]
    assert len(await owed(store, "folder")) == 10


async def test_a_vector_has_a_range_for_each_run(store: SpaceStore) -> None:
    for peer, counters in {"a": [1, 2, 3, 7, 9, 10], "b": [4, 6]}.items():
        await store.commit([delivery(*(prop(n, "k", b"1", peer) for n in counters))])
    assert await store.vector(TREE) == StateVector(
        {"a": [(1, 3), (7, 7), (9, 10)], "b": [(4, 4), (6, 6)]}
    )
    assert await store.vector("unknown") == StateVector()


async def test_the_clock_of_a_tree_only_rises(store: SpaceStore) -> None:
    await store.commit([Delivery([(TREE, move(5, "v"))], counters={TREE: 9, "other": 3})])
    await store.commit([Delivery([(TREE, move(6, "w"))], counters={TREE: 2})])
    assert await store.counter(TREE) == 9
    assert await store.counter("other") == 3
    # Of the other one there was live state only: it is no tree that anybody can look at.
    assert await store.tree_ids() == [TREE]
    assert (await store.sizes()).trees == 1


async def test_a_cursor_is_stored_with_the_ops_or_not_at_all(store: SpaceStore) -> None:
    servers = Servers(store.database)
    cursor = Cursor("epoch", 1, "AB")
    await store.commit([delivery(move(1, "v"), source=SERVER, cursor=cursor)])
    assert (await servers.facts(SERVER)).cursor == cursor
    unstorable = MoveOp(2, "a", "w", None)
    broken = Delivery(
        [(TREE, unstorable), (TREE, MoveOp(2**70, "a", "x", None))], SERVER,
        cursor=Cursor("epoch", 3, "CD"),
    )  # fmt: skip
    with pytest.raises(OverflowError):
        await store.commit([broken])
    assert (await servers.facts(SERVER)).cursor == cursor
    (committed,) = await store.commit([delivery(unstorable, source=SERVER)])
    assert committed.new == [(TREE, unstorable)]


async def test_a_new_peer_of_an_undone_transaction_is_made_again(store: SpaceStore) -> None:
    bad = [("tree-2", MoveOp(1, "newcomer", "v", None)), ("tree-2", MoveOp(2**70, "z", "v", None))]
    with pytest.raises(OverflowError):
        await store.commit([Delivery(bad)])
    await store.commit([Delivery([("tree-3", MoveOp(1, "z", "v", None))])])
    await store.commit([Delivery([("tree-2", MoveOp(1, "newcomer", "v", None))])])
    assert (await store.load("tree-2"))[0].peer == "newcomer"


async def test_a_position_and_its_problems_come_with_the_ops(store: SpaceStore) -> None:
    from sila_daemon.folder.problems import Problem

    positions = Positions(store.database)
    at = Position("space-v1/ops/x-m.jsonl", 7, 100, 5, 90, 3, b"tail")
    bad_line = Problem(at.path, 2, "bad_json", "not JSON")
    await store.commit([Delivery(progress=FileProgress(at, (bad_line,)))])
    assert await positions.load() == {at.path: at}
    assert await positions.problems() == [bad_line]
    await store.commit([Delivery(progress=FileProgress(at, (), is_restart=True))])
    assert await positions.problems() == []


async def test_a_new_layer_is_owed_everything_and_a_removed_one_forgotten(
    store: SpaceStore,
) -> None:
    await store.commit([delivery(move(1, "v"), source="folder")])
    await store.set_layers(["folder", SERVER, "https://second.example"])
    assert await owed(store, "https://second.example") == [move(1, "v")]
    await store.set_layers(["folder"])
    assert (await store.debt(SERVER)).ops == 0


async def test_debts_end_by_acknowledgement_only(store: SpaceStore) -> None:
    await store.commit([delivery(move(1, "v"), move(2, "w"), move(3, "x"))])
    first, second, third = await store.owed(SERVER, 0, 10)
    refusal = Refusal(second.seq, "bad_id", "no")
    answer = Acknowledgement([first], [refusal], Cursor("e", 1, "T"))
    await store.acknowledge(SERVER, [answer])
    assert [entry.op for entry in await store.owed(SERVER, 0, 10)] == [third.op]
    debt = await store.debt(SERVER)
    assert (debt.ops, debt.refused) == (2, 1)
    assert debt.oldest_ms is not None
    assert (await Servers(store.database).facts(SERVER)).acknowledged_ms is not None
    await store.settle(SERVER, [second.seq])
    assert (await store.debt(SERVER)).refused == 0


async def test_comparing_owes_again_what_the_server_lost(store: SpaceStore) -> None:
    ops = [move(n, f"v{n}") for n in range(1, 6)]
    await store.commit([delivery(*ops, source=SERVER)])
    assert await owed(store, SERVER) == []
    await store.compare(SERVER, {TREE: StateVector({"a": [(1, 2), (4, 4), (99, 100)]})})
    assert await owed(store, SERVER) == [ops[2], ops[4]]
    await store.compare(SERVER, {TREE: StateVector({"a": [(1, 5)]})})
    assert await owed(store, SERVER) == []


async def test_comparing_owes_every_content_of_an_id_that_has_several(store: SpaceStore) -> None:
    one, other, alone = move(1, "v"), move(1, "w"), move(2, "x")
    await store.commit([delivery(one, alone, source=SERVER), delivery(other, source=SERVER)])
    await store.compare(SERVER, {TREE: StateVector({"a": [(1, 2)]})})
    assert await owed(store, SERVER) == [one, other]


async def test_everything_is_there_after_a_restart(tmp_path: Path) -> None:
    path = tmp_path / "space.sqlite"
    store = await SpaceStore.open(InlineDatabases(), path, SystemClock())
    await store.set_layers([SERVER])
    await store.commit([delivery(move(1, "v"))])
    await store.close()
    store = await SpaceStore.open(InlineDatabases(), path, SystemClock())
    await store.set_layers([SERVER])
    assert await owed(store, SERVER) == [move(1, "v")]
    assert await store.sizes() == Sizes(1, 1, 0)
    assert await store.tree_ids() == [TREE]
    await store.close()


async def test_a_damaged_file_is_told(tmp_path: Path) -> None:
    path = tmp_path / "space.sqlite"
    path.write_bytes(b"this is no database, and long enough to be looked at" * 100)
    with pytest.raises(StorageError):
        await SpaceStore.open(InlineDatabases(), path, SystemClock())
    connection = apsw.Connection(str(tmp_path / "other.sqlite"))
    connection.pragma("application_id", 1)
    connection.close()
    with pytest.raises(StorageError):
        await SpaceStore.open(InlineDatabases(), tmp_path / "other.sqlite", SystemClock())


async def test_debts_end_with_the_one_that_reaches_so_many_bytes(store: SpaceStore) -> None:
    ops: list[Op] = [
        prop(1, "a", b'"1234"'),
        move(2, "v", "0"),
        prop(3, "b", None),
        prop(4, "c", b"123456"),
    ]
    await store.commit([delivery(*ops)])
    found = [len(await store.owed(SERVER, 0, 10, bytes_max)) for bytes_max in (1, 6, 7, 12, 13)]
    assert found == [1, 1, 4, 4, 4]
    assert [one.op for one in await store.owed(SERVER, 0, 2, 100)] == ops[:2]
