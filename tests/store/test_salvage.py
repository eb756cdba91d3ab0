"""What a damaged store still gives is read from it, and what it does not give is counted."""

from __future__ import annotations

from contextlib import closing
from pathlib import Path
from random import Random

import apsw
import pytest

from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store import held
from sila_daemon.store.salvage import Salvage, Wreck
from sila_daemon.store.schema import SCHEMA
from sila_daemon.store.secrets import Secrets
from sila_daemon.store.space_store import Delivery, Sizes, SpaceStore

PAGE = 4096
TREES = ("66311b5732f44edab7e16ff76fa16666", "25f87e271fb347078ec4fbaad528d1b8")
PEERS = ("a" * 32, "b" * 32, "c" * 32)
COUNT = 12_000


def an_op(number: int) -> tuple[str, Op]:
    tree, peer = TREES[number % 2], PEERS[number % 3]
    if number % 5 == 0:
        return tree, MoveOp(number, peer, f"v{number}", None if number == 0 else "root")
    return tree, PropertyOp(
        number, peer, f"v{number % 100}", "text", b'"%d %s"' % (number, b"x" * 40)
    )


async def make_store(path: Path) -> None:
    store = await SpaceStore.open(InlineDatabases(), path, SystemClock())
    ops = [an_op(number) for number in range(1, COUNT + 1)]
    await store.commit([Delivery(ops, counters={TREES[0]: COUNT + 500})])
    await Secrets(store.database, SystemClock()).set("key", "sk-1")
    await store.database.write(
        lambda connection: held.hold(connection, "folder", [COUNT - 1, COUNT], (60, 100), 1)
    )
    await store.close()


async def saved(path: Path, into: Path) -> Salvage:
    """Empties a damaged store into a new one."""
    databases = InlineDatabases()
    wreck, target = await databases.open_damaged(path), await databases.open(into, SCHEMA)
    try:
        return await Wreck(wreck).empty_into(target)
    finally:
        await wreck.close()
        await target.close()


def damage(path: Path, *pages: int, by: bytes = b"") -> None:
    with path.open("r+b") as file:
        for page in pages:
            file.seek((page - 1) * PAGE)
            file.write((by * PAGE)[:PAGE] if by else bytes(PAGE))


def ops_in(path: Path) -> set[tuple[object, ...]]:
    with closing(apsw.Connection(str(path))) as connection:
        return set(
            connection.execute(
                "SELECT tree.name, peer.name, op.counter, target, parent, key, value FROM op"
                " JOIN tree ON tree.id = tree JOIN peer ON peer.id = peer"
            )
        )


async def test_a_whole_store_is_taken_over_whole(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    await make_store(old)
    assert await saved(old, new) == Salvage(COUNT, 0, ())
    assert ops_in(new) == ops_in(old)
    store = await SpaceStore.open(InlineDatabases(), new, SystemClock())
    assert (await Secrets(store.database, SystemClock()).load()).values == {"key": "sk-1"}
    assert await store.counter(TREES[0]) == COUNT + 500
    assert await store.sizes() == Sizes(COUNT, 2, 2)
    shown = 0
    for tree in TREES:
        shown += sum(len(rows.moves) + len(rows.properties) for rows in await store.load(tree))
    assert shown == COUNT - 2, "what was held is held on"
    await store.close()


@pytest.mark.parametrize("seed", range(12))
async def test_what_damaged_pages_held_is_counted_and_the_rest_is_right(
    tmp_path: Path, seed: int
) -> None:
    old, new, before = tmp_path / "old", tmp_path / "new", tmp_path / "before"
    await make_store(old)
    before.write_bytes(old.read_bytes())
    random, pages = Random(seed), old.stat().st_size // PAGE
    noise = random.choice((b"", b"\xff", random.randbytes(PAGE)))
    damage(old, *random.sample(range(pages // 4, pages + 1), random.choice((1, 3, 8))), by=noise)

    found = await saved(old, new)

    assert found.ops + (found.unread_ops or 0) == COUNT
    assert ops_in(new) <= ops_in(before)
    assert len(ops_in(new)) == found.ops
    # A damaged inner page takes what hangs from it along: up to a third of so small a store.
    assert found.ops > COUNT * 0.6, "only what stood on damaged pages is missing"


@pytest.mark.parametrize("what", ["first page", "everything", "cut off"])
async def test_what_gives_nothing_is_no_error(tmp_path: Path, what: str) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    await make_store(old)
    if what == "first page":
        damage(old, 1, by=b"?")
    elif what == "everything":
        old.write_bytes(b"no database at all" * 1000)
    else:
        with old.open("r+b") as file:
            file.truncate(2 * PAGE)

    found = await saved(old, new)

    assert (found.ops, found.unread_ops, found.is_whole) == (0, None, False)
    assert "held" in found.unread_parts


async def test_the_damaged_file_stays_as_it_is(tmp_path: Path) -> None:
    old = tmp_path / "old"
    await make_store(old)
    damage(old, old.stat().st_size // PAGE // 2)
    data = old.read_bytes()
    await saved(old, tmp_path / "new")
    assert old.read_bytes() == data


def without_rules(path: Path) -> None:
    """Has a database take values as damage leaves them: of another type, or none."""
    with closing(apsw.Connection(str(path))) as connection:
        connection.pragma("writable_schema", 1)
        for rule in ("STRICT,", "STRICT", "NOT NULL"):
            connection.execute("UPDATE sqlite_schema SET sql = replace(sql, ?, '')", (rule,))


async def test_what_is_held_stays_so_when_it_is_read_twice(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    await make_store(old)
    for _ in range(2):  # As after a crash in the middle of a repair.
        await saved(old, new)
    with closing(apsw.Connection(str(new))) as connection:
        assert connection.execute("SELECT count(*) FROM held").fetchone() == (2,)


@pytest.mark.parametrize(
    "damaging",
    [
        "UPDATE hold SET source = NULL",
        "UPDATE held SET hold = NULL",
        "UPDATE tree SET counter = x'00'",
        "UPDATE secret SET removed = x'ff'",
    ],
)
async def test_values_that_cannot_be_are_no_error(tmp_path: Path, damaging: str) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    await make_store(old)
    without_rules(old)
    with closing(apsw.Connection(str(old))) as connection:
        connection.execute(damaging)
        assert connection.changes() > 0
    found = await saved(old, new)
    assert found.ops == COUNT
    with closing(apsw.Connection(str(new))) as connection:
        assert connection.execute("SELECT count(*) FROM held").fetchone() == (2,)


async def test_a_number_that_no_file_of_this_size_has_costs_nothing(tmp_path: Path) -> None:
    old, new = tmp_path / "old", tmp_path / "new"
    await make_store(old)
    with closing(apsw.Connection(str(old))) as connection:
        connection.execute("UPDATE op SET seq = ? WHERE seq = 7", (1 << 38,))
    found = await saved(old, new)
    assert found.ops == COUNT - 1
