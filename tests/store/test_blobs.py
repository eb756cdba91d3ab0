"""Blobs in the store: references, presence, and what each server is owed."""

from __future__ import annotations

import uuid
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.ops import PropertyOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store.blobs import (
    FORMER_MAX,
    VAR,
    Agreement,
    BlobCounts,
    BlobName,
    Blobs,
    LocalBlob,
    referred,
)
from sila_daemon.store.outbox import OwedOp
from sila_daemon.store.servers import Servers
from sila_daemon.store.space_store import Acknowledgement, Delivery, SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HASH = "ab" * 32
STATIC = BlobName("static", HASH)
SERVER = "https://example.org"


def refers(key: str, value: bytes | None) -> BlobName | None:
    return referred(PropertyOp(1, "a", "v", key, value))


def test_references_are_told_by_key_and_shape() -> None:
    bare = uuid.uuid4().hex
    assert refers("hash", b'"%b"' % HASH.encode()) == STATIC
    assert refers("id", b'"%b"' % bare.encode()) == BlobName("var", bare)
    assert refers("id", b'"%b"' % str(uuid.UUID(bare)).encode()) == BlobName("var", bare)
    assert refers("hash", b'"%b"' % (b"zz" * 32)) is None
    assert refers("id", b'"openai"') is None
    assert refers("name", b'"%b"' % HASH.encode()) is None
    assert refers("hash", None) is None


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SpaceStore]:
    opened = await SpaceStore.open(InlineDatabases(), tmp_path / "s.sqlite", SystemClock())
    await opened.set_layers(["folder", SERVER])
    yield opened
    await opened.close()


async def test_a_referenced_blob_is_lacking_until_it_arrives(store: SpaceStore) -> None:
    blobs = Blobs(store.database)
    op = PropertyOp(1, "a", "v", "hash", b'"%b"' % HASH.encode())
    (committed,) = await store.commit([Delivery([("tree", op)])])
    assert committed.refers_to_blobs
    assert await blobs.lacking() == [STATIC]
    local = LocalBlob(STATIC, 5, HASH)
    await blobs.arrived([local], source=SERVER)
    assert await blobs.lacking() == []
    assert await blobs.owed(SERVER, 10) == []
    assert await blobs.counts() == BlobCounts(1, 5, 0)


async def test_what_is_here_is_owed_until_the_server_shows_to_hold_it(store: SpaceStore) -> None:
    blobs = Blobs(store.database)
    local = LocalBlob(STATIC, 5, HASH)
    await blobs.arrived([local])
    await blobs.arrived([local])
    assert await blobs.owed(SERVER, 10) == [local]
    assert await blobs.debt(SERVER) == (1, 5)
    await store.set_layers(["folder", SERVER, "https://second.example"])
    assert await blobs.owed("https://second.example", 10) == [local]
    await blobs.settle(SERVER, local)
    assert await blobs.debt(SERVER) == (0, 0)
    op = PropertyOp(1, "a", "v", "hash", b'"%b"' % HASH.encode())
    answer = Acknowledgement([OwedOp(1, "tree", op)])
    assert await store.acknowledge(SERVER, [answer]) == (0, 1)
    assert await blobs.owed(SERVER, 10) == [local]


async def test_a_mutable_blob_that_changed_is_owed_again(store: SpaceStore) -> None:
    blobs = Blobs(store.database)
    name = BlobName("var", uuid.uuid4().hex)
    first, second = LocalBlob(name, 1, "aa" * 32), LocalBlob(name, 2, "bb" * 32)
    await blobs.arrived([first])
    await blobs.arrived([second])
    await blobs.settle(SERVER, first, revision="1")
    assert await blobs.owed(SERVER, 10) == [second], "an answer about the old content is stale"
    await blobs.settle(SERVER, second, revision="2")
    assert await blobs.owed(SERVER, 10) == []
    assert await blobs.agreement(SERVER, name) == Agreement(second.sha256, "2")


async def test_what_is_gone_here_is_owed_to_nobody_and_asked_for_again(store: SpaceStore) -> None:
    blobs = Blobs(store.database)
    op = PropertyOp(1, "a", "v", "hash", b'"%b"' % HASH.encode())
    await store.commit([Delivery([("tree", op)])])
    await blobs.arrived([LocalBlob(STATIC, 5, HASH)])
    await blobs.gone([STATIC])
    assert await blobs.debt(SERVER) == (0, 0)
    assert await blobs.lacking() == [STATIC]


async def test_a_server_that_went_back_in_time_is_owed_every_blob(store: SpaceStore) -> None:
    blobs, servers = Blobs(store.database), Servers(store.database)
    static, var = LocalBlob(STATIC, 5, HASH), LocalBlob(BlobName("var", "ab" * 16), 2, "cd" * 32)
    await blobs.arrived([static, var])
    await blobs.settle(SERVER, static)
    await blobs.settle(SERVER, var, revision="3")
    assert await blobs.owed(SERVER, 10) == []

    await servers.drop_cursor(SERVER)

    assert await blobs.owed(SERVER, 10) == [var, static]
    assert await blobs.agreement(SERVER, var.blob) is None


async def test_a_blob_that_grew_to_its_size_is_owed_anew(store: SpaceStore) -> None:
    blobs = Blobs(store.database)
    part, whole = LocalBlob(STATIC, 3, HASH), LocalBlob(STATIC, 5, HASH)
    await blobs.arrived([part])
    await blobs.settle(SERVER, part)

    await blobs.arrived([whole])

    assert await blobs.here() == {STATIC: whole}
    assert await blobs.owed(SERVER, 10) == [whole]


async def test_former_contents_of_a_mutable_file_are_remembered(store: SpaceStore) -> None:
    blobs = Blobs(store.database)
    name = BlobName(VAR, "a" * 32)
    contents = [f"{number:064x}" for number in range(FORMER_MAX + 3)]
    for sha256 in contents:
        await blobs.arrived([LocalBlob(name, 1, sha256)])

    async def lags(sha256: str) -> bool:
        return await blobs.take_for_agreed(SERVER, name, Agreement(sha256, "7"))

    assert [await lags(sha256) for sha256 in contents[:3]] == [False, False, True]
    assert await lags(contents[-2])
    assert await blobs.agreement(SERVER, name) == Agreement(contents[-2], "7")
    assert not await lags(contents[-1]), "that is here now"
    await blobs.arrived([LocalBlob(name, 1, contents[-2])])
    assert await lags(contents[-1]) and not await lags(contents[-2])
