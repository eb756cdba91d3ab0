"""Notices secrets that change places for ever, so that a merge can end it.

Two values of one name can travel in circles: one over a server, the other with a carrier of
folders, which knows no base. Each is then news wherever it arrives, and a device gives up the one
for the other and back. A value that was given up and came back again and again within minutes
is contested; between contested values something decides that is the same everywhere.
"""

from __future__ import annotations

from collections import deque
from typing import TYPE_CHECKING

from sila_daemon.store.secret_merge import fingerprint

if TYPE_CHECKING:
    from collections.abc import Mapping

    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.secret_merge import SecretSet

WINDOW_S = 120.0
MOVES_MIN = 3
"""A value that left, came and left again, or the other way round. Who sets a value, takes it back
and stays with that is not disturbed."""
CHANGES_KEPT_MAX = 16
NAMES_MAX = 1000


class SecretSwaps:
    """The last changes of the secrets of one space, in memory: they matter for minutes only."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._changes: dict[str, deque[tuple[float, str, str]]] = {}

    def note(self, before: SecretSet, after: SecretSet) -> None:
        """Takes note of values that gave way to others."""
        for name, value in after.values.items():
            former = before.values.get(name)
            if former is not None and former != value:
                self._note(name, fingerprint(former), fingerprint(value))

    def _note(self, name: str, left: str, came: str) -> None:
        if name not in self._changes and len(self._changes) >= NAMES_MAX:
            self._changes.pop(next(iter(self._changes)))
        changes = self._changes.setdefault(name, deque(maxlen=CHANGES_KEPT_MAX))
        changes.append((self._clock.monotonic(), left, came))

    def forget(self, name: str) -> None:
        """Starts anew for a name: a person has decided."""
        self._changes.pop(name, None)

    def contested(self) -> Mapping[str, frozenset[str]]:
        """Returns the fingerprints of the values that change places, by name."""
        since = self._clock.monotonic() - WINDOW_S
        contested = {}
        for name, changes in self._changes.items():
            moves = [value for at, *pair in changes if at >= since for value in pair]
            values = frozenset(value for value in moves if moves.count(value) >= MOVES_MIN)
            if values:
                contested[name] = values
        return contested
