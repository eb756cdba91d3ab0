"""Questions about the ops of one space, answered page by page from indexes.

Each page is one short unit of work on the database's thread, so that commits come between, and
holds at most a chunk of ops, so that no answer is ever in memory as a whole.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sila_daemon.core.ops import MoveOp, Op
from sila_daemon.core.peer_order import collation_key
from sila_daemon.core.state_vector import StateVector
from sila_daemon.core.wire import encode_ops
from sila_daemon.server.limits.constants import BATCH_OPS, CHUNK_BYTES
from sila_daemon.server.ops.op_rows import COLUMNS, Row, end_of_span, text_of_listed, text_of_span
from sila_daemon.server.ops.op_store import OpStore, Position

if TYPE_CHECKING:
    import apsw

SCAN_ENTRIES = 20_000
"""Index entries looked at in one unit of work: some 20 ms."""

COMMITS_AT_ONCE = 500
"""Commits looked at in one unit of work."""

ALTERNATES_AT_ONCE = 5000
"""Ids with several contents that are told at once."""

_OP_OVERHEAD_BYTES = 120
"""JSON around an op's target, key and value."""


@dataclass(slots=True)
class Run:
    """Ops of one tree that were committed next to each other by one sender."""

    tree_id: str
    sender: str
    position: Position
    """After the last op of the run."""
    ops: list[Op] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class Step:
    """Ops of one tree that were committed next to each other, ready to be sent."""

    tree_id: str
    is_own: bool
    """Whether the one who asks committed them."""
    position: Position
    """After the last op of the step."""
    text: str
    """The ops as a JSON array in the wire form; empty for one's own, which are not sent back."""


@dataclass(frozen=True, slots=True)
class Page:
    """Ops of one tree in op order."""

    text: str
    """The ops as a JSON array in the wire form."""


def size_of(op: Op) -> int:
    """Estimates the JSON bytes of an op."""
    if isinstance(op, MoveOp):
        return _OP_OVERHEAD_BYTES + len(op.target) + len(op.parent or "")
    return _OP_OVERHEAD_BYTES + len(op.target) + len(op.key) + len(op.value or b"")


class OpQueries:
    """Reads one op store."""

    def __init__(self, store: OpStore) -> None:
        self._store = store

    async def is_in_history(self, position: Position) -> bool:
        """Tells whether this history passed through `position`."""
        if position.seq == 0:
            return position.tag == b""

        def work(connection: apsw.Connection) -> bool:
            row = connection.execute(
                "SELECT first_seq, tag FROM commits WHERE last_seq >= ? ORDER BY last_seq LIMIT 1",
                (position.seq,),
            ).fetchone()
            return row is not None and row[0] <= position.seq and row[1] == position.tag

        return await self._store.database.read(work)

    async def runs_after(self, seq: int, last_seq: int) -> list[Run]:
        """Returns at most a chunk of what was committed after `seq`, up to `last_seq`, in order."""
        store = self._store

        def work(connection: apsw.Connection) -> list[Run]:
            runs: list[Run] = []
            commit_end, tag, sender, room = seq, b"", "", CHUNK_BYTES
            rows = connection.execute(
                f"SELECT {COLUMNS} FROM ops WHERE seq > ?1 AND seq <= ?2"
                f" UNION ALL SELECT {COLUMNS} FROM alternates WHERE seq > ?1 AND seq <= ?2"
                " ORDER BY seq LIMIT ?3",
                (seq, last_seq, BATCH_OPS),
            )
            for row in rows:
                op = store.to_op(connection, row)
                room -= size_of(op)
                if room < 0 and runs:
                    break
                if row[0] > commit_end:
                    commit_end, tag, number = _commit_at(connection, row[0])
                    sender = store.senders.name(connection, number)
                    runs.append(Run(store.trees.name(connection, row[1]), sender, Position(0, b"")))
                runs[-1].ops.append(op)
                runs[-1].position = Position(row[0], tag)
            return runs

        return await store.database.read(work)

    async def steps_after(
        self, seq: int, last_seq: int, asking: str, *, wants_own: bool
    ) -> list[Step]:
        """Returns at most a chunk of what was committed after `seq`, up to `last_seq`, in order.

        Commits of one tree that stand next to each other become one step; those of the sender
        `asking` stay apart, and without text unless `wants_own`.
        """
        store = self._store

        def work(connection: apsw.Connection) -> list[Step]:
            own = store.senders.find(connection, asking)
            steps: list[Step] = []
            after, room = seq, CHUNK_BYTES
            for run in _commit_runs(connection, seq, last_seq, own):
                while after < run.last_seq and room > 0:
                    until, tag = run.last_seq, run.tag
                    is_sent = wants_own or not run.is_own
                    if is_sent:
                        until = end_of_span(connection, after, until, CHUNK_BYTES)
                        tag = tag if until == run.last_seq else _commit_at(connection, until)[1]
                    text = text_of_span(connection, after, until) if is_sent else ""
                    tree_id = store.trees.name(connection, run.tree)
                    steps.append(Step(tree_id, run.is_own, Position(until, tag), text))
                    after, room = until, room - len(text)
            return steps

        return await store.database.read(work)

    async def tree_ids(self) -> list[str]:
        """Returns the ids of all trees that have ops, sorted."""
        return await self._store.database.read(
            lambda connection: [
                str(name) for (name,) in connection.execute("SELECT name FROM trees ORDER BY name")
            ]
        )

    async def highest(self, tree_id: str) -> int:
        """Returns the greatest counter of a tree; 0 when it has no ops."""

        def work(connection: apsw.Connection) -> int:
            row = connection.execute(
                "SELECT highest FROM trees WHERE name = ?", (tree_id,)
            ).fetchone()
            return 0 if row is None else int(row[0])

        return await self._store.database.read(work)

    async def missing(self, tree_id: str, held: StateVector | None) -> AsyncIterator[Page]:
        """Yields the ops of a tree that `held` lacks, in op order, chunk by chunk."""
        store = self._store
        after: int | None = 0
        while after is not None:
            start = after

            def scan(connection: apsw.Connection, start: int = start) -> _Scanned:
                tree = store.trees.find(connection, tree_id)
                if tree is None:
                    return [], None
                entries, following = _scan(connection, tree, start)
                return _wanted(store, connection, entries, held), following

            wanted, after = await store.database.read(scan)
            while wanted:
                page, taken = await self._page(wanted)
                yield page
                wanted = wanted[taken:]

    async def _page(self, wanted: list[Wanted]) -> tuple[Page, int]:
        """Returns the first of the wanted ops, as many as fit, and how many ids that were."""
        store = self._store

        def work(connection: apsw.Connection) -> tuple[Page, int]:
            seqs = [seq for _, _, seq in wanted[:BATCH_OPS]]
            if connection.execute("SELECT 1 FROM alternates LIMIT 1").fetchone() is not None:
                return _page_with_alternates(store, connection, seqs)
            text, taken = text_of_listed(connection, seqs, CHUNK_BYTES)
            return Page(text), taken

        return await store.database.read(work)

    async def vector(self, tree_id: str) -> StateVector:
        """Returns which ops of a tree are held."""
        store = self._store
        vector = StateVector()
        after: int | None = 0
        while after is not None:
            start = after

            def work(connection: apsw.Connection, start: int = start) -> int | None:
                tree = store.trees.find(connection, tree_id)
                if tree is None:
                    return None
                entries, following = _scan(connection, tree, start)
                by_peer: dict[int, list[int]] = {}
                for counter, peer, _ in entries:
                    by_peer.setdefault(peer, []).append(counter)
                for peer, counters in by_peer.items():
                    vector.add_sorted(store.peers.name(connection, peer), counters)
                return following

            after = await store.database.read(work)
        return vector

    async def alternates(self, tree_id: str) -> AsyncIterator[tuple[str, list[int]]]:
        """Yields which ids of a tree have several contents: a peer and some of its counters."""
        store = self._store
        after: tuple[int, int] | None = (0, 0)
        while after is not None:
            start = after

            def work(
                connection: apsw.Connection, start: tuple[int, int] = start
            ) -> tuple[dict[str, list[int]], tuple[int, int] | None]:
                tree = store.trees.find(connection, tree_id)
                rows: list[Any] = connection.execute(
                    "SELECT DISTINCT counter, peer FROM alternates"
                    " WHERE tree = ? AND (counter, peer) > (?, ?) ORDER BY counter, peer LIMIT ?",
                    (tree, *start, ALTERNATES_AT_ONCE),
                ).fetchall()
                by_peer: dict[str, list[int]] = {}
                for counter, peer in rows:
                    by_peer.setdefault(store.peers.name(connection, peer), []).append(counter)
                return by_peer, rows[-1] if len(rows) == ALTERNATES_AT_ONCE else None

            found, after = await store.database.read(work)
            for peer, counters in found.items():
                yield peer, counters


Entry = tuple[int, int, int]
"""counter, peer, seq."""

Wanted = tuple[int, tuple[str, bytes], int]
"""counter, what sorts the peer, seq."""

_Scanned = tuple[list[Wanted], int | None]


def _scan(connection: apsw.Connection, tree: int, after: int) -> tuple[Sequence[Entry], int | None]:
    """Returns index entries with counters above `after`, and after which counter to go on."""
    entries: list[Any] = connection.execute(
        "SELECT counter, peer, seq FROM ops WHERE tree = ? AND counter > ?"
        " ORDER BY counter, peer LIMIT ?",
        (tree, after, SCAN_ENTRIES),
    ).fetchall()
    if len(entries) < SCAN_ENTRIES:
        return entries, None
    last = entries[-1][0]
    whole = [entry for entry in entries if entry[0] < last]
    if whole:
        return whole, whole[-1][0]
    # More peers at one counter than fit a page: hostile, and still answered.
    same: list[Any] = connection.execute(
        "SELECT counter, peer, seq FROM ops WHERE tree = ? AND counter = ?", (tree, last)
    ).fetchall()
    return same, last


def _wanted(
    store: OpStore,
    connection: apsw.Connection,
    entries: Sequence[Entry],
    held: StateVector | None,
) -> list[Wanted]:
    """Leaves out what is held; sorts the rest by op id."""
    names = {peer: store.peers.name(connection, peer) for _, peer, _ in entries}
    keys = {peer: collation_key(name) for peer, name in names.items()}
    return sorted(
        (counter, keys[peer], seq)
        for counter, peer, seq in entries
        if held is None or (counter, names[peer]) not in held
    )


def _page_with_alternates(
    store: OpStore, connection: apsw.Connection, seqs: list[int]
) -> tuple[Page, int]:
    """Renders ops with every content of their ids; rare, so one by one."""
    ops: list[Op] = []
    room = CHUNK_BYTES
    taken = 0
    for seq in seqs:
        row: Any = connection.execute(f"SELECT {COLUMNS} FROM ops WHERE seq = ?", (seq,)).fetchone()
        found = [store.to_op(connection, row), *_alternates_of(store, connection, row)]
        room -= sum(map(size_of, found))
        if room < 0 and ops:
            break
        ops += found
        taken += 1
    return Page(encode_ops(ops).decode()), taken


def _alternates_of(store: OpStore, connection: apsw.Connection, row: Row) -> list[Op]:
    """Returns the other contents of an op's id."""
    others = connection.execute(
        f"SELECT {COLUMNS} FROM alternates WHERE tree = ? AND counter = ? AND peer = ?"
        " ORDER BY seq",
        row[1:4],
    )
    return [store.to_op(connection, other) for other in others]


def _commit_at(connection: apsw.Connection, seq: int) -> tuple[int, bytes, int]:
    """Returns last seq, tag and the sender's number of the commit that holds `seq`."""
    row = connection.execute(
        "SELECT last_seq, tag, sender_id FROM commits WHERE last_seq >= ?"
        " ORDER BY last_seq LIMIT 1",
        (seq,),
    ).fetchone()
    assert row is not None
    return row[0], row[1], row[2]


@dataclass(slots=True)
class _CommitRun:
    """Commits next to each other, of one tree, by others or by oneself alone."""

    last_seq: int
    tag: bytes
    tree: int
    is_own: bool


def _commit_runs(
    connection: apsw.Connection, seq: int, last_seq: int, own: int | None
) -> list[_CommitRun]:
    """Returns the commits after `seq`, in order; one's own are never joined to each other."""
    rows: list[Any] = connection.execute(
        "SELECT last_seq, tag, sender_id, coalesce((SELECT tree FROM ops WHERE seq = last_seq),"
        " (SELECT tree FROM alternates WHERE seq = last_seq)) FROM commits"
        " WHERE last_seq > ? AND first_seq <= ? ORDER BY last_seq LIMIT ?",
        (seq, last_seq, COMMITS_AT_ONCE),
    ).fetchall()
    runs: list[_CommitRun] = []
    for commit_end, tag, sender, tree in rows:
        is_own = sender == own
        if runs and runs[-1].tree == tree and not is_own and not runs[-1].is_own:
            runs[-1].last_seq, runs[-1].tag = commit_end, tag
        else:
            runs.append(_CommitRun(commit_end, tag, tree, is_own))
    return runs
