"""Files that the policy of a space leaves on its server, and bringing them."""

from __future__ import annotations

import asyncio
import hashlib
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import NotFoundError, ProblemError, RemoteUnavailableError
from sila_daemon.core.files_view import BlobKind, BlobReference
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.store.fetch_policy import FetchPolicy
from tests.mirror.bench import Bench, current, until

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.mirror.fake_server import FakeServer

SPACE_TREE = "25f87e271fb347078ec4fbaad528d1b8"
SMALL, LARGE = b"small", b"large" * 100


def reference(data: bytes) -> BlobReference:
    return BlobReference(BlobKind.STATIC, hashlib.sha256(data).hexdigest())


async def once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def bring(mirror: SpaceMirror, data: bytes, size: int | None = None) -> None:
    """Keeps a file and refers to it; `size` is what the vertex says it has."""
    name, _ = await mirror.put_blob(once(data))

    def refer(tree: RepTree) -> None:
        assert tree.root is not None
        told = {} if size is None else {"size": size}
        tree.root.new_child({"name": "f", "hash": name, "mimeType": "a/b", **told})

    await mirror.edit(SPACE_TREE, refer)


def to(server: FakeServer) -> tuple[ServerRecord, ...]:
    return (ServerRecord(server.url),)


async def made(bench: Bench, server: FakeServer, *files: bytes) -> None:
    """Has one device bring files to the server."""
    async with bench.mirror("a", servers=to(server)) as a:
        await a.create_space("Ours")
        for data in files:
            await bring(a, data, len(data))
        await current(a)
    assert len(server.static) == len(files)


async def away(mirror: SpaceMirror) -> set[str]:
    return set(await mirror.file_fetches.away())


async def test_what_the_policy_leaves_on_the_server_is_counted_and_keeps_nothing_from_current(
    bench: Bench, server: FakeServer
) -> None:
    await made(bench, server, SMALL, LARGE)
    async with bench.mirror(
        "b", servers=to(server), fetch=FetchPolicy(up_to_bytes=len(SMALL))
    ) as b:
        await until(lambda: b.status()["files"] == 1)
        await current(b)
        status = b.status()
        assert (status["filesAway"], status["bytesAway"]) == (1, len(LARGE))
        assert status["fetch"] == {"onDemand": False, "newerThanDays": None, "upToBytes": 5}
        assert await away(b) == {reference(LARGE).name}
        assert await b.file_fetches.is_here(reference(SMALL))
        assert f"GET /files/static/{reference(LARGE).name}" not in server.requests


async def test_another_policy_counts_at_once_and_takes_nothing_away(
    bench: Bench, server: FakeServer
) -> None:
    await made(bench, server, SMALL, LARGE)
    async with bench.mirror("b", servers=to(server), fetch=FetchPolicy(on_demand=True)) as b:
        await until(lambda: b.status()["filesAway"] == 2)
        await current(b)
        assert b.status()["files"] == 0
        b.set_fetch(FetchPolicy(newer_than_days=1))
        await until(lambda: b.status()["files"] == 2 and b.status()["filesAway"] == 0)
        b.set_fetch(FetchPolicy(on_demand=True))
        await current(b)
        assert (b.status()["files"], b.status()["filesAway"]) == (2, 0)


async def test_a_file_that_is_asked_for_comes_and_others_stay(
    bench: Bench, server: FakeServer
) -> None:
    await made(bench, server, SMALL, LARGE)
    async with bench.mirror("b", servers=to(server), fetch=FetchPolicy(on_demand=True)) as b:
        await current(b)
        await until(lambda: b.status()["filesAway"] == 2)
        assert await b.file_fetches.fetch([reference(LARGE)]) == (1, len(LARGE))
        assert b"".join([chunk async for chunk in b.read_blob(reference(LARGE))]) == LARGE
        assert await away(b) == {reference(SMALL).name}
        assert await b.file_fetches.fetch([reference(LARGE)]) == (0, 0)
        gets = [one for one in server.requests if one.endswith(reference(LARGE).name)]
        assert gets.count(f"GET /files/static/{reference(LARGE).name}") == 1


async def test_why_a_file_does_not_come_is_told_and_it_comes_later(
    bench: Bench, server: FakeServer
) -> None:
    await made(bench, server, SMALL)
    async with bench.mirror("b", servers=to(server), fetch=FetchPolicy(on_demand=True)) as b:
        await current(b)
        server.is_down = True
        server.drop_connections()
        await until(lambda: b.status()["state"] == "offline")
        with pytest.raises(RemoteUnavailableError, match="cannot be fetched now: http://fake"):
            await b.file_fetches.fetch([reference(SMALL)])
        server.is_down = False
        await until(lambda: b.status()["files"] == 1)
        b.pause()
        with pytest.raises(ProblemError, match="paused"):
            await b.file_fetches.fetch([reference(LARGE)])
    async with bench.mirror("c", fetch=FetchPolicy(on_demand=True)) as c:
        with pytest.raises(NotFoundError, match="the space has no server"):
            await c.file_fetches.fetch([reference(LARGE)])


async def test_a_file_that_no_server_has_is_said(bench: Bench, server: FakeServer) -> None:
    await made(bench, server, SMALL)
    lost = server.static.pop(reference(SMALL).name)
    async with bench.mirror("b", servers=to(server), fetch=FetchPolicy(on_demand=True)) as b:
        await current(b)
        with pytest.raises(NotFoundError, match="no server of the space has it"):
            await b.file_fetches.fetch([reference(SMALL)])
        server.static[reference(SMALL).name] = lost
        server.drop_connections()
        await until(lambda: b.status()["files"] == 1)


async def test_a_file_that_is_larger_than_is_said_stays_where_it_is(
    bench: Bench, server: FakeServer
) -> None:
    async with bench.mirror("a", servers=to(server)) as a:
        await a.create_space("Ours")
        await bring(a, LARGE, 1)
        await bring(a, SMALL)
        await current(a)
    policy = FetchPolicy(up_to_bytes=len(SMALL))
    async with bench.mirror("b", servers=to(server), fetch=policy) as b:
        await until(lambda: b.status()["filesAway"] == 1)
        await current(b)
        assert b.status()["bytesAway"] == len(LARGE)
        assert await b.file_fetches.is_here(reference(SMALL))
        assert not await b.file_fetches.is_here(reference(LARGE))
        assert await b.file_fetches.fetch([reference(LARGE)]) == (1, len(LARGE))


async def test_two_who_ask_for_a_file_have_it_fetched_once(
    bench: Bench, server: FakeServer
) -> None:
    await made(bench, server, LARGE)
    async with bench.mirror("b", servers=to(server), fetch=FetchPolicy(on_demand=True)) as b:
        await current(b)
        server.requests.clear()
        both = (b.file_fetches.fetch([reference(LARGE)]) for _ in range(2))
        assert await asyncio.gather(*both) == [(1, len(LARGE))] * 2
        assert server.requests.count(f"GET /files/static/{reference(LARGE).name}") == 1
