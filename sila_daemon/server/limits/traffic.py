"""How much users, spaces and addresses may send: token buckets for ops, bytes and connections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

import msgspec

from sila_daemon.server.limits.rate_limit import RateLimit

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock


class TrafficSettings(msgspec.Struct, frozen=True, forbid_unknown_fields=True):
    """What one user may send in the long run; 0 means that there is no limit.

    A space may be sent twice as much, an address four times as much. A hundred seconds' worth
    may come at once, so that a whole space moves here at full speed.
    """

    ops_per_second: int = 20_000
    """Ops of all connections of the user."""
    bytes_per_second: int = 8 << 20
    """Of what these connections send."""
    connections_per_minute: int = 300
    """New ones, each to one space."""


_BURST_SECONDS = 100
_CONNECTIONS_BURST_MINUTES = 3


@dataclass(frozen=True, slots=True)
class _Buckets:
    """One kind of traffic, by user, by space and by address."""

    by_user: RateLimit
    by_space: RateLimit
    by_address: RateLimit

    def wait_seconds(self, user_id: str, space_id: str, address: str, cost: float) -> float:
        """Takes from all three and returns 0, or takes from none and returns how long to wait."""
        pairs = (
            (self.by_user, user_id),
            (self.by_space, space_id),
            (self.by_address, address),
        )
        wait = max(bucket.lack_seconds(key, cost) for bucket, key in pairs)
        if not wait:
            for bucket, key in pairs:
                bucket.take(key, cost)
        return wait


class Traffic:
    """The buckets of one server."""

    def __init__(self, clock: Clock, settings: TrafficSettings) -> None:
        def buckets(per_second: float, burst_seconds: float) -> _Buckets | None:
            if not per_second:
                return None
            limits = (
                RateLimit(clock, share * per_second * burst_seconds, share * per_second)
                for share in (1, 2, 4)
            )
            return _Buckets(*limits)

        self._ops = buckets(settings.ops_per_second, _BURST_SECONDS)
        self._bytes = buckets(settings.bytes_per_second, _BURST_SECONDS)
        self._connections = buckets(
            settings.connections_per_minute / 60, 60 * _CONNECTIONS_BURST_MINUTES
        )

    def connection_wait(self, user_id: str, space_id: str, address: str) -> float:
        """Counts a connection and returns 0, or returns how long it is to wait."""
        buckets = self._connections
        return 0 if buckets is None else buckets.wait_seconds(user_id, space_id, address, 1)

    def stranger_wait(self, address: str) -> float:
        """Returns how long an address has to wait before it may join anything."""
        buckets = self._connections
        return 0 if buckets is None else buckets.by_address.lack_seconds(address)

    def meter(self, user_id: str, space_id: str, address: str) -> Meter:
        """Returns what counts the traffic of one connection."""
        return Meter((user_id, space_id, address), self._ops, self._bytes)


class Meter:
    """Counts what one connection sends against its user, its space and its address."""

    def __init__(
        self, who: tuple[str, str, str], ops: _Buckets | None, sizes: _Buckets | None
    ) -> None:
        self._who = who
        self._ops = ops
        self._bytes = sizes

    def bytes_wait(self, size: int) -> float:
        """Counts bytes and returns 0, or returns how long they are to wait, in seconds."""
        return 0 if self._bytes is None else self._bytes.wait_seconds(*self._who, size)

    def ops_wait(self, count: int) -> float:
        """Counts ops and returns 0, or returns how long they are to wait, in seconds."""
        return 0 if self._ops is None else self._ops.wait_seconds(*self._who, count)
