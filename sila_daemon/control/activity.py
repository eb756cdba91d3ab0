"""What happened lately: a bounded log of events with ids that show a gap."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock

EVENTS_KEPT_MAX = 2000
"""Enough for a screen to catch up after a pause; what is older is in the log file."""

Event = dict[str, Any]
"""`id`, `at` (Unix milliseconds), `kind`, `space` (an id or None), and what the kind adds."""


class ActivityLog:
    """Numbers events from 1 in each run of the daemon, keeps the newest, tells its listeners."""

    def __init__(self, epoch: str, clock: Clock, kept_max: int = EVENTS_KEPT_MAX) -> None:
        self.epoch = epoch
        """Names this run: ids of another run mean something else."""
        self._clock = clock
        self._events: deque[Event] = deque(maxlen=kept_max)
        self._listeners: list[Callable[[Event], None]] = []
        self._latest = 0

    @property
    def latest(self) -> int:
        """The id of the newest event; 0 before the first."""
        return self._latest

    @property
    def oldest(self) -> int:
        """The id of the oldest event that is still here; one more than `latest` when none is."""
        return self._latest - len(self._events) + 1

    def append(self, kind: str, space: str | None = None, **details: Any) -> Event:
        """Records an event and tells every listener."""
        self._latest += 1
        at = int(self._clock.time() * 1000)
        event = {"id": self._latest, "at": at, "kind": kind, "space": space, **details}
        self._events.append(event)
        for listener in list(self._listeners):
            listener(event)
        return event

    def after(self, event_id: int) -> list[Event]:
        """Returns what is still here of the events after `event_id`, oldest first."""
        return [event for event in self._events if event["id"] > event_id]

    def listen(self, listener: Callable[[Event], None]) -> Callable[[], None]:
        """Calls `listener`, which may only enqueue, for each event; returns how to end that."""
        self._listeners.append(listener)

        def end() -> None:
            if listener in self._listeners:
                self._listeners.remove(listener)

        return end
