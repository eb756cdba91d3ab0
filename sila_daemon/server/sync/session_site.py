"""What every connection of one server stands on."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.workers import Workers
    from sila_daemon.server.limits.budget import Budget
    from sila_daemon.server.limits.traffic import Traffic
    from sila_daemon.server.sync.presence import Presence
    from sila_daemon.server.sync.refusals import Refusals


@dataclass(frozen=True, slots=True)
class SessionSite:
    """The server as its connections see it."""

    server_id: str
    clock: Clock
    workers: Workers
    traffic: Traffic
    budget: Budget
    """Bytes that were received on any connection and are not yet committed or answered, and
    answers that wait to leave."""
    refusals: Refusals
    presence: Presence
