"""Which op it is that a server cannot bear: batches that fail are halved until it is alone.

A server may refuse a batch without naming an op, and one that fails on an op ends the connection
without a word. Once that is nothing: connections end for many reasons. What was under way twice
is under suspicion from the next connection on: it is sent last and with nothing beside it, and
what fails again is halved. An op must fail alone more than once before it is taken to be the
cause. What the server turns out to hold, or takes, is free of suspicion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

FAILURES_ALONE = 4
"""Counted from suspicion on. On a bad line innocents fail a few times too."""

SUSPECTS_MAX = 100_000
"""With more, a line is so bad that it is no op's fault: nothing new is suspected."""


@dataclass(frozen=True, slots=True, eq=False)
class Suspicion:
    """Ops that were sent together and failed, by their numbers in the store."""

    seqs: tuple[int, ...]
    failures: int
    """The one that brought the suspicion, and those since."""
    turn: int
    """Rises with each failure: who failed last is tried last."""


class Suspects:
    """What is under suspicion at one server; it outlives connections, and not the daemon."""

    def __init__(self) -> None:
        self._by_seq: dict[int, Suspicion] = {}
        self._failed_once: set[int] = set()
        self._turns = 0

    def __len__(self) -> int:
        return len(self._by_seq)

    def of(self, seq: int) -> Suspicion | None:
        """Returns the suspicion that an op is under."""
        return self._by_seq.get(seq)

    def failed(self, seqs: Sequence[int]) -> bool:
        """Notes that ops failed together; tells whether it is one that is now found guilty."""
        known = self._by_seq.get(seqs[0])
        if known is None:
            if self._failed_once.isdisjoint(seqs):
                if len(self._failed_once) >= SUSPECTS_MAX:
                    self._failed_once.clear()  # Mostly what the server turned out to hold.
                self._failed_once.update(seqs)
            elif len(self._by_seq) < SUSPECTS_MAX:
                self.suspect(seqs, 1)
            return False
        failures = known.failures + 1
        if len(seqs) == 1:
            self.suspect(seqs, failures)
            return failures >= FAILURES_ALONE
        self.halve(seqs)
        return False

    def halve(self, seqs: Sequence[int]) -> list[Suspicion]:
        """Parts ops that failed together: each half is suspected for itself."""
        middle = (len(seqs) + 1) // 2
        halves = (seqs[:middle], seqs[middle:])
        return [self.suspect(half, 1) for half in halves if half]

    def suspect(self, seqs: Sequence[int], failures: int) -> Suspicion:
        """Puts ops under a suspicion that they share."""
        self._turns += 1
        suspicion = Suspicion(tuple(seqs), failures, self._turns)
        for seq in seqs:
            self._by_seq[seq] = suspicion
        return suspicion

    def clear_all(self) -> None:
        """Ends all suspicion, as the server has everything."""
        self._by_seq.clear()
        self._failed_once.clear()

    def clear(self, seqs: Sequence[int]) -> None:
        """Ends the suspicion of ops: the server has them, or it was said what is wrong."""
        for seq in seqs:
            self._by_seq.pop(seq, None)
        self._failed_once.difference_update(seqs)
