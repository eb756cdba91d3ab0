"""Ops that a server cannot take, and ops of a server that cannot be read, hold up nothing else."""

from __future__ import annotations

import json
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core.errors import FormatError, NotFoundError
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.mirror.messages import decode_ops_message
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.store import quarantine
from sila_daemon.store.space_store import Delivery
from tests.mirror.bench import Bench, current, until

if TYPE_CHECKING:
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.mirror.fake_server import FakeServer

TREE = "66311b5732f44edab7e16ff76fa16666"


def servers(*found: FakeServer) -> tuple[ServerRecord, ...]:
    return tuple(ServerRecord(server.url, "keep") for server in found)


def ops(first: int, count: int) -> list[Op]:
    return [MoveOp(n, "aa", f"v{n}", None) for n in range(first, first + count)]


async def save(mirror: SpaceMirror, new: list[Op]) -> None:
    layers = mirror._layers
    assert layers is not None
    await layers.intake.deliver(Delivery([(TREE, op) for op in new]))


def held(server: FakeServer) -> set[str]:
    return {op.target for _, op in server.history}


def remote(mirror: SpaceMirror) -> dict[str, Any]:
    found: dict[str, Any] = mirror.status()["remotes"][0]
    return found


async def refused(mirror: SpaceMirror, server: FakeServer) -> list[tuple[str, str]]:
    found = await mirror.quarantined(server.url, "refused")
    return [(entry.op.target if entry.op else "", entry.code) for entry in found]


async def test_an_op_that_ends_the_connection_is_found_and_its_neighbours_go(
    bench: Bench, server: FakeServer
) -> None:
    server.dies_on = {"v7", "v31"}
    async with bench.mirror("a", servers=servers(server)) as a:
        await save(a, ops(1, 40))
        await until(lambda: remote(a)["refusedOps"] == 2)
        assert await refused(a, server) == [("v7", "ends_connection"), ("v31", "ends_connection")]
        await until(lambda: len(held(server)) == 38)
        await until(lambda: (remote(a)["state"], remote(a)["pendingOps"]) == ("needs_you", 2))
        assert remote(a)["reason"] == "the server refuses 2 changes; see: sila-daemon outbox"
        alone = server.sent_targets.count(["v7"])
        assert alone >= 2, "one failure is not enough"
        await save(a, ops(41, 1))
        await until(lambda: "v41" in held(server))
        assert server.sent_targets.count(["v7"]) == alone, "it is not offered again by itself"
    async with bench.mirror("a", servers=servers(server)) as a:
        await until(lambda: remote(a)["state"] == "needs_you")
        assert len(await refused(a, server)) == 2
        server.dies_on = set()
        assert await a.retry_quarantined(server.url) == (2, 0)
        await current(a)
        assert {"v7", "v31"} <= held(server)
        assert await refused(a, server) == []


async def test_new_edits_go_while_the_poison_is_looked_for(
    bench: Bench, server: FakeServer
) -> None:
    server.dies_on = {"v3"}
    async with bench.mirror("a", servers=servers(server)) as a:
        await save(a, ops(1, 8))
        await until(lambda: len(server.sent_targets) >= 1)
        await save(a, ops(9, 1))
        await until(lambda: "v9" in held(server))
        await until(lambda: remote(a)["refusedOps"] == 1 and len(held(server)) == 8)
        [entry] = await a.quarantined(server.url, "refused")
        assert entry.op == MoveOp(3, "aa", "v3", None)


async def test_a_batch_that_is_refused_whole_is_halved(bench: Bench, server: FakeServer) -> None:
    server.refuses_whole = {"v5": "value_not_json"}
    async with bench.mirror("a", servers=servers(server)) as a:
        await save(a, ops(1, 16))
        await until(lambda: len(held(server)) == 15)
        await until(lambda: remote(a)["refusedOps"] == 1)
        [entry] = await a.quarantined(server.url, "refused")
        assert (entry.code, entry.message, entry.tree_id) == ("value_not_json", "no batch", TREE)
        assert entry.op == MoveOp(5, "aa", "v5", None) and entry.at_ms > 0
        assert len(server.connections) == 1, "for that no connection has to end"


async def test_a_server_that_fails_on_an_op_holds_up_only_that_op(
    bench: Bench, server: FakeServer
) -> None:
    server.refuses_whole = {"v5": "internal"}
    async with bench.mirror("a", servers=servers(server)) as a:
        await save(a, ops(1, 16))
        await until(lambda: len(held(server)) == 15)
        await until(lambda: server.sent_targets.count(["v5"]) >= 2)
        assert await refused(a, server) == [], "only its sender waits"
        assert (remote(a)["state"], remote(a)["pendingOps"]) == ("syncing", 1)
        server.refuses_whole = {}
        await current(a)


@pytest.mark.parametrize(
    "code", ["counter_jump", "not_permitted", "read_only", "rate_limited", "quota", "something_new"]
)
async def test_what_is_not_the_ops_fault_is_tried_again(
    bench: Bench, server: FakeServer, code: str
) -> None:
    server.rejects = {"v2": code}
    async with bench.mirror("a", servers=servers(server)) as a:
        await save(a, ops(1, 3))
        await until(lambda: len(server.sent_targets) >= 3)
        assert held(server) == {"v1", "v3"}
        assert await refused(a, server) == []
        assert "the server does not take changes now: no" in remote(a)["reason"]
        server.rejects = {}
        await current(a)
        assert held(server) == {"v1", "v2", "v3"}


@pytest.mark.parametrize(
    "code", ["malformed_op", "bad_id", "op_too_large", "value_not_json", "counter_out_of_range"]
)
async def test_an_op_at_fault_is_not_offered_again(
    bench: Bench, server: FakeServer, code: str
) -> None:
    server.rejects = {"v2": code}
    async with bench.mirror("a", servers=servers(server)) as a:
        await save(a, ops(1, 3))
        await until(lambda: remote(a)["state"] == "needs_you")
        await save(a, ops(4, 1))
        await until(lambda: "v4" in held(server))
        assert await refused(a, server) == [("v2", code)]
        assert sum("v2" in targets for targets in server.sent_targets) == 1


async def test_a_pause_grows_and_ends_with_success(bench: Bench, server: FakeServer) -> None:
    server.rejects = {"v1": "quota"}
    async with bench.mirror("a", servers=servers(server)) as a:
        layers = a._layers
        assert layers is not None
        pauses = layers.remotes[0]._history.pauses
        await save(a, ops(1, 1))
        await until(lambda: len(server.sent_targets) >= 3)
        assert pauses._ceiling_s == bench.settings.retry_delay_s_max
        server.rejects = {}
        await current(a)
        assert pauses._ceiling_s > bench.settings.retry_delay_s_max


BAD = ['{"id":{"counter":0,"peerId":"bb"},"targetId":"x","parentId":null}', '"nonsense"', "null"]


def tell(server: FakeServer, *extra: str, tree: str = TREE) -> None:
    """Has a server send one more good op, with bad ones around it."""
    count = len(server.history)
    good = f'{{"id":{{"counter":{count + 1},"peerId":"bb"}},"targetId":"g{count}","parentId":null}}'
    op = MoveOp(count + 1, "bb", f"g{count}", None)
    told, server.connections = server.connections, []
    server.commit(TREE, [op])
    server.connections = told
    steps = {"prev": server.cursor(count), "cursor": server.cursor(count + 1)}
    body = f'"treeId":{json.dumps(tree)},"ops":[{",".join([*extra[:1], good, *extra[1:]])}]'
    for connection in told:
        connection.tell_text("ops:receive", f"{{{body},{json.dumps(steps)[1:-1]}}}")


async def test_what_is_no_op_is_set_aside_and_the_rest_goes_on(
    bench: Bench, server: FakeServer
) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        tell(server, *BAD)
        await until(lambda: remote(a)["setAsideOps"] == 3 and remote(a)["head"] == 1)
        assert (await a.tree(TREE)).vertex("g0") is not None
        assert remote(a)["state"] == "needs_you"
        assert remote(a)["reason"] == "3 of its changes cannot be read; see: sila-daemon outbox"
        tell(server)
        await until(lambda: remote(a)["head"] == 2)
        tell(server, BAD[1])
        await until(lambda: remote(a)["head"] == 3)
        await until(lambda: remote(a)["setAsideOps"] == 3, "the same thing is kept once")
        assert len(server.connections) == 1
    async with bench.mirror("a", servers=servers(server)) as a:
        await until(lambda: remote(a)["state"] == "needs_you")
        found = await a.quarantined(server.url, "set_aside")
        assert [entry.raw for entry in found] == [text.encode() for text in BAD]
        assert [entry.code for entry in found] == [
            "counter_out_of_range", "malformed_op", "malformed_op"
        ]  # fmt: skip
        assert all(entry.message and entry.at_ms for entry in found)
        assert await a.retry_quarantined(server.url) == (0, 0)
        assert remote(a)["setAsideOps"] == 3
        await save(a, [PropertyOp(9, "aa", "g0", "k", b"1")])
        await until(lambda: len(server.history) == 4)


async def test_what_a_person_has_seen_keeps_nothing_from_being_current(
    bench: Bench, server: FakeServer
) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        tell(server, *BAD)
        await until(lambda: remote(a)["setAsideOps"] == 3)
        with pytest.raises(NotFoundError):
            await a.acknowledge_quarantined("http://else")
        assert await a.acknowledge_quarantined(server.url) == 3
        await current(a)
        assert await a.acknowledge_quarantined(server.url) == 0
        tell(server, BAD[0])
        await until(lambda: remote(a)["head"] == 2)
        await current(a)
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        found = await a.quarantined(server.url, "set_aside")
        assert [entry.is_acknowledged for entry in found] == [True] * 3, "listed all the same"
        tell(server, '{"id":8}')
        await until(lambda: remote(a)["setAsideOps"] == 1)
        assert remote(a)["state"] == "needs_you", "that one is new"


async def test_a_tree_that_is_none_is_set_aside_too(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        tell(server, tree="../../etc")
        await until(lambda: remote(a)["setAsideOps"] == 1 and remote(a)["head"] == 1)
        [entry] = await a.quarantined(server.url, "set_aside")
        assert (entry.tree_id, entry.code) == ("../../etc", "bad_id")
        assert await a.tree_ids() == []


async def test_what_can_be_read_after_all_is_taken_in(bench: Bench, server: FakeServer) -> None:
    """As after an update that knows more: what was set aside is an op now."""
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        tell(server, BAD[0])
        await until(lambda: remote(a)["setAsideOps"] == 1 and remote(a)["head"] == 1)
        layers = a._layers
        assert layers is not None
        good = BAD[0].replace('"counter":0', '"counter":50')
        await layers.store.database.write(
            lambda connection: connection.execute("UPDATE set_aside SET raw = ?", (good.encode(),))
        )
        assert await a.retry_quarantined(server.url) == (0, 1)
        await current(a)
        assert (await a.tree(TREE)).vertex("x") is not None


async def test_a_flood_of_nonsense_stops_that_server_and_moves_no_cursor(
    bench: Bench, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sila_daemon.mirror.set_aside.SET_ASIDE_MAX", 2)
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        tell(server, *BAD)
        await until(lambda: "things that are no ops" in remote(a)["reason"])
        assert (remote(a)["state"], remote(a)["head"]) == ("needs_you", 0)
        assert await a.quarantined(server.url, "set_aside") == []
    assert quarantine.SET_ASIDE_MAX == 1000


async def test_retrying_needs_a_server_of_the_space(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a") as a:
        with pytest.raises(NotFoundError):
            await a.retry_quarantined(server.url)


def test_an_array_that_is_none_is_no_message() -> None:
    with pytest.raises(FormatError):
        decode_ops_message(b'{"treeId":"../x","ops":7}')
