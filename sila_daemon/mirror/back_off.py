"""How long to wait before trying again."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.ports.randomness import Randomness

_DELAY_S_MIN = 0.5


class BackOff:
    """Doubles up to a cap, with full jitter, so that many devices do not come back at once."""

    def __init__(self, randomness: Randomness, delay_s_max: float) -> None:
        self._randomness = randomness
        self._delay_s_max = delay_s_max
        self._ceiling_s = _DELAY_S_MIN

    def next_s(self) -> float:
        """Returns the next delay in seconds."""
        ceiling = self._ceiling_s
        self._ceiling_s = min(ceiling * 2, self._delay_s_max)
        return max(0.05, ceiling * self._randomness.uniform())

    def longest_s(self) -> float:
        """Returns a delay for what only a person can change."""
        return self._delay_s_max * (0.5 + self._randomness.uniform() / 2)

    def reset(self) -> None:
        """Begins anew after a success."""
        self._ceiling_s = _DELAY_S_MIN
