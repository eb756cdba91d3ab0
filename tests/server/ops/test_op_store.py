"""Ops are stored once, in order, durably; a cursor tells one history from another."""

from __future__ import annotations

import asyncio
import json
import shutil
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, TypeVar

import apsw
import pytest

from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.core.state_vector import StateVector
from sila_daemon.core.wire import decode_ops, encode_ops
from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.server.limits.constants import ALTERNATES_MAX, COUNTER_JUMP_MAX, OP_BYTES_MAX
from sila_daemon.server.ops import op_queries
from sila_daemon.server.ops.op_queries import OpQueries
from sila_daemon.server.ops.op_store import ORIGIN, Batch, OpStore, Outcome, Position
from tests.server.world_fixture import OTHER_PEER, PEER, TREE, eventually, moves, prop

if TYPE_CHECKING:
    from sila_daemon.database.database import Database, Work

T = TypeVar("T")


@asynccontextmanager
async def op_store(path: Path) -> AsyncIterator[OpStore]:
    """A store on a real file."""
    store = await OpStore.open(InlineDatabases(), path, SystemClock(), SystemRandomness())
    try:
        yield store
    finally:
        await store.close()


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[OpStore]:
    async with op_store(tmp_path / "ops.sqlite") as opened:
        yield opened


async def commit(store: OpStore, ops: list[Op], tree_id: str = TREE, sender: str = "me") -> Outcome:
    (outcome,) = await store.commit([Batch(tree_id, ops, sender)], wants_text=True)
    return outcome


async def everything(store: OpStore, held: StateVector | None = None) -> list[Op]:
    found: list[Op] = []
    async for page in OpQueries(store).missing(TREE, held):
        ops, refused = decode_ops(page.text.encode())
        assert not refused and ops
        found += ops
    return found


async def test_doubles_are_counted_and_stored_once(store: OpStore) -> None:
    first = await commit(store, moves(1, 10))
    assert (first.accepted, first.duplicates, first.position.seq) == (10, 0, 10)
    second = await commit(store, moves(6, 12))
    assert (second.accepted, second.duplicates) == (2, 5)
    assert (second.previous, second.position.seq) == (first.position, 12)
    third = await commit(store, moves(1, 12))
    assert (third.accepted, third.position) == (0, second.position)
    assert await everything(store) == moves(1, 12)


async def test_a_double_within_one_batch(store: OpStore) -> None:
    outcome = await commit(store, moves(1, 2) + moves(1, 2))
    assert (outcome.accepted, outcome.duplicates) == (2, 2)


async def test_every_kind_of_value_comes_back_as_it_was(store: OpStore) -> None:
    ops: list[Op] = [
        MoveOp(1, PEER, "r", None),
        MoveOp(2, PEER, "\ud83d", "\udc00"),
        PropertyOp(3, PEER, "r", "\ud800", b"1.5"),
        PropertyOp(4, PEER, "r", 'a"\x00b', None),
        PropertyOp(5, PEER, "r", "k", b"null"),
        PropertyOp(6, PEER, "r", "k", b'"\\ud83d"'),
        PropertyOp(7, PEER, "r", "k", '["ü\u2028"]'.encode()),
        PropertyOp(8, PEER, "r", "k", b"{}"),
    ]
    await commit(store, ops)
    assert await everything(store) == ops
    (run,) = await OpQueries(store).runs_after(0, 8)
    assert run.ops == ops
    (step,) = await OpQueries(store).steps_after(0, 8, "other", wants_own=False)
    assert decode_ops(step.text.encode()) == (ops, []), "as SQLite renders them"
    assert json.loads(step.text) == json.loads(encode_ops(ops))


async def test_one_id_with_two_contents_keeps_both(store: OpStore) -> None:
    await commit(store, [prop(1, b"1")])
    again = await commit(store, [prop(1, b"1.0")])
    assert (again.duplicates, again.conflicts) == (1, []), "the same number, spelled differently"
    other = await commit(store, [prop(1, b"2")])
    assert (other.accepted, other.position.seq, other.conflicts) == (1, 2, [(1, PEER)])
    assert (await commit(store, [prop(1, b"2")])).duplicates == 1
    assert await everything(store) == [prop(1, b"1"), prop(1, b"2")]
    assert [run.ops for run in await OpQueries(store).runs_after(1, 2)] == [[prop(1, b"2")]]


async def test_contents_of_one_id_are_bounded(store: OpStore) -> None:
    contents = [prop(1, b"%d" % number) for number in range(ALTERNATES_MAX + 2)]
    outcomes = [await commit(store, [op]) for op in contents]
    assert [outcome.accepted for outcome in outcomes] == [1] * (ALTERNATES_MAX + 1) + [0]
    assert [error.code for error in outcomes[-1].rejected] == ["malformed_op"]


async def test_counters_may_not_jump(store: OpStore) -> None:
    far = COUNTER_JUMP_MAX + 2
    outcome = await commit(store, [*moves(1, 1), *moves(far, far)])
    assert outcome.accepted == 1
    assert [(error.code, error.op_id) for error in outcome.rejected] == [
        ("counter_jump", (far, PEER))
    ]
    stepping = await commit(store, [*moves(far, far), *moves(500, 500)])
    assert stepping.accepted == 2, "reached over the op at 500, whatever the order"
    (imported,) = await store.commit([Batch(TREE, moves(2**50, 2**50), "import")], trusted=True)
    assert imported.accepted == 1


async def test_a_value_that_is_too_large_is_refused_alone(store: OpStore) -> None:
    huge = b'"' + b"x" * OP_BYTES_MAX + b'"'
    outcome = await commit(store, [prop(1, huge), prop(2, b"1")])
    assert outcome.accepted == 1
    assert [error.code for error in outcome.rejected] == ["op_too_large"]


async def test_op_order_follows_locale_compare(store: OpStore) -> None:
    peers = ["b1", "B1", "a-1", "a_1", "A1", "a1"]
    for peer in peers:
        await commit(store, [*moves(2, 2, peer), *moves(1, 1, peer)])
    ordered = ["a_1", "a-1", "a1", "A1", "b1", "B1"]
    assert [(op.counter, op.peer) for op in await everything(store)] == [
        (counter, peer) for counter in (1, 2) for peer in ordered
    ]


async def test_pages_hold_every_op_once(store: OpStore, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(op_queries, "SCAN_ENTRIES", 7)
    monkeypatch.setattr(op_queries, "BATCH_OPS", 3)
    peers = [f"p{index}" for index in range(9)]
    for peer in peers:
        await commit(store, [*moves(5, 5, peer), *moves(8, 20, peer)])
    expected = 9 * 14
    found = await everything(store)
    assert len(found) == len({op.id for op in found}) == expected
    held = StateVector({"p0": [(1, 20)], "p1": [(5, 9)]})
    assert len(await everything(store, held)) == expected - 14 - 3
    assert (await OpQueries(store).vector(TREE)).to_json() == {
        peer: [[5, 5], [8, 20]] for peer in peers
    }


async def test_runs_keep_commits_trees_and_senders_apart(store: OpStore) -> None:
    first = await commit(store, moves(1, 3), sender="one")
    second = await commit(store, moves(1, 2, OTHER_PEER), sender="two")
    third = await commit(store, moves(1, 1), tree_id="e" * 32, sender="two")
    runs = await OpQueries(store).runs_after(1, 6)
    assert [(run.tree_id[0], run.sender, run.position, len(run.ops)) for run in runs] == [
        ("b", "one", first.position, 2),
        ("b", "two", second.position, 2),
        ("e", "two", third.position, 1),
    ]
    assert [run.position.seq for run in await OpQueries(store).runs_after(0, 4)] == [3, 4]


async def test_steps_join_what_others_committed_and_leave_out_what_is_own(
    store: OpStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    heads = [
        (await commit(store, moves(first, first + 1), tree_id, sender)).position
        for first, tree_id, sender in [
            (1, TREE, "one"), (3, TREE, "two"), (5, TREE, "me"), (7, TREE, "me"),
            (9, TREE, "one"), (1, "e" * 32, "one"),
        ]
    ]  # fmt: skip
    await commit(store, [MoveOp(1, PEER, "v1", "another parent")])
    queries = OpQueries(store)
    steps = await queries.steps_after(1, 12, "me", wants_own=False)
    assert [(step.tree_id[0], step.is_own, step.position) for step in steps] == [
        ("b", False, heads[1]), ("b", True, heads[2]), ("b", True, heads[3]),
        ("b", False, heads[4]), ("e", False, heads[5]),
    ]  # fmt: skip
    assert [len(json.loads(step.text or "[]")) for step in steps] == [3, 0, 0, 2, 2]
    asked = await queries.steps_after(0, 13, "me", wants_own=True)
    assert sum(len(json.loads(step.text)) for step in asked) == 13, "the second content too"
    monkeypatch.setattr(op_queries, "CHUNK_BYTES", 400)
    in_parts = await queries.steps_after(0, 4, "me", wants_own=True)
    assert [step.position.seq for step in in_parts] == [2, 4]
    assert in_parts[0].position == heads[0]
    monkeypatch.setattr(op_queries, "CHUNK_BYTES", 10)
    (small,) = await queries.steps_after(0, 4, "me", wants_own=True)
    assert (small.position.seq, small.position.tag) == (1, heads[0].tag), "never less than one"


async def test_a_cursor_belongs_to_one_history(store: OpStore) -> None:
    await commit(store, moves(1, 3))
    outcome = await commit(store, moves(4, 9))
    queries = OpQueries(store)
    inside = Position(5, outcome.position.tag)
    assert await queries.is_in_history(ORIGIN)
    assert await queries.is_in_history(outcome.position)
    assert await queries.is_in_history(inside)
    assert not await queries.is_in_history(Position(3, outcome.position.tag))
    assert not await queries.is_in_history(Position(10, outcome.position.tag))
    assert not await queries.is_in_history(Position(9, b"x" * 8))
    assert not await queries.is_in_history(Position(0, b"x" * 8))


async def test_a_restored_snapshot_does_not_know_later_cursors(tmp_path: Path) -> None:
    path = tmp_path / "ops.sqlite"
    async with op_store(path) as store:
        await commit(store, moves(1, 5))
        epoch = store.epoch
    shutil.copy(path, tmp_path / "snapshot")
    async with op_store(path) as store:
        lost = (await commit(store, moves(6, 8))).position
    shutil.copy(tmp_path / "snapshot", path)
    for suffix in ("-wal", "-shm"):
        path.with_name(path.name + suffix).unlink(missing_ok=True)
    async with op_store(path) as store:
        assert store.epoch == epoch
        assert not await OpQueries(store).is_in_history(lost)
        await commit(store, moves(6, 9))
        assert not await OpQueries(store).is_in_history(lost), "another commit has that number"


async def test_what_is_committed_is_there_after_opening_again(tmp_path: Path) -> None:
    path = tmp_path / "ops.sqlite"
    async with op_store(path) as store:
        head = (await commit(store, moves(1, 5))).position
        epoch = store.epoch
    async with op_store(path) as store:
        assert (store.head, store.epoch) == (head, epoch)
        assert await everything(store) == moves(1, 5)


async def test_a_failed_commit_leaves_nothing(
    store: OpStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    head = (await commit(store, moves(1, 1))).position

    def fail(*_: object) -> bytes:
        raise apsw.IOError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr("sila_daemon.server.ops.op_store.encode_ops", fail)
        with pytest.raises(Exception, match="the disk is gone"):
            await commit(store, moves(1, 3, OTHER_PEER), tree_id="f" * 32)
    assert store.head == head
    # The ids given to that tree and that peer were rolled back too, and are given out anew.
    await commit(store, moves(1, 1, "newcomer"), tree_id="newcomer")
    await commit(store, moves(1, 3, OTHER_PEER))
    assert [op.peer for op in await everything(store)] == [PEER] + [OTHER_PEER] * 3
    assert await OpQueries(store).tree_ids() == [TREE, "newcomer"]


async def test_what_a_failed_commit_had_counted_is_forgotten(
    store: OpStore, monkeypatch: pytest.MonkeyPatch
) -> None:
    await commit(store, moves(1, 1))

    def fail(*_: object) -> bytes:
        raise apsw.IOError("the disk is gone")

    with monkeypatch.context() as patched:
        patched.setattr("sila_daemon.server.ops.op_store.encode_ops", fail)
        with pytest.raises(Exception, match="the disk is gone"):
            await commit(store, moves(COUNTER_JUMP_MAX, COUNTER_JUMP_MAX))
    too_far = COUNTER_JUMP_MAX + 2
    (error,) = (await commit(store, moves(too_far, too_far))).rejected
    assert error.code == "counter_jump"
    kept = await commit(store, moves(2, 2))
    assert (kept.previous.seq, kept.position.seq) == (1, 2)


class LateDatabase:
    """A database that answers each transaction when it is let."""

    def __init__(self, database: Database) -> None:
        self._database = database
        self.answers: list[asyncio.Event] = []
        """Of each transaction that was kept, what lets it be told."""

    async def read(self, work: Work[T]) -> T:
        """Reads."""
        return await self._database.read(work)

    async def write(self, work: Work[T]) -> T:
        """Writes at once, and returns later."""
        result = await self._database.write(work)
        self.answers.append(asyncio.Event())
        await self.answers[-1].wait()
        return result

    async def tidy(self) -> None:
        """Tidies."""
        await self._database.tidy()

    async def close(self) -> None:
        """Closes."""
        await self._database.close()


async def test_commits_that_nobody_knows_of_yet_are_counted(store: OpStore) -> None:
    late = LateDatabase(store.database)
    store.database = late
    tasks: list[asyncio.Task[Outcome]] = []
    for counter in (1, 2):
        tasks.append(asyncio.create_task(commit(store, moves(counter, counter))))
        await eventually(lambda: len(late.answers) == len(tasks))
    late.answers[0].set()
    assert (await tasks[0]).position.seq == 1
    tasks.append(asyncio.create_task(commit(store, moves(3, 3))))
    await eventually(lambda: len(late.answers) == 3)
    tasks[1].cancel()
    late.answers[2].set()
    third = await tasks[2]
    assert (third.previous.seq, third.position.seq) == (2, 3)
    assert store.head == third.position
    assert await everything(store) == moves(1, 3)


async def test_text_of_new_ops_is_what_goes_out(store: OpStore) -> None:
    outcome = await commit(store, [prop(1, b'{"a":1.0}'), prop(2, None)])
    assert json.loads(outcome.text) == [
        {"id": {"counter": 1, "peerId": PEER}, "targetId": "v1", "key": "key",
         "value": {"a": 1.0}, "transient": False},
        {"id": {"counter": 2, "peerId": PEER}, "targetId": "v1", "key": "key",
         "transient": False},
    ]  # fmt: skip
    assert '"value":{"a":1.0}' in outcome.text
