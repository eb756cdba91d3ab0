"""Files that are not here: what is known of them, and which a policy wants."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store.blobs import BlobName, Blobs, LocalBlob
from sila_daemon.store.fetch_policy import FetchPolicy, FileFacts
from sila_daemon.store.lacking import Lacking
from sila_daemon.store.space_store import Delivery, SpaceStore

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

HASH = "ab" * 32
STATIC = BlobName("static", HASH)
DAY_MS = 86_400_000


@pytest.fixture
async def store(tmp_path: Path) -> AsyncIterator[SpaceStore]:
    opened = await SpaceStore.open(InlineDatabases(), tmp_path / "s.sqlite", SystemClock())
    yield opened
    await opened.close()


def file_ops(vertex: str, first: int, **properties: bytes) -> list[Op]:
    """A file vertex as the original makes it: a move, its creation time, then the rest."""
    ops: list[Op] = [MoveOp(first, "a", vertex, "files")]
    for number, (key, value) in enumerate(properties.items(), first + 1):
        ops.append(PropertyOp(number, "a", vertex, key, value))
    return ops


async def deliver(store: SpaceStore, ops: list[Op], tree: str = "tree") -> None:
    await store.commit([Delivery([(tree, op) for op in ops])])


async def test_size_and_time_are_those_of_every_vertex_that_refers_to_the_file(
    store: SpaceStore,
) -> None:
    lacking = Lacking(store.database)
    text = b'"%b"' % HASH.encode()
    await deliver(store, file_ops("v", 1, _c=b"1000", hash=text, size=b"5"))
    await deliver(store, [PropertyOp(9, "b", "v", "size", b"7")])
    await deliver(store, file_ops("w", 1, _c=b'"1970-01-01T00:00:02.000Z"', hash=text), "other")
    [file] = await lacking.all()
    assert file.blob == STATIC
    assert set(file.facts) == {FileFacts(7, 1000.0), FileFacts(None, 2000.0)}
    assert (file.size, file.is_wanted) == (7, False)
    await lacking.note_size(STATIC, 9)
    [file] = await lacking.all()
    assert {facts.size for facts in file.facts} == {9}


@pytest.mark.parametrize("size", [b'"5"', b"true", b"-1", b"2.5", b"null"])
async def test_a_size_that_is_none_is_not_known(store: SpaceStore, size: bytes) -> None:
    text = b'"%b"' % HASH.encode()
    await deliver(store, file_ops("v", 1, _c=b"{}", hash=text, size=size))
    [file] = await Lacking(store.database).all()
    assert file.facts == (FileFacts(None, None),)


async def test_who_asks_for_a_file_gets_it_once(store: SpaceStore) -> None:
    lacking, blobs = Lacking(store.database), Blobs(store.database)
    await deliver(store, file_ops("v", 1, hash=b'"%b"' % HASH.encode()))
    await lacking.want([STATIC])
    assert await lacking.is_wanted(STATIC)
    assert [file.is_wanted for file in await lacking.all()] == [True]
    await blobs.arrived([LocalBlob(STATIC, 5, HASH)])
    assert await lacking.all() == []
    await blobs.gone([STATIC])
    [file] = await lacking.all()
    assert (file.is_wanted, file.size) == (False, 5)


@pytest.mark.parametrize(
    ("policy", "facts", "is_wanted"),
    [
        (FetchPolicy(), FileFacts(1 << 40, 0), True),
        (FetchPolicy(on_demand=True), FileFacts(0, None), False),
        (FetchPolicy(up_to_bytes=10), FileFacts(10, None), True),
        (FetchPolicy(up_to_bytes=10), FileFacts(11, None), False),
        (FetchPolicy(up_to_bytes=10), FileFacts(None, None), True),
        (FetchPolicy(newer_than_days=2), FileFacts(None, 8 * DAY_MS), True),
        (FetchPolicy(newer_than_days=2), FileFacts(None, 8 * DAY_MS - 1), False),
        (FetchPolicy(newer_than_days=2), FileFacts(None, None), True),
        (FetchPolicy(newer_than_days=2, up_to_bytes=10), FileFacts(11, 9 * DAY_MS), False),
        (FetchPolicy(newer_than_days=2, up_to_bytes=10), FileFacts(1, 7 * DAY_MS), False),
        (FetchPolicy(newer_than_days=2, up_to_bytes=10), FileFacts(1, 9 * DAY_MS), True),
    ],
)
def test_a_file_comes_that_meets_every_condition(
    policy: FetchPolicy, facts: FileFacts, *, is_wanted: bool
) -> None:
    assert policy.wants(facts, 10 * DAY_MS) is is_wanted
