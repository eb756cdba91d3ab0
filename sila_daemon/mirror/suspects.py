"""Which op it is that a server cannot bear: batches that fail are halved until it is alone.

A server may refuse a batch without naming an op, and one that fails on an op ends the connection
without a word. So what was under way then is under suspicion from the next connection on: it is
sent last and with nothing beside it, and what fails again is halved. Connections end for many
reasons, so an op must fail alone more than once before it is taken to be the cause. What the
server turns out to hold, or takes, is free of suspicion.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Sequence

FAILURES_TO_HALVE = 2
FAILURES_ALONE = 5
"""Of which the first may have been in company. On a bad line innocents fail a few times too."""

SUSPECTS_MAX = 100_000
"""With more, a line is so bad that it is no op's fault: nothing new is suspected."""


@dataclass(frozen=True, slots=True, eq=False)
class Suspicion:
    """Ops that were sent together and failed, by their numbers in the store."""

    seqs: tuple[int, ...]
    failures: int
    turn: int
    """Rises with each failure: who failed last is tried last."""


class Suspects:
    """What is under suspicion at one server; it outlives connections, and not the daemon."""

    def __init__(self) -> None:
        self._by_seq: dict[int, Suspicion] = {}
        self._turns = 0

    def __len__(self) -> int:
        return len(self._by_seq)

    def of(self, seq: int) -> Suspicion | None:
        """Returns the suspicion that an op is under."""
        return self._by_seq.get(seq)

    def failed(self, seqs: Sequence[int]) -> bool:
        """Notes that ops failed together; tells whether it is one that is now found guilty."""
        known = self._by_seq.get(seqs[0])
        if known is None and len(self._by_seq) >= SUSPECTS_MAX:
            return False
        failures = 1 if known is None else known.failures + 1
        if len(seqs) == 1:
            self.suspect(seqs, failures)
            return failures >= FAILURES_ALONE
        if failures >= FAILURES_TO_HALVE:
            self.halve(seqs)
        else:
            self.suspect(seqs, failures)
        return False

    def halve(self, seqs: Sequence[int]) -> list[Suspicion]:
        """Parts ops that failed together: each half is suspected for itself."""
        middle = (len(seqs) + 1) // 2
        halves = (seqs[:middle], seqs[middle:])
        return [self.suspect(half, FAILURES_TO_HALVE - 1) for half in halves if half]

    def suspect(self, seqs: Sequence[int], failures: int) -> Suspicion:
        """Puts ops under a suspicion that they share."""
        self._turns += 1
        suspicion = Suspicion(tuple(seqs), failures, self._turns)
        for seq in seqs:
            self._by_seq[seq] = suspicion
        return suspicion

    def clear(self, seqs: Iterable[int]) -> None:
        """Ends the suspicion of ops: the server has them, or it was said what is wrong."""
        for seq in seqs:
            self._by_seq.pop(seq, None)
