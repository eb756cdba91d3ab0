"""What one connection may hold in a server's memory, whatever is at its other end.

The only checker that looks into the server: at its queues, which nothing outside can measure.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.server.limits import constants as limits
from tests.simulation.record import ViolationError

if TYPE_CHECKING:
    from tests.simulation.wire import Wire

EVENT_BYTES = 2000
"""What an event may cost beside its payload."""


def require_bounded(wire: Wire) -> None:
    """Raises ViolationError when a queue of the connection's session is over its bound.

    Each may be over by what came last: it is not read on until there is room.
    """
    served = wire.session
    if served is None:
        return
    sender = served._outbox
    largest = wire.largest_event
    found = {
        "received bytes": (served._inbox_bytes, limits.INBOX_BYTES_MAX + largest + EVENT_BYTES),
        "received events": (len(served._inbox), limits.INBOX_EVENTS_MAX + 1),
        "news": (len(sender._news), limits.NEWS_MAX),
        "live state": (sender._transient_bytes, limits.TRANSIENT_BYTES_MAX),
        "unanswered batches": (served._handlers._unanswered, limits.CREDIT),
        "answers to come": (
            sender._backlog_bytes,
            limits.OUTBOX_BYTES_MAX + limits.INBOX_BYTES_MAX + 2 * largest + EVENT_BYTES,
        ),
    }
    for what, (size, bound) in found.items():
        if size > bound:
            raise ViolationError(f"{what} of {wire.name}: {size}, at most {bound} are allowed")
