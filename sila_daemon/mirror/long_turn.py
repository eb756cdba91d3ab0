"""How long a look at a folder has been taking: a disk that does not answer is no reason to say
that all is well."""

from __future__ import annotations

from contextlib import contextmanager
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

    from sila_daemon.ports.clock import Clock

LONG_S_MIN = 60.0
"""A scan that finds nothing takes some milliseconds, a large one seconds."""


class LongTurn:
    """Measures one piece of work at a time."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._since: float | None = None

    @contextmanager
    def measured(self) -> Iterator[None]:
        """Counts what is done within the context."""
        self._since = self._clock.monotonic()
        try:
            yield
        finally:
            self._since = None

    @property
    def seconds(self) -> int:
        """For how long it goes on already; 0 before that is long."""
        if self._since is None:
            return 0
        seconds = self._clock.monotonic() - self._since
        return int(seconds) if seconds >= LONG_S_MIN else 0
