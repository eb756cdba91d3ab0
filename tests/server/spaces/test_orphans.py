"""Files that nothing refers to, and all that keeps a file."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core.ops import MoveOp, PropertyOp
from sila_daemon.server.files.file_rows import Used
from sila_daemon.server.files.file_store import Sent
from sila_daemon.server.ops.op_store import Batch
from sila_daemon.server.settings import FilesSettings, ServerSettings
from sila_daemon.server.spaces.orphans import Orphans, names_in
from tests.server.world_fixture import OTHER_PEER, PEER, SPACE, TREE, open_world

if TYPE_CHECKING:
    from sila_daemon.server.spaces.space_opening import OpenSpace
    from sila_daemon.server.world import World

DAY = 86_400.0
UUID = "1234567890abcdef1234567890abcdef"
SETTINGS = ServerSettings(files=FilesSettings(collect_after_days=30))


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


@asynccontextmanager
async def opened(tmp_path: Path) -> AsyncIterator[tuple[World, OpenSpace]]:
    """A world with one space, in which files `a` to `c` and a mutable one are."""
    async with open_world(tmp_path / "data", settings=SETTINGS) as world:
        user = await world.accounts.add_user("owner@example.org", None)
        await world.create_space(user, "Space", SPACE)
        async with world.spaces.use(SPACE) as space:
            for data in (b"a", b"b", b"c"):
                await space.files.static.put(sha256(data), chunks(data), Sent(user.id))
            await space.files.var.put(UUID, chunks(b"v"), None, Sent(user.id))
            yield world, space


def ahead(world: World, days: float) -> None:
    """Lets time pass."""
    world.ports.clock.ahead += days * DAY  # type: ignore[attr-defined]


async def write(
    space: OpenSpace, counter: int, value: str, peer: str = PEER, key: str = "k"
) -> None:
    """Commits one property op."""
    op = PropertyOp(counter, peer, "v1", key, value.encode(), False)
    (outcome,) = await space.store.commit([Batch(TREE, [op], "x")])
    assert outcome.accepted == 1


async def found(space: OpenSpace, days: float = 30) -> set[str]:
    """Returns what a search finds."""
    report = await Orphans(space.files, space.store, days * DAY).report()
    return {*report.static, *report.var}


ALL = {sha256(b"a"), sha256(b"b"), sha256(b"c"), UUID}


async def test_time_alone_makes_orphans(tmp_path: Path) -> None:
    async with opened(tmp_path) as (world, space):
        assert await found(space) == set()
        ahead(world, 31)
        assert await found(space) == ALL


@pytest.mark.parametrize(
    "value",
    [
        json.dumps(sha256(b"a")), json.dumps({"x": [{"hash": sha256(b"a").upper()}]}),
        json.dumps("see file:" + sha256(b"a") + ".png"), json.dumps("ff" + sha256(b"a") + "00"),
        '"' + "".join(f"\\u{ord(c):04x}" for c in sha256(b"a")) + '"',
    ],
)  # fmt: skip
async def test_a_reference_in_any_spelling_keeps_a_file(tmp_path: Path, value: str) -> None:
    async with opened(tmp_path) as (world, space):
        await write(space, 5, value)
        ahead(world, 400)
        assert await found(space) == ALL - {sha256(b"a")}


async def test_a_uuid_with_and_without_dashes(tmp_path: Path) -> None:
    dashed = f"{UUID[:8]}-{UUID[8:12]}-{UUID[12:16]}-{UUID[16:20]}-{UUID[20:]}"
    assert UUID in set(names_in(json.dumps(dashed.upper())))
    async with opened(tmp_path) as (world, space):
        await write(space, 5, json.dumps(dashed), key=sha256(b"b"))
        ahead(world, 400)
        assert await found(space) == {sha256(b"a"), sha256(b"c")}, "a key may be a reference"


async def test_a_value_that_was_overwritten_keeps_its_file_for_a_while(tmp_path: Path) -> None:
    async with opened(tmp_path) as (world, space):
        await write(space, 5, json.dumps(sha256(b"a")))
        await write(space, 6, json.dumps(sha256(b"b")))
        # At the same counter it depends on the peers who wins: both count as current.
        await write(space, 6, json.dumps(sha256(b"c")), OTHER_PEER)
        ahead(world, 31)
        await write(space, 7, "null", key="other")
        assert await found(space) == {UUID, sha256(b"a")}
        await write(space, 7, '"x"')
        assert await found(space) == {UUID, sha256(b"a")}, "overwritten only now"
        ahead(world, 31)
        assert await found(space) == ALL
        await write(space, 4, json.dumps(sha256(b"a")))  # A late op that lost before it came.
        assert sha256(b"a") not in await found(space)


async def test_the_trash_still_refers(tmp_path: Path) -> None:
    async with opened(tmp_path) as (world, space):
        await write(space, 5, json.dumps(sha256(b"a")))
        await space.store.commit([Batch(TREE, [MoveOp(9, PEER, "v1", "0")], "x")])
        ahead(world, 400)
        assert sha256(b"a") not in await found(space)


async def test_who_was_told_that_a_file_is_here_may_rely_on_it(tmp_path: Path) -> None:
    async with opened(tmp_path) as (world, space):
        ahead(world, 31)
        assert (await space.files.missing([sha256(b"a")], [(UUID, sha256(b"v"))])) == {
            "static": [], "var": [],
        }  # fmt: skip
        assert await found(space) == {sha256(b"b"), sha256(b"c")}
        await space.files.static.put(sha256(b"b"), chunks(b"b"), Sent())
        assert await found(space) == {sha256(b"c")}


async def test_what_is_being_sent_is_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as (world, space):
        ahead(world, 31)
        with space.files.static.being_sent(sha256(b"a")):
            assert sha256(b"a") not in await found(space)
            orphans = Orphans(space.files, space.store, 30 * DAY)
            report = await orphans.report()
            report.static.append(sha256(b"a"))
            assert sha256(b"a") not in (await orphans.remove(report)).static
        assert await space.files.has_static(sha256(b"a"))


async def test_what_comes_between_search_and_removal_is_seen(tmp_path: Path) -> None:
    async with opened(tmp_path) as (world, space):
        ahead(world, 31)
        orphans = Orphans(space.files, space.store, 30 * DAY)
        report = await orphans.report()
        await write(space, 5, json.dumps(sha256(b"a")))
        assert (await space.files.missing([sha256(b"b")], []))["static"] == []
        gone = await orphans.remove(report)
        assert (gone.static, gone.var, gone.bytes) == ([sha256(b"c")], [UUID], 2)
        blobs = space.files.store.blobs
        assert [blob.hash for blob in blobs.list_static()] == sorted([sha256(b"a"), sha256(b"b")])
        assert space.files.store.ledger.held == Used(2, 2)
        lacking = await space.files.missing([sha256(b"c")], [(UUID, sha256(b"v"))])
        assert lacking == {"static": [sha256(b"c")], "var": [UUID]}
        put = await space.files.var.put(UUID, chunks(b"w"), None, Sent())
        assert (put.is_current, put.revision) == (True, 2), "numbers are not given out twice"


async def test_side_revisions_are_kept(tmp_path: Path) -> None:
    async with opened(tmp_path) as (world, space):
        await space.files.var.put(UUID, chunks(b"side"), None, Sent())
        ahead(world, 31)
        assert await found(space) == ALL


async def test_a_clock_that_leaps_removes_nothing(tmp_path: Path) -> None:
    async with opened(tmp_path) as (world, space):
        ahead(world, 400)
        for _ in range(3):
            await world.housekeeping.work()
        ahead(world, -399)
        await world.housekeeping.work()
        assert (await space.files.missing(sorted(ALL - {UUID}), []))["static"] == []


async def test_days_go_by(tmp_path: Path) -> None:
    async with opened(tmp_path) as (world, space):
        await write(space, 5, json.dumps(sha256(b"a")))
        ahead(world, 31)
        for _ in range(29):
            await world.housekeeping.work()
            ahead(world, 1)
        assert len(list(space.files.store.blobs.list_static())) == 3
        await world.housekeeping.work()
        assert [blob.hash for blob in space.files.store.blobs.list_static()] == [sha256(b"a")]
        entries = await world.audit.entries()
        assert ("files_collected", "3 files, 3 bytes") in [(e.action, e.reason) for e in entries]


async def test_usage_is_known_of_spaces_that_are_closed(tmp_path: Path) -> None:
    async with opened(tmp_path) as (world, _):
        user: Any = await world.accounts.user_by_email("owner@example.org")
    async with open_world(tmp_path / "data") as world:
        assert world.spaces.open_spaces == {}
        assert world.spaces.quotas.of_user(user.id) == Used(4, 4)
        dry = await world.housekeeping.collect(SPACE, is_dry_run=True)
        assert (dry.static, dry.is_removed) == ([], False)
