"""What would delete or overwrite a large share of a space is held, and nothing else is."""

from __future__ import annotations

import dataclasses
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import ProtectionError
from sila_daemon.core.ids import NULL_VERTEX
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.store.guard import Guard, GuardSettings
from sila_daemon.store.held import Held, Release
from sila_daemon.store.schema import FOLDER
from sila_daemon.store.servers import Cursor
from sila_daemon.store.space_store import Committed, Delivery, SpaceStore
from tests.clocks import HandClock

if TYPE_CHECKING:
    from collections.abc import Iterable
    from pathlib import Path

SPACE = "25f87e271fb347078ec4fbaad528d1b8"
TREE = "66311b5732f44edab7e16ff76fa16666"
SERVER, OTHER = "https://example.org", "https://other.example"
SETTINGS = GuardSettings(share=0.3, vertices_min=5, window_s=60)


class Place:
    """A store with a guard, that can be opened again."""

    def __init__(self, path: Path, settings: GuardSettings = SETTINGS) -> None:
        self.path = path
        self.settings = settings
        self.clock = HandClock()
        self.counter = 0

    async def open(self, *layers: str) -> None:
        guard = Guard(self.settings, self.clock, SPACE)
        self.store = await SpaceStore.open(InlineDatabases(), self.path, self.clock, guard)
        await self.store.set_layers(layers or (FOLDER, SERVER, OTHER))
        self.held = Held(self.store.database)

    async def settled(self, *layers: str) -> None:
        """Opens it with layers that were in agreement once."""
        await self.open(*layers)
        for layer in layers or (FOLDER, SERVER, OTHER):
            await self.store.first_sync.is_over(layer)

    def move(self, target: str, parent: str | None, peer: str = "a") -> MoveOp:
        self.counter += 1
        return MoveOp(self.counter, peer, target, parent)

    def write(self, target: str, value: bytes, key: str = "k", peer: str = "a") -> Op:
        self.counter += 1
        return PropertyOp(self.counter, peer, target, key, value)

    async def bring(
        self, ops: Iterable[Op], source: str | None = SERVER, tree: str = TREE
    ) -> Committed:
        delivery = Delivery([(tree, op) for op in ops], source)
        [committed] = await self.store.commit([delivery])
        return committed

    async def plant(self, count: int, source: str | None = None, tree: str = TREE) -> list[str]:
        """Makes a tree whose root has `count` children, each with a value."""
        names = [f"{tree[:4]}-{number}" for number in range(count)]
        ops: list[Op] = [self.move(tree, None), self.move(NULL_VERTEX, None)]
        for name in names:
            ops += [self.move(name, tree), self.write(name, b'"old"')]
        await self.bring(ops, source, tree)
        return names

    async def shown(self, tree: str = TREE) -> set[tuple[int, str]]:
        rows = await self.store.load(tree)
        moves = {(row.counter, found.peer) for found in rows for row in found.moves}
        return moves | {(row.counter, found.peer) for found in rows for row in found.properties}


@pytest.fixture
async def place(tmp_path: Path) -> Place:
    made = Place(tmp_path / "space.sqlite")
    await made.settled()
    return made


def deletions(place: Place, names: Iterable[str]) -> list[MoveOp]:
    return [place.move(name, NULL_VERTEX, "b") for name in names]


async def test_a_mass_deletion_is_stored_and_counted_and_neither_shown_nor_passed_on(
    place: Place,
) -> None:
    names = await place.plant(20)
    shown, total = await place.shown(), (await place.store.sizes()).ops
    ops = deletions(place, names[:7])
    delivery = Delivery([(TREE, op) for op in ops], SERVER, cursor=Cursor("e", 7, "t"))
    [committed] = await place.store.commit([delivery])
    assert (committed.new, len(committed.held)) == ([], 7)
    assert await place.shown() == shown
    assert (await place.store.sizes()).ops == total + 7
    assert await place.store.counter(TREE) == ops[-1].counter
    vector = await place.store.vector(TREE)
    assert all(op.id in vector for op in ops)
    targets = {owed.op.peer for owed in await place.store.owed(FOLDER, 0, 999)}
    assert targets == {"a"} and (await place.store.debt(FOLDER)).ops == total
    assert ((await place.store.debt(OTHER)).held, (await place.store.debt(SERVER)).held) == (7, 0)
    [hold] = await place.held.holds()
    assert (hold.source, hold.vertices, hold.of_vertices, hold.ops) == (SERVER, 7, 21, 7)
    assert (hold.deletions, hold.moves, hold.trees, hold.refused_ms) == (7, 0, 1, None)
    again = await place.bring(ops, OTHER)
    assert (again.new, again.held, again.duplicate_count) == ([], [], 7)
    assert (await place.store.debt(OTHER)).held == 0, "it showed to have them"


async def test_six_of_twenty_one_are_not_too_many_and_seven_in_small_steps_are(
    place: Place,
) -> None:
    names = await place.plant(20)
    for name in names[:6]:
        assert not (await place.bring(deletions(place, [name]))).held
        place.clock.now += 5
    seventh = await place.bring(deletions(place, [names[6]]))
    assert len(seventh.held) == 1
    after = await place.bring([place.write(names[7], b'"new"', peer="b")])
    assert len(after.held) == 1, "the same source goes on"
    fresh = await place.bring(
        [place.move("fresh", TREE, "b"), place.write("fresh", b"1", peer="b")]
    )
    assert (len(fresh.new), fresh.held) == (2, []), "what is new takes nothing away"
    assert not (await place.bring(deletions(place, [names[8]]), OTHER)).held
    place.clock.now += SETTINGS.window_s + 1
    assert not (await place.bring(deletions(place, [names[9]]))).held, "that was long ago"


async def test_one_deletion_of_what_has_much_below_it_counts_all_of_it(place: Place) -> None:
    names = await place.plant(10)
    below = [place.move(f"below-{number}", names[0]) for number in range(10)]
    await place.bring(below, None)
    assert len((await place.bring(deletions(place, [names[0]]))).held) == 1
    [hold] = await place.held.holds()
    assert (hold.vertices, hold.of_vertices, hold.ops) == (11, 21, 1)


async def test_more_below_it_than_is_counted_counts_too(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sila_daemon.store.guard.BELOW_MAX", 3)
    names = await place.plant(10)
    await place.bring([place.move(f"below-{number}", names[0]) for number in range(10)], None)
    await place.bring([place.write(name, b"1", peer="b") for name in names[1:6]])
    assert len((await place.bring(deletions(place, [names[0]]))).held) == 1


async def test_a_move_under_something_that_is_deleted_counts_too(place: Place) -> None:
    names = await place.plant(10)
    trap = [place.move("trap", TREE, "b"), place.move("trap", NULL_VERTEX, "b")]
    assert not (await place.bring(trap)).held
    moved = [place.move(name, "trap", "b") for name in names[:6]]
    assert len((await place.bring(moved)).held) == 6
    [hold] = await place.held.holds()
    assert (hold.deletions, hold.moves) == (0, 6)


async def test_what_was_moved_under_something_new_cannot_be_deleted_with_it(
    place: Place,
) -> None:
    names = await place.plant(10)
    assert not (await place.bring([place.move("trap", TREE, "b")])).held
    assert not (await place.bring([place.move(name, "trap", "b") for name in names])).held
    fresh = await place.bring([place.move("fresh", TREE, "b")])
    assert (len(fresh.new), fresh.held) == (1, [])
    assert len((await place.bring([place.move("trap", NULL_VERTEX, "b")])).held) == 1
    [hold] = await place.held.holds()
    assert (hold.vertices, hold.of_vertices) == (10, 11)


async def test_a_trap_may_be_made_in_any_order(place: Place) -> None:
    names = await place.plant(10)
    waiting = [place.move("trap", "pit", "b"), *[place.move(name, "trap", "b") for name in names]]
    assert not (await place.bring(waiting)).held, "they wait for the pit"
    assert len((await place.bring([place.move("pit", NULL_VERTEX, "b")])).held) == 1


async def test_moving_things_about_takes_nothing_away(place: Place) -> None:
    names = await place.plant(20)
    moved = [place.move(name, names[0], "b") for name in names[1:]]
    assert not (await place.bring(moved)).held


async def test_overwriting_counts_vertices_whose_values_change(place: Place) -> None:
    names = await place.plant(20)
    added = [place.write(name, b"1", "another key", "b") for name in names]
    same = [place.write(name, b'"old"', peer="b") for name in names]
    late = [PropertyOp(1, "b", name, "k", b'"late"') for name in names]
    for ops in (added, same, late):
        assert not (await place.bring(ops)).held
    often = [place.write(names[0], b"%d" % number, peer="b") for number in range(50)]
    assert not (await place.bring(often)).held, "one thing, written often"
    changed = [place.write(name, b'"new"', peer="b") for name in names[:7]]
    assert len((await place.bring(changed)).held) == 7
    unset = PropertyOp(place.counter + 1, "c", names[9], "k", None)
    assert len((await place.bring([unset])).held) == 1


async def test_deleting_a_reference_takes_the_tree_away_that_it_leads_to(place: Place) -> None:
    await place.plant(20)
    ops: list[Op] = [place.move(SPACE, None), place.move(NULL_VERTEX, None)]
    ops += [place.move("ref", SPACE), place.write("ref", f'"{TREE}"'.encode(), "tid")]
    await place.bring(ops, None, SPACE)
    committed = await place.bring(deletions(place, ["ref"]), tree=SPACE)
    assert len(committed.held) == 1
    [hold] = await place.held.holds()
    assert (hold.vertices, hold.of_vertices) == (22, 23)


async def test_a_small_space_may_lose_what_is_less_than_the_minimum(tmp_path: Path) -> None:
    place = Place(tmp_path / "s.sqlite", dataclasses.replace(SETTINGS, vertices_min=50))
    await place.settled()
    names = await place.plant(49)
    assert not (await place.bring(deletions(place, names))).held


async def test_the_first_sync_of_a_new_space_holds_nothing(tmp_path: Path) -> None:
    place = Place(tmp_path / "s.sqlite")
    await place.open(SERVER)
    names = await place.plant(20, SERVER)
    await place.store.close()
    await place.open(SERVER)  # It was interrupted.
    place.clock.now += 10_000
    assert not (await place.bring(deletions(place, names))).held
    assert await place.store.first_sync.is_going_on(SERVER)
    await place.store.first_sync.is_over(SERVER)
    assert not await place.store.first_sync.is_going_on(SERVER)
    tree = "77311b5732f44edab7e16ff76fa16666"
    left = await place.plant(20, SERVER, tree)
    place.clock.now += SETTINGS.window_s + 1
    assert len((await place.bring(deletions(place, left), tree=tree)).held) == 20


async def test_a_server_that_is_new_to_a_space_may_not_take_away_what_was_there(
    tmp_path: Path,
) -> None:
    place = Place(tmp_path / "s.sqlite")
    await place.open(FOLDER, SERVER)
    names = await place.plant(20, FOLDER)
    assert not (await place.bring(deletions(place, names[:8]), FOLDER)).held
    await place.store.first_sync.is_over(FOLDER)
    assert await place.store.first_sync.is_going_on(SERVER)
    brought = [place.move(f"theirs-{number}", TREE, "b") for number in range(50)]
    gone = [place.move(f"theirs-{number}", NULL_VERTEX, "b") for number in range(50)]
    assert not (await place.bring([*brought, *gone])).held, "only theirs"
    assert len((await place.bring(deletions(place, names[8:16]))).held) == 8
    await place.store.close()
    await place.open(FOLDER, SERVER, OTHER)
    assert len((await place.bring(deletions(place, names[16:]), OTHER)).held) == 0
    more = [place.write(name, b'"x"', peer="b") for name in names[16:]]
    assert len((await place.bring(more, SERVER)).held) == 4, "still in the midst of it"


async def test_yes_shows_it_and_owes_it_and_asks_no_more(place: Place) -> None:
    names = await place.plant(20)
    ops = deletions(place, names[:10])
    await place.bring(ops)
    [hold] = await place.held.holds()
    await place.bring(deletions(place, [names[10]]))
    release = Release(hold.number, hold.last_seq)
    [committed] = await place.store.commit([Delivery(releases=[release])])
    assert committed.released == [(TREE, op) for op in ops]
    assert {op.id for op in ops} <= await place.shown()
    [rest] = await place.held.holds()
    assert (rest.ops, rest.number) == (1, hold.number), "nobody saw that one"
    await place.store.commit([Delivery(releases=[Release(rest.number, rest.last_seq)])])
    assert await place.held.holds() == []
    owed = [entry.op for entry in await place.store.owed(OTHER, 0, 999)]
    assert set(ops) <= set(owed)
    assert not set(ops) & {entry.op for entry in await place.store.owed(SERVER, 0, 999)}
    assert not (await place.bring(deletions(place, [names[11]]))).held


async def test_no_outlasts_a_restart_and_a_comparison(place: Place) -> None:
    names = await place.plant(20)
    ops = deletions(place, names[:10])
    await place.bring(ops)
    [hold] = await place.held.holds()
    await place.held.refuse(hold.number, 1234)
    assert (await place.store.sizes()).waiting_ops == 0
    shown = await place.shown()
    await place.store.close()
    await place.open()
    await place.store.compare(OTHER, {})
    assert not set(ops) & {entry.op for entry in await place.store.owed(OTHER, 0, 999)}
    assert (await place.store.debt(OTHER)).held == 0, "nobody is asked any more"
    assert (await place.bring(ops, FOLDER)).new == []
    assert await place.shown() == shown
    [still] = await place.held.holds()
    assert (still.refused_ms, still.ops) == (1234, 10)


async def test_edits_made_here_are_refused_unless_they_are_meant(place: Place) -> None:
    names = await place.plant(20)
    ops = [(TREE, op) for op in deletions(place, names)]
    total = (await place.store.sizes()).ops
    for part in (ops[:3], ops[3:6]):
        await place.store.commit([Delivery(part, is_meant=False)])
    with pytest.raises(ProtectionError, match="7 of the 21 vertices") as caught:
        await place.store.commit([Delivery(ops[6:7], is_meant=False)])
    assert (caught.value.code, "--force" in caught.value.hint) == ("mass_change", True)
    assert (await place.store.sizes()).ops == total + 6
    [committed] = await place.store.commit([Delivery(ops[6:], is_meant=True)])
    assert len(committed.new) == 14 and await place.held.holds() == []


async def test_a_commit_that_fails_is_not_counted(place: Place) -> None:
    names = await place.plant(20)
    broken = [*deletions(place, names[:6]), MoveOp(1 << 70, "a", "v", None)]
    for _ in range(3):
        with pytest.raises(OverflowError):
            await place.bring(broken)
    assert not (await place.bring([place.write("nobody", b"1")])).held
    assert not (await place.bring(deletions(place, names[6:10]))).held


async def test_without_a_guard_nothing_is_held(tmp_path: Path) -> None:
    place = Place(tmp_path / "s.sqlite")
    await place.settled()
    names = await place.plant(20)
    await place.store.close()
    store = await SpaceStore.open(InlineDatabases(), tmp_path / "s.sqlite", SystemClock())
    ops: list[tuple[str, Op]] = [(TREE, op) for op in deletions(place, names)]
    [committed] = await store.commit([Delivery(ops, SERVER)])
    assert len(committed.new) == 20
    await store.close()
