"""A store that is damaged or gone is made anew from all that holds the space, and says so."""

from __future__ import annotations

import asyncio
import json
import sqlite3
from contextlib import closing, suppress
from typing import TYPE_CHECKING, Any

import apsw
import pytest

from sila_daemon.core.errors import NotFoundError, ProblemError, StorageError
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.mirror.store_repair import KEPT_MAX
from tests.mirror.bench import SPACE, Bench, current, until
from tests.mirror.test_folder_layer import op_file, write_lines

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.mirror.fake_server import FakeServer

PAGE = 4096
BEGINNING = "begin"


def store_of(bench: Bench, name: str = "a") -> Path:
    return bench.tmp_path / f"home-{name}" / "space.sqlite"


def damage(path: Path, *tables: str) -> None:
    """Overwrites the roots of tables, or with BEGINNING the first page."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
        roots = dict(connection.execute("SELECT name, rootpage FROM sqlite_schema").fetchall())
    with path.open("r+b") as file:
        for table in tables:
            file.seek((roots.get(table, 1) - 1) * PAGE)
            file.write(b"?" * PAGE)


def kept(bench: Bench, name: str = "a") -> list[str]:
    found = store_of(bench, name).parent.glob("space.sqlite.damaged-*")
    return sorted(path.name for path in found if not path.name.endswith(("-wal", "-shm")))


async def op_count(mirror: SpaceMirror) -> int:
    return (await (await mirror._ready_layers()).store.sizes()).ops


async def set_many(mirror: SpaceMirror, count: int = 300) -> None:
    for start in range(0, count, 100):
        await mirror.edit(
            SPACE,
            lambda tree, first=start: [  # type: ignore[misc]
                tree.root.set(f"key{n}", f"{n} " * 40) for n in range(first, first + 100)
            ],
        )


@pytest.mark.parametrize("table", [BEGINNING, "op", "op_seq", "position", "outbox"])
async def test_a_damaged_store_is_made_anew_from_the_folder(bench: Bench, table: str) -> None:
    root = bench.folder("f")
    write_lines(op_file(root, "peer"), [1, "0", None], [2, "v", None])
    async with bench.mirror("a", folder=root) as a:
        await a.create_space("Ours")
        await set_many(a)
        await a.sync_now()
        ops = await op_count(a)
        assert a.status()["rebuilt"] is None
    damage(store_of(bench), table)

    async with bench.mirror("a", folder=root) as a:
        with suppress(StorageError, NotFoundError):  # What nobody reads is not found to be damaged.
            await a.space()
        await until(lambda: a.status()["rebuilt"] is not None)
        await current(a)
        status = a.status()
        assert await op_count(a) == ops
        assert status["rebuilt"]["kept"] == str(store_of(bench).with_name(kept(bench)[0]))
        assert (await a.space()).tree.root is not None
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        assert a.status()["rebuilt"] == status["rebuilt"], "it is remembered"
    assert len(kept(bench)) == 1, "and done once"


async def test_damage_that_shows_while_a_space_is_open_is_told_and_mended(bench: Bench) -> None:
    root = bench.folder("f")
    told: list[dict[str, Any]] = []
    async with bench.mirror("a", folder=root) as a:
        await a.create_space("Ours")
        await set_many(a)
        await a.sync_now()
        ops = await op_count(a)
        a.observe(told.append)
        layers = await a._ready_layers()
        await layers.store.database.tidy()
        with store_of(bench).open("r+b") as file:
            file.write(b"?" * store_of(bench).stat().st_size)

        def look(connection: apsw.Connection) -> object:
            connection.pragma("shrink_memory")
            return connection.execute("SELECT * FROM op").fetchall()

        with pytest.raises(StorageError, match="damaged"):
            await layers.store.database.read(look)

        await until(lambda: any(event["kind"] == "rebuilt" for event in told))
        await current(a)
        assert await op_count(a) == ops
    (text,) = [event["text"] for event in told if event["kind"] == "rebuilt"]
    assert "0 ops were read from it, how many more there were is not known" in text


async def test_what_only_a_damaged_store_knew_is_read_from_it(
    bench: Bench, server: FakeServer
) -> None:
    to = (ServerRecord(server.url),)
    server.is_down = True
    async with bench.mirror("a", servers=to) as a:
        await a.create_space("Ours")
        await set_many(a)
        ops, peers = await op_count(a), {op.peer for op in await written(a)}
    damage(store_of(bench), "blob")
    server.is_down = False

    async with bench.mirror("a", servers=to) as a:
        await until(lambda: a.status()["rebuilt"] is not None)
        await current(a)
        assert await op_count(a) == ops == len(server.history)
        rebuilt = a.status()["rebuilt"]
        assert (rebuilt["ops"], rebuilt["unreadOps"]) == (ops, 0)
        await a.edit(SPACE, lambda tree: tree.root.set("name", "after") if tree.root else None)
        assert len({op.peer for op in await written(a)} - peers) == 1, "under a peer id of its own"


async def written(mirror: SpaceMirror) -> list[Any]:
    layers = await mirror._ready_layers()
    return list(await layers.store.log.history(SPACE, SPACE))


def lose_pages(path: Path) -> None:
    """Overwrites some pages in the midst of a database that is closed."""
    with closing(sqlite3.connect(path)) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    pages = path.stat().st_size // PAGE
    with path.open("r+b") as file:
        for page in range(pages // 2, pages // 2 + 20):
            file.seek(page * PAGE)
            file.write(b"?" * PAGE)


async def find_the_damage(mirror: SpaceMirror) -> None:
    """Looks at everything: a database opens as long as its first pages are whole."""
    look = "SELECT sum(length(value)), sum(counter) FROM op"
    with pytest.raises(StorageError):
        await (await mirror._ready_layers()).store.database.read(
            lambda connection: connection.execute(look).fetchall()
        )


async def test_what_no_server_may_have_had_needs_somebody(bench: Bench, server: FakeServer) -> None:
    to = (ServerRecord(server.url),)
    async with bench.mirror("a", servers=to) as a:
        await a.create_space("Ours")
        await current(a)
        server.is_down = True
        await set_many(a, 2000)
    lose_pages(store_of(bench))
    server.is_down = False
    async with bench.mirror("a", servers=to) as a:
        await find_the_damage(a)
        await until(lambda: a.status()["state"] == "needs_you")
        assert a.status()["rebuilt"]["unreadOps"] > 0
        assert "Its servers have what had reached them" in a.status()["reason"]
        for path in store_of(bench).parent.glob("space.sqlite.damaged-*"):
            path.unlink()
    async with bench.mirror("a", servers=to) as a:
        await current(a)
        assert a.status()["reason"] == ""


async def test_a_space_that_nothing_else_holds_needs_somebody(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Ours")
        await set_many(a, 2000)
        ops = await op_count(a)
    lose_pages(store_of(bench))
    async with bench.mirror("a") as a:
        await find_the_damage(a)
        await until(lambda: a.status()["rebuilt"] is not None)
        await until(lambda: a.status()["state"] == "needs_you")
        status = a.status()
        assert status["rebuilt"]["unreadOps"] > 0
        assert status["rebuilt"]["ops"] + status["rebuilt"]["unreadOps"] == ops
        assert "bring back what is missing from a backup" in status["reason"]
        assert status["rebuilt"]["kept"] in status["reason"]
    for path in store_of(bench).parent.glob("space.sqlite.damaged-*"):
        path.unlink()
    async with bench.mirror("a") as a:
        await current(a)


async def test_a_store_that_is_gone_is_made_anew_and_that_is_said(bench: Bench) -> None:
    root = bench.folder("f")
    async with bench.mirror("a", folder=root) as a:
        await a.create_space("Ours")
        await a.sync_now()
        ops = await op_count(a)
    for path in store_of(bench).parent.iterdir():
        path.unlink()
    store_of(bench).parent.rmdir()
    async with bench.mirror("a", folder=root) as a:
        await a.sync_now()
        assert await op_count(a) == ops
        assert a.status()["rebuilt"]["reason"] == "its file was gone"


async def test_a_store_that_is_gone_and_was_alone_is_not_made_anew(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Ours")
    elsewhere = bench.tmp_path / "elsewhere"
    with closing(sqlite3.connect(store_of(bench))) as connection:
        connection.execute("PRAGMA wal_checkpoint(TRUNCATE)")
    store_of(bench).rename(elsewhere)
    mirror = asyncio.ensure_future(_told(bench))
    status = await mirror
    assert status["state"] == "needs_you"
    assert f"{store_of(bench)} is gone, and nothing else holds this space" in status["reason"]
    assert not store_of(bench).exists()
    elsewhere.rename(store_of(bench))
    async with bench.mirror("a") as a:
        await current(a)
        assert a.status()["name"] == "Ours"


async def _told(bench: Bench) -> dict[str, Any]:
    """Runs a mirror that cannot open its store; returns its status."""
    from sila_daemon.mirror.record import Device, SpaceRecord
    from sila_daemon.mirror.space_mirror import SpaceMirror as Mirror

    mirror = Mirror(
        SpaceRecord(SPACE), bench.ports(), bench.tmp_path / "home-a", Device("a", "a", "test")
    )
    running = asyncio.ensure_future(mirror.run())
    with pytest.raises((StorageError, ProblemError), match="is gone"):
        await mirror.tree_ids()
    status = mirror.status()
    assert mirror.is_in_trouble
    running.cancel()
    await asyncio.gather(running, return_exceptions=True)
    return status


async def test_only_so_many_damaged_files_are_kept_and_that_is_said(bench: Bench) -> None:
    root = bench.folder("f")
    for number in range(KEPT_MAX + 1):
        async with bench.mirror("a", folder=root) as a:
            await until(lambda n=number: len(kept(bench)) == min(n, KEPT_MAX))  # type: ignore[misc]
            await current(a)
        damage(store_of(bench), "position")
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: not (store_of(bench).with_name("space.sqlite.damaged-1")).exists())
        await current(a)
        layers = await a._ready_layers()
        note = json.loads(
            await layers.store.database.read(
                lambda connection: (
                    connection.execute("SELECT value FROM note WHERE name = 'rebuilt'").get
                )
            )
        )
    assert kept(bench) == [f"space.sqlite.damaged-{n}" for n in (2, 3, 4)]
    assert note["removed"] == [str(store_of(bench).with_name("space.sqlite.damaged-1"))]


async def test_a_repair_that_was_interrupted_goes_on(bench: Bench) -> None:
    async with bench.mirror("a") as a:
        await a.create_space("Ours")
        await set_many(a)
        ops = await op_count(a)
    path = store_of(bench)
    damage(path, "position")
    marker = path.with_name("space.sqlite.repair")
    told = {"aside": "space.sqlite.damaged-1", "reason": "it is damaged", "at_ms": 7}
    marker.write_text(json.dumps(told))
    path.rename(path.with_name("space.sqlite.damaged-1"))  # And there it ended.
    async with bench.mirror("a") as a:
        await current(a)
        assert await op_count(a) == ops
        assert a.status()["rebuilt"]["at"] == 7
    assert not marker.exists()


async def test_an_alarm_about_a_sound_file_sets_nothing_aside(bench: Bench) -> None:
    async with bench.mirror("a", folder=bench.folder("f")) as a:
        await current(a)
        layers = await a._ready_layers()

        def alarm(_: apsw.Connection) -> None:
            raise apsw.CorruptError("as a passing fault of the memory may say")

        with pytest.raises(StorageError, match="damaged"):
            await layers.store.database.read(alarm)
        await until(lambda: a._layers is not layers and a._layers is not None)
        await current(a)
        assert a.status()["rebuilt"] is None
    assert kept(bench) == []
