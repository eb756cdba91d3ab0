"""What an original server showed to have, and may still lose: it keeps ops in memory for a while.

It has what it showed for certain once the connection lived on for a while: it writes what it takes
within 500 ms, unless its process ends.
"""

from __future__ import annotations

import asyncio
from collections import deque
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence


class HeardOps:
    """The ops of one connection that are owed until it has lived long enough, by number."""

    def __init__(self, kept_after_s: float) -> None:
        self._kept_after_s = kept_after_s
        self.delivering = asyncio.Lock()
        """Held from before ops are stored until they are noted here."""
        self._by_time: deque[tuple[float, list[int], int]] = deque()
        self._count = 0
        self._seqs: set[int] = set()
        self._filled = asyncio.Event()

    @property
    def count(self) -> int:
        """How many of them count as owed as long as they are here."""
        return self._count

    def __len__(self) -> int:
        return len(self._seqs)

    def __contains__(self, seq: int) -> bool:
        return seq in self._seqs

    def add(self, seqs: Sequence[int], now: float, *, is_counted: bool = True) -> None:
        """Notes owed ops that the server showed at `now`, in monotonic seconds.

        What the guard holds is not counted among debts.
        """
        fresh = [seq for seq in seqs if seq not in self._seqs]
        if fresh:
            counted = len(fresh) if is_counted else 0
            self._count += counted
            self._by_time.append((now, fresh, counted))
            self._seqs.update(fresh)
            self._filled.set()

    async def next_due_at(self) -> float:
        """Returns when the first of them are certain, in monotonic seconds; waits for some."""
        while not self._by_time:
            self._filled.clear()
            await self._filled.wait()
        return self._by_time[0][0] + self._kept_after_s

    def first(self) -> list[int]:
        """Returns those that are certain first; they are counted no more."""
        at, seqs, counted = self._by_time[0]
        self._by_time[0] = at, seqs, 0
        self._count -= counted
        return seqs

    def drop_first(self) -> None:
        """Forgets those, as the debts have ended."""
        _, seqs, _ = self._by_time.popleft()
        self._seqs.difference_update(seqs)
