"""Token buckets on a clock that is passed in."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock

_KEYS_MAX = 10_000


class RateLimit:
    """At most `burst` at once, and `per_second` in the long run, for each key.

    What costs more than `burst` is let through when the bucket is full, and paid off later. The
    keys seen longest ago are forgotten first, so memory is bounded whoever comes.
    """

    def __init__(self, clock: Clock, burst: float, per_second: float) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_seconds(self, key: str, cost: float = 1) -> float:
        """Takes `cost` tokens and returns 0, or takes none and returns how long to wait."""
        wait = self.lack_seconds(key, cost)
        if not wait:
            self.take(key, cost)
        return wait

    def lack_seconds(self, key: str, cost: float = 1) -> float:
        """Returns how long to wait until `cost` tokens are there; takes none."""
        lacking = min(cost, self._burst) - self._left(key)
        return lacking / self._per_second if lacking > 0 else 0

    def take(self, key: str, cost: float = 1) -> None:
        """Takes tokens, whether they are there or not."""
        left = self._left(key)
        self._buckets.pop(key, None)
        self._buckets[key] = (left - cost, self._clock.monotonic())
        if len(self._buckets) > _KEYS_MAX:
            self._buckets.popitem(last=False)

    def _left(self, key: str) -> float:
        left, since = self._buckets.get(key, (self._burst, 0.0))
        return min(self._burst, left + (self._clock.monotonic() - since) * self._per_second)
