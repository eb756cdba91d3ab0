"""One space's database: what is committed here is what "saved" means."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.store import (
    blobs,
    held,
    op_table,
    outbox,
    positions,
    quarantine,
    servers,
    space_name,
    sql,
    tree_facts,
)
from sila_daemon.store.first_sync import FirstSync
from sila_daemon.store.guard import EDITS
from sila_daemon.store.op_log import StoredOpLog
from sila_daemon.store.op_table import OpTable, PeerRows, TreeOp
from sila_daemon.store.schema import FOLDER, SCHEMA

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence
    from pathlib import Path

    import apsw

    from sila_daemon.core.ops import OpId
    from sila_daemon.core.state_vector import StateVector
    from sila_daemon.database.database import Database, Databases
    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.guard import Guard

LOAD_CHUNK_OPS = 10_000


@dataclass(frozen=True, slots=True)
class Delivery:
    """Ops and what is to be stored with them, all or nothing."""

    ops: Sequence[TreeOp] = ()
    """None of them transient."""
    source: str | None = None
    """The layer that showed to hold them; None for edits made here."""
    counters: Mapping[str, int] = field(default_factory=dict)
    """Clocks of trees that were seen beside `ops`, as transient ops have them."""
    progress: positions.FileProgress | None = None
    cursor: servers.Cursor | None = None
    """Of the server `source`: with `ops` and `set_aside`, everything up to it is held."""
    set_aside: Sequence[quarantine.NoOp] = ()
    """What the server `source` sent that is no op."""
    releases: Sequence[held.Release] = ()
    """What the guard held and somebody decided about."""
    is_unsure: bool = False
    """The server `source` showed to have the ops and may still lose them: they are owed to it all
    the same."""
    is_meant: bool = True
    """Whether edits are stored however much they delete or overwrite."""

    @property
    def origin(self) -> str | None:
        """Who brought it, known to hold it or not; None for edits made here."""
        return FOLDER if self.progress is not None else self.source


@dataclass(slots=True)
class Committed:
    """What a delivery changed."""

    new: list[TreeOp]
    """What is shown and passed on from now on and was not known before."""
    duplicate_count: int
    conflicts: list[tuple[str, OpId]]
    settled_count: int
    """Debts of the source that it showed to hold."""
    refers_to_blobs: bool = False
    origin: str | None = None
    """Who brought it."""
    held: list[TreeOp] = field(default_factory=list)
    """What was not known before, and the guard holds."""
    released: list[TreeOp] = field(default_factory=list)
    """What was held until now."""
    seqs: list[int] = field(default_factory=list)
    """The numbers of all ops of an unsure delivery."""
    owed_seqs: list[int] = field(default_factory=list)
    """Of these, what the source is not known to hold."""
    owed_held_seqs: list[int] = field(default_factory=list)
    """The same of what the guard holds."""


@dataclass(frozen=True, slots=True)
class Acknowledgement:
    """A server's answer to a batch: what it holds now, and what it will never take."""

    held: Sequence[outbox.OwedOp]
    refused: Sequence[quarantine.Refusal] = ()
    cursor: servers.Cursor | None = None


@dataclass(frozen=True, slots=True)
class Sizes:
    """How much a store holds."""

    ops: int
    trees: int
    """Trees that have ops."""
    waiting_ops: int
    """Those that the guard holds and nobody has decided about."""


class SpaceStore:
    """The database of one space."""

    def __init__(self, database: Database, clock: Clock, guard: Guard | None = None) -> None:
        """Without a guard nothing is ever held."""
        self._database = database
        self._clock = clock
        self._guard = guard
        self.log = StoredOpLog(database)
        self.first_sync = FirstSync(database, guard)
        self._table = OpTable()
        self._is_doubtful = False
        """A transaction was begun whose end is not known to have been good."""

    @classmethod
    async def open(
        cls, databases: Databases, path: Path, clock: Clock, guard: Guard | None = None
    ) -> SpaceStore:
        """Opens or creates the file. Raises StorageError, UnsupportedVersionError."""
        return cls(await databases.open(path, SCHEMA), clock, guard)

    async def close(self) -> None:
        """Closes the database."""
        await self._database.close()

    @property
    def database(self) -> Database:
        """For the other parts of the store, which share the file."""
        return self._database

    async def set_layers(self, names: Sequence[str]) -> None:
        """Makes these the layers of the space; a new one is owed everything there is."""
        now_ms = self._now_ms()

        def work(connection: apsw.Connection) -> None:
            outbox.remove_layers_except(connection, names)
            for name in names:
                outbox.add_layer(connection, name, now_ms)

        await self._database.write(work)

    async def commit(self, deliveries: Sequence[Delivery]) -> list[Committed]:
        """Stores deliveries in one transaction, and owes what is new to every other layer.

        Raises StorageError, ProtectionError for edits that nobody said are meant, and then
        nothing of any of them is stored.
        """
        now_ms = self._now_ms()

        def work(connection: apsw.Connection) -> list[Committed]:
            if self._is_doubtful:
                self._table.forget()
            self._is_doubtful = True
            if self._guard is not None:
                self._guard.begin()
            return [self._store(connection, delivery, now_ms) for delivery in deliveries]

        committed = await self._database.write(work)
        self._is_doubtful = False
        if self._guard is not None:
            self._guard.kept()
        return committed

    def _store(self, connection: apsw.Connection, delivery: Delivery, now_ms: int) -> Committed:
        inserted = self._table.insert(connection, delivery.ops)
        self._table.raise_counters(connection, delivery.counters)
        count = len(inserted.new)
        holder = None if delivery.is_unsure else delivery.source
        outbox.owe(connection, inserted.first_seq, count, holder, now_ms)
        settled = 0
        if delivery.source is not None:
            if inserted.known_seqs and holder is not None:
                settled = outbox.settle(connection, delivery.source, inserted.known_seqs)
            quarantine.set_aside(connection, delivery.source, delivery.set_aside, now_ms)
            if delivery.cursor is not None:
                servers.store_cursor(connection, delivery.source, delivery.cursor)
        if delivery.progress is not None:
            positions.store_progress(connection, delivery.progress)
        refers = blobs.note_references(connection, (op for _, op in inserted.new))
        space_name.forget(connection, inserted.new)
        tree_facts.touch(connection, {tree_id for tree_id, _ in inserted.new})
        new, stopped = inserted.new, _held_back(self._guard, connection, delivery, inserted, now_ms)
        if stopped:
            new = [entry for index, entry in enumerate(inserted.new) if index not in stopped]
        return Committed(
            new,
            len(inserted.known_seqs),
            inserted.conflicts,
            settled,
            refers,
            delivery.origin,
            [inserted.new[index] for index in sorted(stopped)],
            [
                op
                for decided in delivery.releases
                for op in _released(self._guard, connection, decided)
            ],
            *_seqs(connection, delivery, inserted),
        )

    async def acknowledge(self, layer: str, answers: Sequence[Acknowledgement]) -> tuple[int, int]:
        """Ends debts of a server by its answers.

        Returns how many there were, and how many blobs it is owed anew.
        """
        now_ms = self._now_ms()

        def work(connection: apsw.Connection) -> tuple[int, int]:
            settled = blob_count = 0
            for answer in answers:
                settled += outbox.settle(connection, layer, [owed.seq for owed in answer.held])
                quarantine.refuse(connection, layer, answer.refused, now_ms)
                blob_count += blobs.check_again(
                    connection, layer, (owed.op for owed in answer.held)
                )
                if answer.cursor is not None:
                    servers.store_cursor(connection, layer, answer.cursor)
            servers.store_acknowledged(connection, layer, now_ms)
            return settled, blob_count

        return await self._database.write(work)

    async def settle(self, layer: str, seqs: Sequence[int]) -> None:
        """Ends debts that a layer holds durably now."""
        await self._database.write(lambda connection: outbox.settle(connection, layer, seqs))

    async def settle_written(
        self, seqs: Sequence[int], reached: Sequence[positions.Position]
    ) -> None:
        """Ends debts of the folder, and notes up to where it was written."""

        def work(connection: apsw.Connection) -> None:
            outbox.settle(connection, FOLDER, seqs)
            for position in reached:
                positions.store_progress(connection, positions.FileProgress(position))

        await self._database.write(work)

    async def owe_to_folder_again(self, trees: Sequence[str], forgotten: Sequence[str]) -> None:
        """Owes the folder all ops of some trees, and has op files read whole to end that.

        `forgotten` are the paths of all files of these trees that have been read.
        """
        now_ms = self._now_ms()

        def work(connection: apsw.Connection) -> None:
            outbox.owe_trees(connection, FOLDER, trees, now_ms)
            positions.forget(connection, forgotten)

        await self._database.write(work)

    async def compare(self, layer: str, have: Mapping[str, StateVector]) -> None:
        """Makes a server's debts what it shows to lack."""
        now_ms = self._now_ms()
        await self._database.write(
            lambda connection: outbox.compare(connection, layer, have, now_ms)
        )

    async def owed(
        self, layer: str, after_seq: int, limit: int, bytes_max: int | None = None
    ) -> list[outbox.OwedOp]:
        """Returns ops that a layer lacks, in the order in which they became known here.

        With `bytes_max` they end with the first that brings their values to so many bytes.
        """
        return await self._database.read(
            lambda connection: outbox.owed(connection, layer, after_seq, limit, bytes_max)
        )

    async def debt(self, layer: str) -> outbox.Debt:
        """Returns what a layer is owed."""
        return await self._database.read(lambda connection: outbox.debt(connection, layer))

    async def tree_ids(self) -> list[str]:
        """Returns the trees that have ops, oldest knowledge first."""
        return await self._database.read(op_table.tree_ids)

    async def sizes(self) -> Sizes:
        """Returns how many ops are held, how many trees have some, and what waits."""
        query = (
            "SELECT (SELECT coalesce(max(seq), 0) FROM op), (SELECT count(*) FROM tree"
            f" WHERE {op_table.HAS_OPS}), ({held.WAITING_COUNT})"
        )
        (found,) = await self._database.read(lambda connection: sql.rows(connection, query))
        return Sizes(*found)

    async def counter(self, tree_id: str) -> int:
        """Returns a tree's stored high-water mark."""
        return await self._database.read(
            lambda connection: op_table.tree_counter(connection, tree_id)
        )

    async def vector(self, tree_id: str) -> StateVector:
        """Returns which ops of a tree are held."""
        return await self._database.read(lambda connection: op_table.vector(connection, tree_id))

    async def load(self, tree_id: str) -> list[PeerRows]:
        """Returns all ops of a tree, read in bounded chunks so that others get their turn."""
        found: list[PeerRows] = []
        place: op_table.Place | None = None
        while True:
            rows, place = await self._database.read(
                lambda connection, after=place: op_table.chunk(  # type: ignore[misc]
                    connection, tree_id, after, LOAD_CHUNK_OPS
                )
            )
            found += rows
            if place is None:
                return found

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)


def _seqs(
    connection: apsw.Connection, delivery: Delivery, inserted: op_table.Inserted
) -> tuple[list[int], list[int], list[int]]:
    """Returns the numbers of all ops of an unsure delivery, and of those that are owed."""
    if not delivery.is_unsure or delivery.source is None:
        return [], [], []
    first = inserted.first_seq
    seqs = [*inserted.known_seqs, *range(first, first + len(inserted.new))]
    return seqs, *outbox.owed_among(connection, delivery.source, seqs)


def _held_back(
    guard: Guard | None,
    connection: apsw.Connection,
    delivery: Delivery,
    inserted: op_table.Inserted,
    now_ms: int,
) -> set[int]:
    """Has the guard look at what is new; returns what it holds, by place."""
    source = delivery.origin
    if guard is None or (source is None and delivery.is_meant):
        return set()
    source = EDITS if source is None else source
    return guard.judge(connection, source, inserted.first_seq, inserted.new, now_ms)


def _released(
    guard: Guard | None, connection: apsw.Connection, decided: held.Release
) -> list[TreeOp]:
    """Lets go of what was held, and returns it."""
    source = held.source_of(connection, decided.hold) or ""
    if guard is not None:
        guard.forget(source)
    released = held.release(connection, decided)
    space_name.forget(connection, released)
    tree_facts.touch(connection, {tree_id for tree_id, _ in released})
    return released
