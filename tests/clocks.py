"""Clocks for tests whose time passes only when they say so."""

from __future__ import annotations

START_S = 1_767_312_000.0
"""2026-01-02 00:00 UTC."""


class HandClock:
    """A clock that stands until it is set, or until somebody sleeps: that takes no time at all."""

    def __init__(self, now: float = START_S) -> None:
        """`now` is both Unix seconds and the monotonic time."""
        self.now = now
        self.pauses: list[float] = []
        """Every sleep, in seconds."""

    def time(self) -> float:
        """Returns what it was set to."""
        return self.now

    def monotonic(self) -> float:
        """Returns the same."""
        return self.now

    async def sleep(self, seconds: float) -> None:
        """Moves the clock on."""
        self.pauses.append(seconds)
        self.now += seconds
