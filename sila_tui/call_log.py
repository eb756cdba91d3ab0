"""The calls that the screen made to the daemon, for who wants to know; never what was in them."""

from __future__ import annotations

from collections import deque
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Callable

CALLS_MAX = 1000


@dataclass(frozen=True)
class CallMade:
    """One call: what it was, how long it took, how much went either way, how it ended."""

    number: int
    at: float
    method: str
    seconds: float
    sent_bytes: int
    received_bytes: int
    code: str
    """Of the error that was answered; empty when all went well."""


class CallLog:
    """The last calls, the newest last."""

    def __init__(self, now: Callable[[], float]) -> None:
        self._now = now
        self._count = 0
        self.calls: deque[CallMade] = deque(maxlen=CALLS_MAX)

    @property
    def count(self) -> int:
        """How many there were since the screen was opened."""
        return self._count

    def note(self, method: str, seconds: float, sent: int, received: int, code: str) -> None:
        """Takes a call that ended."""
        self._count += 1
        made = CallMade(self._count, self._now(), method, seconds, sent, received, code)
        self.calls.append(made)
