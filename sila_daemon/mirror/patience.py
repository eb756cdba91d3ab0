"""How long something has been as it is: what a tool is still writing gets time to become right."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Hashable

    from sila_daemon.ports.clock import Clock


class Patience:
    """Waits until nothing has changed for a while."""

    def __init__(self, clock: Clock, grace_s: float) -> None:
        self._clock = clock
        self._grace_s = grace_s
        self._known: Hashable = None
        self._since = float("-inf")

    def is_over(self, known: Hashable) -> bool:
        """Takes note of how things are; tells whether they have been so for long enough."""
        now = self._clock.monotonic()
        if known != self._known:
            self._known, self._since = known, now
        return self._since + self._grace_s <= now

    @property
    def next_due(self) -> float | None:
        """When it will be over, by the monotonic clock; None when it is."""
        due = self._since + self._grace_s
        return due if due > self._clock.monotonic() else None
