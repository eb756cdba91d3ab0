"""Which trees are worth their memory: those in use, and those used last within a budget."""

from __future__ import annotations

from collections import Counter
from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterable, Iterator, Mapping

    from sila_daemon.ports.clock import Clock

LOADED_OPS_MAX = 500_000
"""Of all loaded trees of a space, at about 350 bytes each; a larger tree is loaded alone."""


class TreeUse:
    """When each tree was last asked for, and which have work in flight."""

    def __init__(self, clock: Clock, idle_s_max: float, ops_max: int = LOADED_OPS_MAX) -> None:
        """A tree that nobody asked for `idle_s_max` seconds is let go of."""
        self._clock = clock
        self.idle_s_max = idle_s_max
        self._ops_max = ops_max
        self._used_at: dict[str, float] = {}
        """Longest unused first."""
        self._held: Counter[str] = Counter()

    def note(self, tree_id: str) -> None:
        """Notes that somebody asks for a tree now."""
        self._used_at.pop(tree_id, None)
        self._used_at[tree_id] = self._clock.monotonic()

    @contextmanager
    def held(self, tree_ids: Iterable[str]) -> Iterator[None]:
        """Keeps trees from being let go of inside the block."""
        held = tuple(tree_ids)
        self._held.update(held)
        try:
            yield
        finally:
            self._held.subtract(held)
            self._held = +self._held

    def is_held(self, tree_id: str) -> bool:
        """Tells whether work on a tree is in flight."""
        return self._held[tree_id] > 0

    def superfluous(self, op_counts: Mapping[str, int]) -> list[str]:
        """Returns which of the loaded trees to let go of."""
        self._used_at = {key: at for key, at in self._used_at.items() if key in op_counts}
        expired_at = self._clock.monotonic() - self.idle_s_max
        last = next(reversed(self._used_at), None)
        total = sum(op_counts.values())
        found = []
        for tree_id, used_at in self._used_at.items():
            is_surplus = total > self._ops_max and tree_id != last
            if (used_at <= expired_at or is_surplus) and not self._held[tree_id]:
                found.append(tree_id)
                total -= op_counts[tree_id]
        return found
