"""Finds out what an original server has: it never says so, and shows what one claims to lack.

A question that claims to lack ops is answered with those that won when they arrived. What lost
shows in a full answer only, so that one is asked for rarely: for one tree, when nothing else is
to be done, and not again before the interval of the settings has passed.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.core.ops import MoveOp
from sila_daemon.core.peer_order import collation_key
from sila_daemon.core.state_vector import StateVector
from sila_daemon.mirror import original_messages as wire

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Mapping, Sequence

    from sila_daemon.mirror.original_pusher import OriginalPusher
    from sila_daemon.mirror.record import MirrorSettings
    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.sightings import Recent, Sightings, Unseen
    from sila_daemon.store.space_store import SpaceStore

_MARGIN = 1.05
PROBED_OPS = 200
"""So many of the newest ops are looked for at each connection, whatever was seen before."""


UNSHOWN_OPS_MAX = 20_000
"""More is what a server lost that went back in time; it keeps them once it gets them."""


@dataclass(slots=True)
class Checks:
    """What was found out about one server, over all connections."""

    full_at: dict[str, float] = field(default_factory=dict)
    """When everything of a tree was last asked for, in monotonic seconds."""
    doubted: set[str] = field(default_factory=set)
    """Trees of which ops were not shown that the server was known to hold."""
    unshown: set[int] = field(default_factory=set)
    """The numbers of ops that a full answer did not show: that it passes them on counts for
    nothing, or two devices would send them in turn for ever."""

    def lacks(self, seqs: Sequence[int]) -> None:
        """Takes note of what a full answer did not show, if that is little."""
        if len(self.unshown) + len(seqs) <= UNSHOWN_OPS_MAX:
            self.unshown.update(seqs)


class Confirmation:
    """Ends the debts of what was sent over one connection, or has it sent again."""

    def __init__(
        self,
        ask: Callable[[Mapping[str, StateVector | None]], Awaitable[set[int]]],
        store: SpaceStore,
        sightings: Sightings,
        pusher: OriginalPusher,
        clock: Clock,
        checks: Checks,
        settings: MirrorSettings,
        count_debt: Callable[[], Awaitable[None]],
    ) -> None:
        """`ask` puts vectors to the server and returns the numbers of the ops it showed."""
        self._ask = ask
        self._store = store
        self._sightings = sightings
        self._pusher = pusher
        self._clock = clock
        self._checks = checks
        self._interval_s = settings.confirm_interval_s
        self._seen_after_s = settings.seen_after_s
        self._pause_s = _MARGIN * settings.seen_after_s
        self._count_debt = count_debt
        self._began_at = clock.monotonic()

    def hurry(self) -> None:
        """Looks at once, whenever the last full answer was."""
        self._checks.full_at.clear()
        self._pusher.taken.set()

    async def run(self) -> None:
        """Looks again after each batch, until cancelled."""
        while True:
            self._pusher.taken.clear()
            # What was sent a moment ago is in the server's memory only.
            await self._clock.sleep(self._pause_s)
            next_at = await self._look()
            await self._count_debt()
            if not self._pusher.taken.is_set():
                await self._wait_until(next_at)

    async def probe(self) -> tuple[dict[str, StateVector], list[Recent]]:
        """Returns ids to claim to lack though the server has them, by tree, and their ops."""
        recent = await self._sightings.newest_seen(PROBED_OPS)
        ranges: dict[str, dict[str, list[tuple[int, int]]]] = defaultdict(dict)
        for entry in recent:
            counter, peer = entry.op.id
            ranges[entry.tree_id].setdefault(peer, []).append((counter, counter))
        return {tree_id: StateVector(found) for tree_id, found in ranges.items()}, recent

    def take_probe(self, recent: Sequence[Recent], shown: set[int]) -> None:
        """Doubts the trees of which something was not shown that should have been."""
        for entry in _without_superseded(recent):
            if entry.seq not in shown:
                self._checks.doubted.add(entry.tree_id)

    async def _look(self) -> float | None:
        """Asks once for all that is unseen; returns when a full answer may be asked for."""
        asked_at = self._clock.monotonic()
        await self._claim()
        # What was sent while the server answered was not asked for.
        missing = await self._aged(asked_at - self._seen_after_s)
        by_tree: dict[str, list[Unseen]] = defaultdict(list)
        for entry in missing:
            by_tree[entry.tree_id].append(entry)
        # A move that is not shown is not there: only properties can lose.
        certain = [tree for tree, found in by_tree.items() if all(op.is_move for op in found)]
        await self._missed([op.seq for tree in certain for op in by_tree.pop(tree)])
        if not self._pusher.is_idle and not self._pusher.is_held_up:
            return self._clock.monotonic() + self._pause_s if by_tree else None
        for tree_id in sorted(self._checks.doubted.union(by_tree)):
            if self._full_due_at(tree_id) <= self._clock.monotonic():
                await self._ask_for_all(tree_id)
                by_tree.pop(tree_id, None)
        waiting = [self._full_due_at(tree) for tree in self._checks.doubted.union(by_tree)]
        return min(waiting, default=None)

    async def _claim(self) -> None:
        """Claims to lack what was sent."""
        vectors: dict[str, StateVector | None] = {}
        for tree_id in sorted({entry.tree_id for entry in await self._sightings.unseen()}):
            held = await self._store.vector(tree_id)
            lacking = await self._sightings.owed_vector(tree_id, only_sent=True)
            vectors[tree_id] = wire.claim(held, [lacking])
        for question in wire.questions(vectors):
            await self._ask(question)

    async def _aged(self, moment: float) -> list[Unseen]:
        """Returns what was sent before a moment and not seen."""
        return [
            entry
            for entry in await self._sightings.unseen()
            if self._pusher.was_sent_before(entry.seq, moment)
        ]

    async def _ask_for_all(self, tree_id: str) -> None:
        """Has everything of a tree shown: what is not is not there."""
        asked_at = self._clock.monotonic()
        self._checks.full_at[tree_id] = asked_at
        due = [
            op for op in await self._aged(asked_at - self._seen_after_s) if op.tree_id == tree_id
        ]
        highest = await self._sightings.highest_seq()
        shown = await self._ask({tree_id: None})
        now_ms = int(self._clock.time() * 1000)
        lost = await self._sightings.owe_unless(tree_id, shown, highest, now_ms)
        still = {entry.seq for entry in await self._sightings.unseen()}
        await self._missed([op.seq for op in due if op.seq in still])
        self._checks.doubted.discard(tree_id)
        self._checks.lacks(lost)
        if lost:
            await self._doubt_all()
            self._pusher.offer_again()

    async def _doubt_all(self) -> None:
        """Nothing that the server showed to earlier connections counts: it went back in time."""
        asked_at = self._checks.full_at
        for tree_id in await self._store.tree_ids():
            if asked_at.get(tree_id, -1.0) < self._began_at:
                asked_at.pop(tree_id, None)
                self._checks.doubted.add(tree_id)

    async def _missed(self, seqs: Sequence[int]) -> None:
        if seqs:
            await self._sightings.note_missed(seqs)
            self._pusher.forget(seqs)
            self._pusher.offer_again()

    def _full_due_at(self, tree_id: str) -> float:
        asked_at = self._checks.full_at.get(tree_id)
        return 0.0 if asked_at is None else asked_at + self._interval_s

    async def _wait_until(self, moment: float | None) -> None:
        left_s = None if moment is None else max(0.0, moment - self._clock.monotonic())
        try:
            async with asyncio.timeout(left_s):
                await self._pusher.taken.wait()
        except TimeoutError:
            pass


def _without_superseded(recent: Sequence[Recent]) -> list[Recent]:
    """Leaves out properties that lost against another one that is recent too."""
    last: dict[tuple[str, str, str], tuple[int, object]] = {}
    for entry in recent:
        if not isinstance(entry.op, MoveOp):
            place = entry.tree_id, entry.op.target, entry.op.key
            stamp = entry.op.counter, collation_key(entry.op.peer)
            last[place] = max(last.get(place, stamp), stamp)
    return [
        entry
        for entry in recent
        if isinstance(entry.op, MoveOp)
        or last[entry.tree_id, entry.op.target, entry.op.key]
        == (entry.op.counter, collation_key(entry.op.peer))
    ]
