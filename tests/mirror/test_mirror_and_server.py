"""A mirror without a folder and a server in memory: nothing lost, nothing claimed too early."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import ProblemError, RemoteError, StorageError, UsageError
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.store.space_store import Delivery
from tests.mirror.bench import SPACE, Bench, FixedTokens, current, until, until_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.mirror.fake_server import FakeServer

OTHER = "66311b5732f44edab7e16ff76fa16666"


def servers(server: FakeServer) -> tuple[ServerRecord, ...]:
    return (ServerRecord(server.url, "mirror"),)


def ops(first: int, count: int, peer: str = "aa") -> list[Op]:
    return [MoveOp(n, peer, f"v{n}-{peer}", None) for n in range(first, first + count)]


async def rename(mirror: SpaceMirror, name: str) -> None:
    def change(tree: RepTree) -> None:
        assert tree.root is not None
        tree.root.set("name", name)

    await mirror.edit(SPACE, change)


async def test_a_new_space_reaches_the_server_and_another_device(
    bench: Bench, server: FakeServer
) -> None:
    async with (
        bench.mirror("a", servers=servers(server)) as a,
        bench.mirror("b", servers=servers(server)) as b,
    ):
        await a.create_space("Ours")
        await current(a)
        await until(lambda: b.status()["ops"] == len(server.history))
        assert (await b.space()).name == "Ours"
        await rename(b, "Theirs")
        await current(a, b)
        assert (await a.space()).name == "Theirs"
        status = a.status()["remotes"][0]
        assert status["head"] == status["serverHead"] == len(server.history)
        assert status["pendingOps"] == 0
        assert status["lastAckAt"] is not None


async def test_current_is_not_said_before_the_answer_comes(
    bench: Bench, server: FakeServer
) -> None:
    server.swallows_answers = True
    async with bench.mirror("a", servers=servers(server)) as a:
        await a.create_space("Ours")
        await until(lambda: len(server.history) > 0)
        await until(lambda: a.status()["remotes"][0]["state"] == "syncing")
        status = a.status()
        assert status["state"] == "syncing"
        assert status["remotes"][0]["pendingOps"] == len(server.history)
        server.swallows_answers = False
        server.drop_connections()
        await current(a)


async def test_edits_made_offline_arrive_later_and_once(bench: Bench, server: FakeServer) -> None:
    server.is_down = True
    async with bench.mirror("a", servers=servers(server)) as a:
        await a.create_space("Ours")
        await until(lambda: a.status()["state"] == "offline")
    async with bench.mirror("a", servers=servers(server)) as a:
        await rename(a, "After a restart")
        await until(lambda: a.status()["remotes"][0]["pendingOps"] > 5)
        server.is_down = False
        await current(a)
    assert len({(op.counter, op.peer) for _, op in server.history}) == len(server.history)


async def test_status_tells_since_when_changes_wait_that_were_made_offline(
    bench: Bench, server: FakeServer
) -> None:
    server.is_down = True
    async with bench.mirror("a", servers=servers(server)) as a:
        await a.create_space("Ours")
        waiting = a.status()["remotes"][0]
        server.is_down = False
        await current(a)
        paid = a.status()["remotes"][0]

    assert waiting["pendingOps"] > 0
    assert isinstance(waiting["oldestPendingAt"], int)
    assert (paid["pendingOps"], paid["oldestPendingAt"]) == (0, None)


async def test_a_restart_resumes_from_the_cursor(bench: Bench, server: FakeServer) -> None:
    server.commit(OTHER, ops(1, 50))
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
    server.commit(OTHER, ops(51, 50))
    server.questions.clear()
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        assert a.status()["ops"] == 100
    assert server.questions == ["since"]


async def test_an_interrupted_clone_goes_on_where_it_was(bench: Bench, server: FakeServer) -> None:
    server.part_size = 10
    server.commit(OTHER, ops(1, 500))
    async with bench.mirror("a", servers=servers(server)) as a:
        await until(lambda: 0 < a.status()["remotes"][0]["head"])
        server.drop_connections()
        await current(a)
        assert a.status()["ops"] == 500
    assert "have" not in server.questions


async def test_a_mirror_ends_though_its_connection_ends_in_the_same_moment(
    bench: Bench, server: FakeServer
) -> None:
    for turns_between in range(12):
        async with asyncio.timeout(5), bench.mirror("a", servers=servers(server)) as a:
            await current(a)
            server.drop_connections()
            for _ in range(turns_between):
                await asyncio.sleep(0)
        assert server.connections == []


async def test_who_waits_for_a_space_that_is_paused_or_ends_is_told(
    bench: Bench, server: FakeServer
) -> None:
    server.swallows_answers = True
    async with bench.mirror("a", servers=servers(server), folder=bench.folder("a")) as a:
        await a.create_space("Ours")
        paused = asyncio.ensure_future(a.sync_now())
        await until(lambda: len(server.history) > 0)
        a.pause()
        with pytest.raises(ProblemError, match="paused"):
            await asyncio.wait_for(paused, 5)
        a.resume()
        ended = asyncio.ensure_future(a.sync_now())
        await until(lambda: a.status()["state"] == "syncing")
    with pytest.raises(StorageError):
        await asyncio.wait_for(ended, 5)
    with pytest.raises(StorageError):
        await asyncio.wait_for(a.secrets(), 5)


async def test_both_sides_have_ops_when_they_meet(bench: Bench, server: FakeServer) -> None:
    server.commit(OTHER, ops(1, 9, "bb"))
    async with bench.mirror("a") as a:
        await a.create_space("Ours")
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        assert a.status()["ops"] == len(server.history) > 9
    assert server.questions[:2] == ["have", "trees"]


async def test_second_contents_of_an_id_cross_in_both_directions_when_they_meet(
    bench: Bench, server: FakeServer
) -> None:
    here, both, there = (MoveOp(1, "aa", target, None) for target in ("here", "both", "there"))
    server.commit(OTHER, [both, here])
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
    server.go_back_to(0)
    server.commit(OTHER, [both, there])
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        await until(lambda: len(server.history) == 3)
        assert a.status()["ops"] == 3
    assert {op.target for _, op in server.history} == {"here", "both", "there"}


async def test_a_content_of_an_id_reaches_a_server_that_has_only_others_of_it(
    bench: Bench, server: FakeServer
) -> None:
    ours, one, other = (MoveOp(1, "aa", name, None) for name in ("here", "there", "elsewhere"))
    server.commit(OTHER, [ours])
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
    server.go_back_to(0)
    server.commit(OTHER, [one, other])
    async with bench.mirror("a", servers=servers(server)) as a:
        await until(lambda: a.status()["ops"] == 3)
        await current(a)
    assert {op.target for _, op in server.history} == {"here", "there", "elsewhere"}


async def test_a_server_that_went_back_in_time_is_refilled(
    bench: Bench, server: FakeServer
) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        await a.create_space("Ours")
        await current(a)
        everything = set(map(repr, server.history))
        server.go_back_to(3)
        server.commit(OTHER, ops(1, 2, "new"))
        await until(lambda: len(server.history) == len(everything) + 2)
        await current(a)
        assert everything <= set(map(repr, server.history))


async def test_a_server_that_says_that_it_was_reset_is_refilled(
    bench: Bench, server: FakeServer
) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        await a.create_space("Ours")
        await current(a)
        count = len(server.history)
        server.epoch = "epoch-2"
        server.go_back_to(0)
        await until(lambda: len(server.history) == count)
        await current(a)
        assert a.status()["ops"] == count, "nothing is deleted because a server lacks it"


async def test_another_server_at_the_address_gets_nothing(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        server.server_id = "impostor"
        server.drop_connections()
        await until(lambda: a.status()["state"] == "needs_you")
        assert "another server" in a.status()["reason"]
        await a.create_space("Ours")
        await asyncio.sleep(0.05)
        assert server.history == []
        with pytest.raises(RemoteError):
            await a.sync_now()


async def test_a_refused_sign_in_needs_a_person(bench: Bench, server: FakeServer) -> None:
    server.tokens = {"fresh"}
    async with bench.mirror("a", servers=servers(server)) as a:
        await until(lambda: a.status()["state"] == "needs_you")
        assert bench.tokens.refusals >= 1
        server.tokens = {"good-token"}
        await current(a)


async def test_an_expired_token_is_replaced_without_a_person(
    bench: Bench, server: FakeServer
) -> None:
    bench.tokens = FixedTokens("expired", "good-token")
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        bench.tokens.waiting = ["good-token", "renewed"]
        server.tokens = {"renewed"}
        for connection in list(server.connections):
            connection.tell("auth:expired", {"code": "auth_expired"})
        await current(a)
        await until(lambda: bench.tokens.waiting == ["renewed"])
        assert bench.tokens.refusals == 2


async def test_a_refused_op_stays_owed_and_its_neighbours_go(
    bench: Bench, server: FakeServer
) -> None:
    server.rejects = {"v2-aa": "op_too_large"}
    async with bench.mirror("a", servers=servers(server)) as a:
        layers = a._layers
        assert layers is not None
        await layers.intake.deliver(Delivery([(OTHER, op) for op in ops(1, 3)]))
        await until(lambda: a.status()["state"] == "needs_you")
        assert len(server.history) == 2
        assert a.status()["remotes"][0]["pendingOps"] == 1
        sent = len(server.sent_batches)
        await layers.intake.deliver(Delivery([(OTHER, op) for op in ops(4, 1)]))
        await until(lambda: len(server.history) == 3)
        assert len(server.sent_batches) == sent + 1


async def test_batches_are_cut_by_bytes_and_several_are_under_way(
    bench: Bench, server: FakeServer
) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        layers = a._layers
        assert layers is not None
        value = b'"' + b"x" * 10_000 + b'"'
        big: list[tuple[str, Op]] = [
            (OTHER, PropertyOp(n, "aa", "v", f"k{n}", value)) for n in range(1, 301)
        ]
        await layers.intake.deliver(Delivery(big))
        await until(lambda: len(server.history) == 300)
        await current(a)
    assert max(server.sent_batches) <= 256 << 10
    assert 1 < server.under_way_max <= server.credit


async def test_a_gap_is_asked_for(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)
        (connection,) = server.connections
        server.connections.clear()
        server.commit(OTHER, ops(1, 3))
        server.connections.append(connection)
        server.commit(OTHER, ops(4, 1))
        await until(lambda: a.status()["ops"] == 4)
        await current(a)
        assert server.connections == [connection], "a gap is no reason to connect again"


async def test_what_came_over_a_gap_is_not_taken_for_held_by_a_server_that_goes_back(
    bench: Bench, server: FakeServer
) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        server.commit(OTHER, ops(1, 3))
        await until(lambda: a.status()["ops"] == 3)
        await current(a)
        (connection,) = server.connections
        server.connections.clear()
        server.commit(OTHER, ops(4, 1))
        server.connections.append(connection)
        server.commit(OTHER, ops(5, 2))
        server.go_back_to(3)
        await until(lambda: len(server.connections) == 1 and connection not in server.connections)
        await current(a)
        assert a.status()["ops"] == len(server.history), "the server lacks what the mirror holds"


async def test_live_state_is_shown_and_passed_on_and_not_kept(
    bench: Bench, server: FakeServer
) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        await a.create_space("Ours")
        await current(a)
        tree = await a.tree(SPACE)
        counter = tree.highest_counter + 5
        live = PropertyOp(counter, "zz", SPACE, "typing", b"true", True)
        for connection in server.connections:
            connection.tell_ops("ops:receive", SPACE, [live], None)
        await until(lambda: tree.root is not None and tree.root.get("typing") is True)
        count = a.status()["ops"]
        await rename(a, "Later")
        assert (await a.tree(SPACE)).highest_counter > counter
        await until(lambda: a.status()["ops"] == count + 1)


async def test_an_edit_that_fails_leaves_nothing(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Ours")
        before = (await a.tree(SPACE)).op_count

        def change(tree: RepTree) -> None:
            assert tree.root is not None
            tree.root.set("name", "half done")
            raise UsageError("no")

        with pytest.raises(UsageError):
            await a.edit(SPACE, change)
        assert (await a.space()).name == "Ours"
        await rename(a, "Again")
        assert (await a.tree(SPACE)).op_count == before + 1


async def test_an_edit_is_durable_when_it_returns(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Ours")
        await rename(a, "Kept")
        tree_id = (await a.app_trees.create("files", lambda tree: None, "Files")).tree_id
    async with bench.mirror("a") as a:
        space = await a.space()
        assert space.name == "Kept"
        assert space.app_tree_ids() == [tree_id]


async def test_two_servers_learn_from_each_other(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        await a.create_space("Ours")
        await current(a)
        await a.sync_now()
        assert a.status()["state"] == "current"


async def test_a_pause_stops_exchange_and_not_edits(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a", servers=servers(server)) as a:
        await a.create_space("Ours")
        await current(a)
        a.pause()
        await until(lambda: not server.connections)
        count = len(server.history)
        await rename(a, "While paused")
        assert a.status()["state"] == "paused"
        assert len(server.history) == count
        with pytest.raises(ProblemError, match="paused") as caught:
            await a.sync_now()
        assert (caught.value.code, caught.value.exit_code) == ("paused", 1)
        a.resume()
        await until(lambda: len(server.history) == count + 1)
        await current(a)


async def test_blobs_and_secrets_go_both_ways(bench: Bench, server: FakeServer) -> None:
    async def chunks(data: bytes) -> AsyncIterator[bytes]:
        yield data[:3]
        yield data[3:]

    async with (
        bench.mirror("a", servers=servers(server)) as a,
        bench.mirror("b", servers=servers(server)) as b,
    ):
        await a.create_space("Ours")
        blob_hash, size = await a.put_blob(chunks(b"some bytes"))
        assert size == 10

        def refer(tree: RepTree) -> None:
            assert tree.root is not None
            tree.root.new_child({"name": "x.txt", "hash": blob_hash, "mimeType": "text/plain"})

        await a.edit(SPACE, refer)
        await a.set_secret("api-key", "sk-1")
        await current(a)
        assert server.static == {blob_hash: b"some bytes"}
        await until(lambda: b.status()["files"] == 1)
        await current(b)
        assert await b.secrets() == {"api-key": "sk-1"}
        await b.set_secret("api-key", None)
        await current(b)
        await until(lambda: server.secrets["values"] == {})

        async def is_gone() -> bool:
            return await a.secrets() == {}

        await until_async(is_gone)


async def test_a_file_that_found_the_folder_away_comes_once_it_is_back(
    bench: Bench, server: FakeServer
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"bytes"

    root = bench.folder("b")
    elsewhere = root.with_name("elsewhere")
    async with (
        bench.mirror("a", servers=servers(server)) as a,
        bench.mirror("b", folder=root, servers=servers(server)) as b,
    ):
        await a.create_space("Ours")
        await current(a, b)
        root.rename(elsewhere)
        blob_hash, _ = await a.put_blob(chunks())

        def refer(tree: RepTree) -> None:
            assert tree.root is not None
            tree.root.new_child({"name": "x.txt", "hash": blob_hash, "mimeType": "text/plain"})

        await a.edit(SPACE, refer)
        await until(lambda: "there is no folder" in b.status()["remotes"][0]["reason"])
        assert not root.exists()
        elsewhere.rename(root)
        bench.watcher.hint()
        await current(b)
        path = root / "space-v1/files/static/sha256" / blob_hash[:2] / blob_hash[2:]
        await until(path.is_file)
        assert path.read_bytes() == b"bytes"


async def test_a_server_that_takes_no_more_files_still_gives_its_own(
    bench: Bench, server: FakeServer
) -> None:
    async def chunks() -> AsyncIterator[bytes]:
        yield b"ours"

    theirs = hashlib.sha256(b"theirs").hexdigest()
    async with bench.mirror("a", servers=servers(server)) as a:
        await a.create_space("Ours")
        await current(a)
        server.static[theirs] = b"theirs"
        server.is_full = True
        ours, _ = await a.put_blob(chunks())

        def refer(tree: RepTree) -> None:
            assert tree.root is not None
            for name, blob in (("ours.txt", ours), ("theirs.txt", theirs)):
                tree.root.new_child({"name": name, "hash": blob, "mimeType": "text/plain"})

        await a.edit(SPACE, refer)
        await until(lambda: a.status()["files"] == 2)
        assert ours not in server.static
        assert a.status()["remotes"][0]["pendingFiles"] == 1
        assert a.status()["state"] != "current"
        server.is_full = False
        await current(a)
        assert server.static[ours] == b"ours"


async def test_secrets_that_are_to_stay_do_not_leave(bench: Bench, server: FakeServer) -> None:
    async with bench.mirror("a", servers=(ServerRecord(server.url, "keep"),)) as a:
        await a.set_secret("api-key", "sk-1")
        await current(a)
        assert server.secrets["values"] == {}
        assert not [request for request in server.requests if "secrets" in request]
