"""A mirror and the stand-in for the original server, over real sockets, with its faults."""

from __future__ import annotations

import shutil
from collections import Counter
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core.errors import ProblemError
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.mirror.socketio_connector import SocketIoConnector
from sila_daemon.store.guard import GuardSettings
from sila_daemon.store.space_store import Delivery
from tests.mirror.bench import SETTINGS, SPACE, Bench, FixedTokens, until, until_async
from tests.original_server.running import RunningOriginal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Iterator
    from pathlib import Path

    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.space_mirror import SpaceMirror

OTHER = "66311b5732f44edab7e16ff76fa16666"
SEEN_AFTER_S = 0.8


@pytest.fixture
async def original(tmp_path: Path) -> AsyncIterator[RunningOriginal]:
    original = RunningOriginal(tmp_path / "original", SPACE)
    await original.start()
    yield original
    await original.kill()


@pytest.fixture
async def bench(tmp_path: Path, original: RunningOriginal) -> AsyncIterator[Bench]:
    connector = SocketIoConnector()
    bench = Bench(tmp_path, connector)
    bench.tokens = FixedTokens(original.token())
    bench.settings = replace(SETTINGS, seen_after_s=SEEN_AFTER_S, confirm_interval_s=1.0)
    yield bench
    await connector.close()
    bench.close()


def servers(original: RunningOriginal) -> tuple[ServerRecord, ...]:
    return (ServerRecord(original.url, "mirror"),)


def remote(mirror: SpaceMirror) -> dict[str, Any]:
    found = mirror.status()["remotes"][0]
    assert isinstance(found, dict)
    return found


def is_all_seen(mirror: SpaceMirror) -> bool:
    found = remote(mirror)
    return (
        found["state"] == "syncing"
        and found["pendingOps"] == 0
        and found["unconfirmedOps"] == 0
        and str(found["reason"]).startswith("everything was seen there")
    )


async def rename(mirror: SpaceMirror, name: str) -> None:
    def change(tree: RepTree) -> None:
        assert tree.root is not None
        tree.root.set("name", name)

    await mirror.edit(SPACE, change)


async def bring(mirror: SpaceMirror, tree_id: str, ops: list[Op]) -> None:
    """Has ops come in as from the folder."""
    layers = await mirror._ready_layers()
    await layers.intake.deliver(Delivery([(tree_id, op) for op in ops]))


def held(original: RunningOriginal, tree_id: str) -> set[tuple[int, str]]:
    """The ids in its memory."""
    replica = original.space.trees.get(tree_id)
    ops = [] if replica is None else replica.everything()
    return {(op["id"]["counter"], op["id"]["peerId"]) for op in ops}


def moves(first: int, count: int, peer: str = "aa") -> list[Op]:
    return [MoveOp(n, peer, f"v{n}-{peer}", None) for n in range(first, first + count)]


async def test_edits_are_seen_there_and_never_called_current(
    bench: Bench, original: RunningOriginal
) -> None:
    async with bench.mirror("a", servers=servers(original)) as a:
        states = {remote(a)["state"]}
        a.observe(lambda _: states.add(remote(a)["state"]))
        await until(lambda: a.status()["name"] == "Ours")
        await rename(a, "Renamed here")
        await until(lambda: remote(a)["pendingOps"] == 1)
        await until(lambda: is_all_seen(a))
        await a.sync_now()
        status = a.status()
        assert (status["state"], remote(a)["assurance"]) == ("syncing", "seen")
        assert remote(a)["unsupported"] == ["files", "secrets"]
        assert "everything was seen there" in status["reason"]
        assert remote(a)["lastAckAt"] is not None
        assert "current" not in states
        assert "Renamed here" in {op.get("value") for op in original.written()}
    assert Counter(original.ids_sent()).most_common(1)[0][1] == 1
    assert original.ends == []


async def test_what_is_only_echoed_too_early_is_not_seen(
    bench: Bench, original: RunningOriginal
) -> None:
    """The server dies within the 500 ms in which an op is in its memory alone."""
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: is_all_seen(a))
        await rename(a, "Lost at first")
        sent = len(original.ids_sent())
        await until(lambda: len(original.ids_sent()) > sent or sent > 0)
        assert remote(a)["pendingOps"] == 1
        await original.kill()
        await original.start()
        assert "Lost at first" not in {op.get("value") for op in original.written()}
        await until(lambda: is_all_seen(a))
        assert "Lost at first" in {op.get("value") for op in original.written()}


async def test_two_devices_exchange_live_and_app_trees_are_found_by_tid(
    bench: Bench, original: RunningOriginal
) -> None:
    async with (
        bench.mirror("a", servers=servers(original)) as a,
        bench.mirror("b", servers=servers(original)) as b,
    ):
        await until(lambda: is_all_seen(a) and is_all_seen(b))
        await bring(a, OTHER, moves(1, 500))
        await bring(a, SPACE, [PropertyOp(50, "bb", SPACE, "tid", b'"%s"' % OTHER.encode())])
        await until(lambda: b.status()["ops"] == a.status()["ops"] and is_all_seen(b))
        await rename(b, "From b")
        await until(lambda: a.status()["name"] == "From b")
        await until(lambda: is_all_seen(a) and is_all_seen(b))
    async with bench.mirror("late", servers=servers(original)) as late:
        await until(lambda: late.status()["name"] == "From b" and late.status()["ops"] > 500)
        await until(lambda: is_all_seen(late))
    assert max(Counter(original.ids_sent()).values()) == 1, "nothing goes back to it or twice"


async def test_a_restart_sends_nothing_again(bench: Bench, original: RunningOriginal) -> None:
    async with bench.mirror("a", servers=servers(original)) as a:
        await bring(a, OTHER, moves(1, 300))
        await until(lambda: is_all_seen(a))
        await bring(a, OTHER, moves(301, 300))
        await until(lambda: len(original.ids_sent()) == 600)
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: is_all_seen(a))
        assert len(held(original, OTHER)) == 600
    assert len(original.ids_sent()) == 600


async def test_what_the_server_has_when_both_meet_is_not_sent(
    bench: Bench, original: RunningOriginal
) -> None:
    original.space.send({"treeId": OTHER, "ops": [_wire(op) for op in moves(1, 200)]})
    async with bench.mirror("a") as a:
        await bring(a, OTHER, moves(101, 200))
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: is_all_seen(a))
        assert len(held(original, OTHER)) == 300
    assert {counter for counter, _ in original.ids_sent()} == set(range(201, 301))


async def test_losers_are_seen_in_a_full_answer(bench: Bench, original: RunningOriginal) -> None:
    winner = PropertyOp(9, "zz", SPACE, "mark", b'"newer"')
    await original.server.tell(SPACE, {"treeId": SPACE, "ops": [_wire(winner)]})
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: is_all_seen(a))
        questions = len(original.sent("ops:state"))
        await bring(a, SPACE, [PropertyOp(8, "aa", SPACE, "mark", b'"older"')])
        await until(lambda: is_all_seen(a))
        asked = original.sent("ops:state")[questions:]
        assert {"trees": {SPACE: None}} in asked, "it shows in a full answer only"
    assert original.ids_sent() == [(8, "aa")]


async def test_an_op_that_is_missing_from_memory_is_sent_again_at_most_twice(
    bench: Bench, original: RunningOriginal
) -> None:
    """A move below a vertex that nobody made waits there, and is shown to nobody."""
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: is_all_seen(a))
        await bring(a, OTHER, [*moves(1, 5), MoveOp(6, "aa", "child", "nobody")])
        await until(lambda: remote(a)["unconfirmedOps"] == 1 and len(original.ids_sent()) == 8)
        with pytest.raises(ProblemError, match="sent 3 times and not seen"):
            await a.sync_now()
        assert remote(a)["pendingOps"] == 1
        assert Counter(original.ids_sent())[6, "aa"] == 3
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: remote(a)["unconfirmedOps"] == 1)
        await bring(a, OTHER, [MoveOp(7, "aa", "nobody", None)])
        await until(lambda: is_all_seen(a))
    assert Counter(original.ids_sent())[6, "aa"] == 3


async def test_ops_that_came_while_a_tree_was_written_are_sent_again(
    bench: Bench, original: RunningOriginal
) -> None:
    original.server.writing_s = 0.3
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: is_all_seen(a))
        for first in range(1, 100, 10):
            await bring(a, OTHER, moves(first, 10))
            await until(lambda up_to=first + 9: (up_to, "aa") in original.ids_sent())  # type: ignore[misc]
        await until(lambda: is_all_seen(a))
        assert len(held(original, OTHER)) == 100
    assert max(Counter(original.ids_sent()).values()) <= 3


async def test_what_was_sent_while_the_server_answers_is_not_taken_to_be_missing(
    bench: Bench, original: RunningOriginal
) -> None:
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: is_all_seen(a))
        original.server.answering_s = 1.5 * SEEN_AFTER_S
        last = 0
        while sum(bool(asked["trees"]) for asked in original.sent("ops:state")) < 5:
            await bring(a, OTHER, moves(last + 1, 10))
            last += 10
            await until(lambda up_to=last: (up_to, "aa") in original.ids_sent())  # type: ignore[misc]
        await until(lambda: is_all_seen(a))
    assert max(Counter(original.ids_sent()).values()) == 1


async def test_frames_stay_small_and_an_op_that_is_too_large_is_kept(
    bench: Bench, original: RunningOriginal
) -> None:
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: is_all_seen(a))
        large = [
            PropertyOp(n, "aa", SPACE, f"k{n}", b'"%s"' % (b"x" * 90_000)) for n in range(10, 30)
        ]
        just_fits = PropertyOp(40, "aa", SPACE, "big", b'"%s"' % (b"y" * 998_000))
        too_large = PropertyOp(41, "aa", SPACE, "huge", b'"%s"' % (b"z" * 1_000_000))
        await bring(a, SPACE, [*large, just_fits, too_large])
        await until(lambda: remote(a)["refusedOps"] == 1 and remote(a)["pendingOps"] == 1)
        status = remote(a)
        assert (status["state"], status["unconfirmedOps"]) == ("needs_you", 0)
        assert {(40, "aa"), (29, "aa")} <= held(original, SPACE)
        assert original.ends == []
    sizes = [len(str(payload)) for payload in original.sent("ops:send")]
    assert sorted(sizes)[-2] < 300_000


async def test_an_original_that_went_back_in_time_is_refilled(
    bench: Bench, original: RunningOriginal, tmp_path: Path
) -> None:
    async with bench.mirror("a", servers=servers(original)) as a:
        await bring(a, OTHER, moves(1, 20))
        await until(lambda: is_all_seen(a))
        shutil.copytree(original.data, tmp_path / "copy")
        await bring(a, OTHER, moves(21, 20))
        await bring(a, SPACE, [PropertyOp(60, "aa", SPACE, "note", b'"later"')])
        await until(lambda: is_all_seen(a))
        await original.put_back(tmp_path / "copy")
        assert len(held(original, OTHER)) == 20
        await until_async(lambda: _has(original, OTHER, 40))
        await until(lambda: (60, "aa") in held(original, SPACE))
        await until(lambda: is_all_seen(a))


@contextmanager
def poisoned(original: RunningOriginal) -> Iterator[None]:
    """Has the server's process end on an op about `poison`."""
    kind = type(original.space)
    send = kind.send

    def dies(self: Any, payload: Any) -> dict[str, Any]:
        if any(op["targetId"] == "poison" for op in payload["ops"]):
            raise TypeError("an op that the process does not survive")
        return send(self, payload)

    kind.send = dies  # type: ignore[method-assign]
    try:
        yield
    finally:
        kind.send = send  # type: ignore[method-assign]


POISON = [*moves(1, 6), MoveOp(7, "aa", "poison", None), *moves(8, 3)]


async def test_an_op_that_kills_the_server_is_found_and_its_neighbours_arrive(
    bench: Bench, original: RunningOriginal
) -> None:
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: is_all_seen(a))
        with poisoned(original):
            await bring(a, OTHER, POISON)
            await _restarted_until(original, a, lambda: remote(a)["refusedOps"] == 1)
            await _restarted_until(original, a, lambda: remote(a)["pendingOps"] == 1)
        assert held(original, OTHER) == {(n, "aa") for n in (1, 2, 3, 4, 5, 6, 8, 9, 10)}


async def test_a_server_that_answers_once_more_before_it_dies_gets_it_three_times(
    bench: Bench, original: RunningOriginal
) -> None:
    """It takes the op while it answers the question that was sent after it."""
    original.dies_after_s = 0.1
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: is_all_seen(a))
        with poisoned(original):
            await bring(a, OTHER, POISON)
            await _restarted_until(
                original, a, lambda: remote(a)["pendingOps"] == remote(a)["unconfirmedOps"] == 1
            )
        assert held(original, OTHER) == {(n, "aa") for n in (1, 2, 3, 4, 5, 6, 8, 9, 10)}
        assert (len(original.ends), remote(a)["refusedOps"]) == (3, 0)


async def test_what_an_original_server_says_and_is_no_op_is_set_aside(
    bench: Bench, original: RunningOriginal
) -> None:
    async with bench.mirror("a", servers=servers(original)) as a:
        await until(lambda: is_all_seen(a))
        good = _wire(moves(1, 1)[0])
        bad = {"id": {"counter": -1, "peerId": "aa"}, "targetId": "x", "parentId": None}
        escaping = {"treeId": "../../evil", "ops": [good]}
        await original.server.announce(SPACE, {"treeId": OTHER, "ops": [bad, good]})
        await original.server.announce(SPACE, escaping)
        await until(lambda: remote(a)["setAsideOps"] == 2)
        assert (remote(a)["state"], a.status()["ops"]) == ("needs_you", 7)
        asked = {tree for one in original.sent("ops:state") for tree in one["trees"]}
        assert asked <= {SPACE, OTHER}, "it is never asked for what is no tree's name"


async def test_much_that_is_taken_away_there_is_held(
    bench: Bench, original: RunningOriginal
) -> None:
    bench.settings = replace(bench.settings, guard=GuardSettings(vertices_min=10))
    async with bench.mirror("a", servers=servers(original)) as a:
        below = [MoveOp(n, "aa", f"v{n}", SPACE) for n in range(10, 40)]
        await bring(a, SPACE, list(below))
        await until(lambda: is_all_seen(a))
        gone = [MoveOp(n + 40, "bb", f"v{n}", "0") for n in range(10, 40)]
        await original.server.tell(SPACE, {"treeId": SPACE, "ops": [_wire(op) for op in gone]})
        await until(lambda: a.status()["heldOps"] == 30)
        assert a.status()["state"] == "needs_you"
        assert remote(a)["pendingOps"] == 0
    assert len(original.ids_sent()) == 30, "what is held goes nowhere"


async def test_live_state_passes_both_ways(bench: Bench, original: RunningOriginal) -> None:
    async with (
        bench.mirror("a", servers=servers(original)) as a,
        bench.mirror("b", servers=servers(original)) as b,
    ):
        await until(lambda: is_all_seen(a) and is_all_seen(b))

        def show(tree: RepTree) -> None:
            assert tree.root is not None
            tree.set_transient(tree.root.id, "cursor", 7)

        await a.edit(SPACE, show)
        await until_async(lambda: _shows(b, "cursor", 7))
        await until(lambda: is_all_seen(a))


async def _shows(mirror: SpaceMirror, key: str, value: object) -> bool:
    root = (await mirror.tree(SPACE)).root
    return root is not None and root.get(key) == value


async def _has(original: RunningOriginal, tree_id: str, count: int) -> bool:
    return len(held(original, tree_id)) == count


async def _restarted_until(original: RunningOriginal, mirror: SpaceMirror, condition: Any) -> None:
    """Starts the server whenever it died, as a service manager does."""

    async def is_so() -> bool:
        if not original.is_running:
            await original.start()
        return bool(condition())

    try:
        await until_async(is_so, 30)
    except TimeoutError:
        raise AssertionError(mirror.status()) from None


def _wire(op: Op) -> dict[str, Any]:
    found: dict[str, Any] = {"id": {"counter": op.counter, "peerId": op.peer}}
    if isinstance(op, MoveOp):
        return found | {"targetId": op.target, "parentId": op.parent}
    assert op.value is not None
    return found | {
        "targetId": op.target,
        "key": op.key,
        "value": op.value.decode().strip('"'),
        "transient": False,
    }
