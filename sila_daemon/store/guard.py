"""The guard: what would delete or overwrite a large share of a space waits for a person.

Counted is what one source took away within a while, so that a mass deletion in many small steps
is one event. Within the first sync with a source only what was here before it counts: a space that
is being cloned has lost nothing. New things always come in; what is held are changes to vertices
that were there before.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Container, Iterator, Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from sila_daemon.core.errors import ProtectionError
from sila_daemon.core.ids import NULL_VERTEX
from sila_daemon.core.ops import MoveOp
from sila_daemon.store import first_sync, held, sql
from sila_daemon.store.losses import ANY_NUMBER, LossCount, count_below_at_most
from sila_daemon.store.op_table import TreeOp, stored

if TYPE_CHECKING:
    import apsw

    from sila_daemon.ports.clock import Clock

EDITS = ""
"""Stands where the source would, for edits made here."""

_Vertex = tuple[str, str]
"""A tree and a vertex of it."""

BELOW_MAX = 10_000
"""So far is counted what stands below a vertex."""

_WINDOW_PARTS = 60
"""Deliveries that come this close together, as a part of the window, are forgotten together."""


@dataclass(frozen=True, slots=True)
class GuardSettings:
    """What is too much at once."""

    share: float = 0.3
    """Of the vertices that a space has."""
    vertices_min: int = 50
    """Fewer are never held, however small the space."""
    window_s: float = 600.0
    """So long changes of one source count as made at once."""


@dataclass(frozen=True, slots=True)
class _Span:
    """Numbers of ops that one source brought."""

    at: float
    first: int
    last: int


@dataclass(slots=True)
class _Recent:
    """What one source brought within the window; copied for each commit, which may fail."""

    spans: tuple[_Span, ...] = ()
    targets: dict[_Vertex, float] = field(default_factory=dict)
    """Vertices from before whose properties it set, and when."""
    moved: dict[_Vertex, tuple[float, int]] = field(default_factory=dict)
    """Vertices from before that it moved, when, and how many there are below at most."""
    is_over_until: float = 0.0
    """Until then all that it changes of what was there is held."""

    @property
    def trees(self) -> set[str]:
        """The trees in which it moved vertices from before."""
        return {tree_id for tree_id, _ in self.moved}

    @property
    def loss_at_most(self) -> int:
        """How many vertices it may have taken away."""
        return len(self.targets) + sum(below for _, below in self.moved.values())


@dataclass(frozen=True, slots=True)
class _Case:
    """Ops of one delivery that may take something away."""

    connection: apsw.Connection
    recent: _Recent
    is_recent: Callable[[int], bool]
    ops: Sequence[TreeOp]
    from_before: Sequence[int]
    """Those that change what was there before, by place."""
    moves: Sequence[int]
    """Those that move anything in trees in which something from before was moved."""

    @property
    def targets(self) -> dict[str, set[str]]:
        """The vertices from before whose properties were set, by tree."""
        found: dict[str, set[str]] = {}
        for tree_id, vertex in self.recent.targets:
            found.setdefault(tree_id, set()).add(vertex)
        return found

    def touched(self, living: tuple[float, int] | None) -> tuple[int, int]:
        """Returns how many vertices from before are changed, and about how many there are."""
        count = len({(self.ops[index][0], self.ops[index][1].target) for index in self.from_before})
        return count, living[1] if living else count


class Guard:
    """Judges what is being stored in one space; what it remembers ends with the process."""

    def __init__(self, settings: GuardSettings, clock: Clock, space_id: str) -> None:
        self._settings = settings
        self._clock = clock
        self._space_id = space_id
        self._recent: dict[str, _Recent] = {}
        self._before: dict[str, _Recent | None] = {}
        """As it was before the transaction under way."""
        self._living: tuple[float, int] | None = None

    def begin(self) -> None:
        """Begins a transaction; what the one before added to memory counts only if `kept`."""
        for source, recent in self._before.items():
            if recent is None:
                self._recent.pop(source, None)
            else:
                self._recent[source] = recent
        self._before = {}

    def kept(self) -> None:
        """Notes that the transaction was committed."""
        self._before = {}

    def forget(self, source: str) -> None:
        """Starts anew for a source: what it brought is how things are now."""
        self._recent.pop(source, None)
        self._before.pop(source, None)

    def judge(
        self,
        connection: apsw.Connection,
        source: str,
        first_seq: int,
        ops: Sequence[TreeOp],
        now_ms: int,
    ) -> set[int]:
        """Holds what must be held of ops that were just stored, numbered from `first_seq` on.

        Returns which, by their place in `ops`. Raises ProtectionError for edits made here.
        """
        base = first_sync.base(connection, source)
        if not ops or base == 0:
            return set()  # Where nothing was here before, nothing can be lost.
        now = self._clock.monotonic()
        recent = self._joined(connection, source, _Span(now, first_seq, first_seq + len(ops) - 1))
        is_recent = _after(base) if base is not None else _within(recent.spans)
        from_before = _from_before(connection, ops, is_recent)
        self._note(connection, recent, [ops[index] for index in from_before])
        # What was there before may have been put below what is new.
        moves = _moves_in(recent.trees, ops)
        if not (from_before or moves):
            return set()
        case = _Case(connection, recent, is_recent, ops, from_before, moves)
        is_over = recent.is_over_until > now
        loss = case.touched(self._living) if is_over else self._loss(case)
        if loss is None:
            return set()
        if source == EDITS:
            raise _too_much(*loss)
        if not is_over:
            recent.is_over_until = now + self._settings.window_s
        stopped = set(from_before)
        if not stopped.issuperset(moves) and self._is_lost_without(case, first_seq):
            stopped.update(moves)
        if stopped:
            seqs = [first_seq + index for index in sorted(stopped)]
            held.hold(connection, source, seqs, loss, now_ms)
        return stopped

    def _joined(self, connection: apsw.Connection, source: str, span: _Span) -> _Recent:
        """Returns what is recent of a source, with its newest ops and without what is over."""
        before = self._recent.get(source)
        if before is None:
            before = _Recent()
            if source != EDITS and held.waiting(connection, source) is not None:
                # It may have been in the midst of it when the process before this one ended.
                before.is_over_until = span.at + self._settings.window_s
        since = span.at - self._settings.window_s
        part_s = self._settings.window_s / _WINDOW_PARTS
        recent = replace(before, spans=_with(before.spans, span, since, part_s))
        self._set(source, recent)
        return recent

    def _note(self, connection: apsw.Connection, recent: _Recent, ops: Sequence[TreeOp]) -> None:
        """Adds changes to vertices from before, and forgets those that are not recent."""
        now = self._clock.monotonic()
        since = now - self._settings.window_s
        recent.targets = {vertex: at for vertex, at in recent.targets.items() if at > since}
        recent.moved = {
            vertex: (at, below) for vertex, (at, below) in recent.moved.items() if at > since
        }
        for tree_id, op in ops:
            vertex = tree_id, op.target
            if isinstance(op, MoveOp):
                recent.moved[vertex] = now, self._below(connection, recent, *vertex)
            else:
                recent.targets[vertex] = now

    def _below(
        self, connection: apsw.Connection, recent: _Recent, tree_id: str, vertex: str
    ) -> int:
        """Returns how many vertices are lost with one at most."""
        known = recent.moved.get((tree_id, vertex))
        if known is not None:
            return known[1]
        if tree_id == self._space_id:
            return ANY_NUMBER  # Whole trees may hang from it.
        return count_below_at_most(connection, tree_id, vertex, BELOW_MAX)

    def _set(self, source: str, recent: _Recent) -> None:
        self._before.setdefault(source, self._recent.get(source))
        self._recent[source] = recent

    def _loss(self, case: _Case) -> tuple[int, int] | None:
        """Returns how many vertices of how many are lost, if those are too many."""
        settings, recent = self._settings, case.recent
        # Counting exactly is slow in a large tree: first, whether it could be too much.
        at_most = recent.loss_at_most
        if at_most < settings.vertices_min or self._is_within_share(at_most):
            return None
        count = LossCount(case.connection, self._space_id, case.is_recent)
        losses = count.losses(case.targets, recent.trees)
        living = count.living_count()
        self._living = self._clock.monotonic(), living
        if losses.vertices < settings.vertices_min:
            return None
        return (losses.vertices, living) if losses.vertices > settings.share * living else None

    def _is_lost_without(self, case: _Case, first_seq: int) -> bool:
        """Tells whether too much is lost by what is not from before, either."""
        stopped = [first_seq + index for index in case.from_before]
        count = LossCount(case.connection, self._space_id, case.is_recent, without=stopped)
        lost = count.losses({}, case.recent.trees).deleted
        is_many = lost >= self._settings.vertices_min
        return is_many and lost > self._settings.share * count.living_count()

    def _is_within_share(self, vertices: int) -> bool:
        """Tells whether so many were a small part of the space when that was last counted."""
        if self._living is None:
            return False
        counted_at, living = self._living
        is_fresh = self._clock.monotonic() < counted_at + self._settings.window_s
        return is_fresh and vertices <= self._settings.share * living


def _after(base: int) -> Callable[[int], bool]:
    return lambda seq: seq > base


def _within(spans: Sequence[_Span]) -> Callable[[int], bool]:
    firsts = [span.first for span in spans]

    def is_within(seq: int) -> bool:
        index = bisect_right(firsts, seq) - 1
        return index >= 0 and seq <= spans[index].last

    return is_within


def _with(
    spans: tuple[_Span, ...], newest: _Span, since: float, part_s: float
) -> tuple[_Span, ...]:
    spans = tuple(span for span in spans if span.at > since)
    last = spans[-1] if spans else None
    if last is not None and last.last + 1 == newest.first and newest.at < last.at + part_s:
        return (*spans[:-1], _Span(last.at, last.first, newest.last))
    return (*spans, newest)


def _from_before(
    connection: apsw.Connection, ops: Sequence[TreeOp], is_recent: Callable[[int], bool]
) -> list[int]:
    """Returns which of the ops change vertices that were there before the recent ones."""
    known: dict[_Vertex, bool] = {}
    found = []
    for index, (tree_id, op) in enumerate(ops):
        vertex = tree_id, op.target
        if vertex not in known:
            known[vertex] = op.target != NULL_VERTEX and any(
                not is_recent(seq) for seq in _move_seqs(connection, *vertex)
            )
        if known[vertex]:
            found.append(index)
    return found


def _moves_in(trees: Container[str], ops: Sequence[TreeOp]) -> list[int]:
    return [
        index
        for index, (tree_id, op) in enumerate(ops)
        if isinstance(op, MoveOp) and tree_id in trees
    ]


def _move_seqs(connection: apsw.Connection, tree_id: str, vertex: str) -> Iterator[int]:
    rows = sql.rows(
        connection,
        "SELECT seq FROM op INDEXED BY op_moved"
        " WHERE tree = (SELECT id FROM tree WHERE name = ?) AND target = ? AND key IS NULL",
        (tree_id, stored(vertex)),
    )
    return (seq for (seq,) in rows)


def _too_much(vertices: int, of_vertices: int) -> ProtectionError:
    return ProtectionError(
        f"this would delete or overwrite {vertices} of the {of_vertices} vertices of the space",
        code="mass_change",
        hint="if it is meant, say so with --force",
    )
