"""Token buckets on a clock that is passed in."""

from __future__ import annotations

from collections import OrderedDict
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock

_KEYS_MAX = 10_000


class RateLimit:
    """At most `burst` at once, and `per_second` in the long run, for each key.

    The keys seen longest ago are forgotten first, so memory is bounded whoever comes.
    """

    def __init__(self, clock: Clock, burst: float, per_second: float) -> None:
        self._clock = clock
        self._burst = burst
        self._per_second = per_second
        self._buckets: OrderedDict[str, tuple[float, float]] = OrderedDict()

    def wait_seconds(self, key: str) -> float:
        """Takes one token and returns 0, or takes none and returns how long to wait."""
        now = self._clock.monotonic()
        left, since = self._buckets.pop(key, (self._burst, now))
        left = min(self._burst, left + (now - since) * self._per_second)
        is_allowed = left >= 1
        self._buckets[key] = (left - 1 if is_allowed else left, now)
        if len(self._buckets) > _KEYS_MAX:
            self._buckets.popitem(last=False)
        return 0 if is_allowed else (1 - left) / self._per_second
