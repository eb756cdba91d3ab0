"""A mass deletion stops where it came in, until somebody says yes, no or undo."""

from __future__ import annotations

import shutil
from dataclasses import replace
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import NotFoundError, ProblemError, ProtectionError
from sila_daemon.core.ids import NULL_VERTEX
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.core.rep_tree import RepTree
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.store.guard import GuardSettings
from tests.mirror.bench import SETTINGS, Bench, current, until, until_async
from tests.mirror.test_folder_layer import op_file, ops_in_folder, write_lines

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.mirror.fake_server import FakeServer

TREE = "66311b5732f44edab7e16ff76fa16666"
GUARD = GuardSettings(share=0.3, vertices_min=5, window_s=600)
NAMES = [f"v{number}" for number in range(20)]


@pytest.fixture(autouse=True)
def low_threshold(bench: Bench) -> None:
    bench.settings = replace(SETTINGS, guard=GUARD)


def servers(server: FakeServer) -> tuple[ServerRecord, ...]:
    return (ServerRecord(server.url, "keep"),)


def planted() -> list[Op]:
    """A tree of a root and twenty vertices."""
    ops: list[Op] = [MoveOp(1, "a", TREE, None), MoveOp(2, "a", NULL_VERTEX, None)]
    for counter, name in enumerate(NAMES, 3):
        ops.append(MoveOp(counter, "a", name, TREE))
    return ops


def deletions(names: Iterable[str], first: int = 100) -> list[Op]:
    return [MoveOp(n, "b", name, NULL_VERTEX) for n, name in enumerate(names, first)]


def write_moves(path: Path, ops: Iterable[Op]) -> None:
    """Writes moves as the app does."""
    write_lines(path, *[[op.counter, op.target, op.parent] for op in ops if isinstance(op, MoveOp)])


async def shown(mirror: SpaceMirror) -> set[str]:
    tree = await mirror.tree(TREE)
    return {vertex.id for vertex in tree.root.children} if tree.root else set()


async def held(mirror: SpaceMirror) -> int:
    """Waits until something is held; returns the number of it."""
    await until(lambda: mirror.status()["heldOps"] > 0)
    [hold] = await mirror.held.holds()
    return hold.number


def at_the_server(server: FakeServer) -> set[str]:
    """What a device sees that has all that the server has."""
    tree = RepTree(TREE)
    tree.merge([op for tree_id, op in server.history if tree_id == TREE])
    assert tree.root is not None
    return {vertex.id for vertex in tree.root.children}


async def test_what_a_server_deletes_is_held_until_yes(bench: Bench, server: FakeServer) -> None:
    server.commit(TREE, planted())
    folder = bench.folder("a")
    async with bench.mirror("a", folder=folder, servers=servers(server)) as a:
        await current(a)
        before = ops_in_folder(folder)
        server.commit(TREE, [*deletions(NAMES[:15]), MoveOp(200, "b", "fresh", TREE)])
        number = await held(a)
        status = a.status()
        assert (status["state"], status["heldOps"]) == ("needs_you", 15)
        said = "15 changes that would take much away wait for you; see: sila-daemon held"
        assert status["reason"] == said
        await until(lambda: a.status()["remotes"][0]["head"] == len(server.history))
        await until(lambda: a.status()["folder"]["pendingOps"] == 0)
        assert await shown(a) == {*NAMES, "fresh"}, "new things come in"
        assert ops_in_folder(folder)[TREE] == before[TREE] + 1
        with pytest.raises(ProblemError, match="wait for you"):
            await a.sync_now()
    async with bench.mirror("a", folder=folder, servers=servers(server)) as a:
        assert await held(a) == number
        await until(lambda: a.status()["remotes"][0]["state"] == "current")
        assert (a.status()["state"], await shown(a)) == ("needs_you", {*NAMES, "fresh"})
        await a.edit(TREE, lambda tree: tree.set("v0", "name", "later"))
        assert (await a.tree(TREE)).highest_counter > 200, "the clock has seen what is held"
        assert await a.held.accept(number) == 15
        await current(a)
        assert await shown(a) == {*NAMES[15:], "fresh"}
        assert await a.held.holds() == []
        await until(lambda: ops_in_folder(folder)[TREE] == len(server.history))
        await a.sync_now()
        with pytest.raises(NotFoundError):
            await a.held.accept(number)


async def test_what_the_app_deletes_in_the_folder_does_not_reach_a_server_after_no(
    bench: Bench, server: FakeServer
) -> None:
    server.commit(TREE, planted())
    folder = bench.folder("a")
    async with bench.mirror("a", folder=folder, servers=servers(server)) as a:
        await current(a)
        path = op_file(folder, "b")
        write_moves(path, deletions(NAMES))
        bench.watcher.hint(path)
        number = await held(a)
        remote = a.status()["remotes"][0]
        assert (remote["state"], remote["pendingOps"], remote["heldOps"]) == ("needs_you", 0, 20)
        assert await a.held.refuse(number) == 20
        assert await a.held.refuse(number) == 20
        await current(a)
        assert a.status()["heldOps"] == 0
        server.epoch = "another"  # Everything is compared anew.
        server.questions.clear()
        server.drop_connections()
        await until(lambda: bool(server.questions))
        await current(a)
        assert {op.peer for _, op in server.history} == {"a"}
    async with bench.mirror("a", folder=folder, servers=servers(server)) as a:
        await current(a)
        assert (await shown(a), at_the_server(server)) == ({*NAMES}, {*NAMES})
        [hold] = await a.held.holds()
        assert hold.refused_ms is not None and hold.source == "folder"
        assert await a.held.accept(number) == 20
        await until(lambda: at_the_server(server) == set())
        await current(a)
        assert await shown(a) == set()


async def test_what_only_a_conflict_copy_deletes_is_written_where_the_app_reads_it_after_yes(
    bench: Bench,
) -> None:
    folder = bench.folder("a")
    write_moves(op_file(folder, "a"), planted())
    async with bench.mirror("a", folder=folder) as a:
        await current(a)
        copy = op_file(folder, "b").with_name("b-m (conflicted copy).jsonl")
        write_moves(copy, deletions(NAMES))
        bench.watcher.hint(copy)
        number = await held(a)
        assert await a.held.accept(number) == 20
        await current(a)
        written = [path for path in folder.rglob("b.*.jsonl") if path != copy]
        assert [len(path.read_text().splitlines()) for path in written] == [20]


async def test_undo_leaves_everybody_with_what_is_shown_here(
    bench: Bench, server: FakeServer
) -> None:
    server.commit(TREE, [*planted(), MoveOp(50, "a", "deep", "v3")])
    server.commit(TREE, [PropertyOp(51, "a", "v1", "name", b'"old"')])
    folder = bench.folder("a")
    async with (
        bench.mirror("a", folder=folder, servers=servers(server)) as a,
        bench.mirror("b", servers=servers(server)) as b,
    ):
        await current(a, b)
        new: list[Op] = deletions([*NAMES[4:], "v3", "deep"])
        new += [PropertyOp(150, "b", "v1", "name", b'"new"')]
        server.commit(TREE, new)
        await held(b)
        number = await held(a)
        before = await shown(a)
        assert await a.held.undo(number) == len(new)
        await current(a)
        assert await shown(a) == before == at_the_server(server)
        tree = await a.tree(TREE)
        deep = tree.vertex("deep")
        assert deep is not None and deep.parent is not None and deep.parent.id == "v3"
        assert tree.vertex("v1").get("name") == "old"  # type: ignore[union-attr]
        assert ops_in_folder(folder)[TREE] == len(server.history)
        # The other device has the same question, and both answers lead to the same now.
        await b.held.accept(await held(b))
        await current(b)
        assert await shown(b) == before


async def test_a_clone_holds_nothing_and_a_folder_that_meets_a_server_may(
    bench: Bench, server: FakeServer
) -> None:
    server.part_size = 7
    server.commit(TREE, [*planted(), *deletions(NAMES)])
    async with bench.mirror("clone", folder=bench.folder("c"), servers=servers(server)) as clone:
        await current(clone)
        assert (await shown(clone), clone.status()["heldOps"]) == (set(), 0)
    folder = bench.folder("a")
    path = op_file(folder, "a")
    write_moves(path, planted())
    async with bench.mirror("a", folder=folder, servers=servers(server)) as a:
        await until(lambda: a.status()["heldOps"] == 20)
        assert await shown(a) == {*NAMES}
        await a.held.accept(await held(a))
        await current(a)
        assert await shown(a) == set()


async def test_a_store_that_is_rebuilt_asks_nothing_that_was_decided(
    bench: Bench, server: FakeServer
) -> None:
    server.commit(TREE, planted())
    folder = bench.folder("a")
    async with bench.mirror("a", folder=folder, servers=servers(server)) as a:
        await current(a)
        server.commit(TREE, deletions(NAMES))
        await a.held.accept(await held(a))
        await current(a)
    shutil.rmtree(bench.tmp_path / "home-a")
    async with bench.mirror("a", folder=folder, servers=servers(server)) as a:
        await current(a)
        assert (await shown(a), a.status()["heldOps"]) == (set(), 0)


async def test_who_deletes_much_here_is_asked_before(bench: Bench, server: FakeServer) -> None:
    server.commit(TREE, planted())
    async with bench.mirror("a", servers=servers(server)) as a:
        await current(a)

        def clear(tree: RepTree) -> None:
            for name in NAMES:
                tree.delete(name)

        with pytest.raises(ProtectionError) as caught:
            await a.edit(TREE, clear)
        assert caught.value.code == "mass_change"
        assert (await shown(a), a.status()["heldOps"]) == ({*NAMES}, 0)
        await a.edit(TREE, lambda tree: tree.set("v0", "name", "still here"))
        await a.edit(TREE, clear, is_meant=True)
        await current(a)
        assert await shown(a) == set() == at_the_server(server)


async def test_other_servers_get_what_was_held_only_after_yes(
    bench: Bench, server: FakeServer
) -> None:
    """What the folder brought and a server brings too is not owed to that server."""
    server.commit(TREE, planted())
    folder = bench.folder("a")
    async with bench.mirror("a", folder=folder, servers=servers(server)) as a:
        await current(a)
        path = op_file(folder, "b")
        new = deletions(NAMES)
        write_moves(path, new)
        bench.watcher.hint(path)
        number = await held(a)
        server.commit(TREE, new)
        await until(lambda: a.status()["remotes"][0]["head"] == len(server.history))
        server.drop_connections()
        await until_async(lambda: _is_settled(a))
        assert (a.status()["remotes"][0]["heldOps"], a.status()["heldOps"]) == (0, 20)
        server.sent_batches.clear()
        await a.held.accept(number)
        await current(a)
        assert server.sent_batches == []


async def _is_settled(mirror: SpaceMirror) -> bool:
    remote = mirror.status()["remotes"][0]
    return (remote["heldOps"], remote["state"]) == (0, "current")
