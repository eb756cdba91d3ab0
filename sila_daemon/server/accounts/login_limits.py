"""How often somebody may try a password: counted before any hash is computed."""

from __future__ import annotations

import ipaddress
from typing import TYPE_CHECKING

from sila_daemon.core.errors import RateLimitedError
from sila_daemon.server.limits.rate_limit import RateLimit

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock


class LoginLimits:
    """Buckets by address, by account from one address, and by account from everywhere.

    An office behind one address and a person who mistypes are let through. Who guesses one
    account from one place shuts out only that place; only guesses from many places slow down
    the account itself.
    """

    def __init__(self, clock: Clock) -> None:
        self._by_address = RateLimit(clock, burst=20, per_second=20 / 60)
        self._by_both = RateLimit(clock, burst=5, per_second=5 / 60)
        self._by_account = RateLimit(clock, burst=20, per_second=10 / 60)

    def take(self, account: str, address: str) -> None:
        """Counts one attempt. Raises RateLimitedError."""
        # One after the other: who is held back by address must not use up others' attempts.
        network, known = network_of(address), account[:300]
        wait = (
            self._by_address.wait_seconds(network)
            or self._by_both.wait_seconds(f"{known} {network}")
            or self._by_account.wait_seconds(known)
        )
        if wait > 0:
            raise too_often(wait)


def too_often(wait: float) -> RateLimitedError:
    """Makes the error for somebody who must wait so many seconds."""
    error = RateLimitedError("too many attempts; wait a little")
    error.retry_after_s = wait
    return error


def network_of(address: str) -> str:
    """Returns what one person has of addresses: an IPv4 address, or an IPv6 network of 64 bits."""
    try:
        parsed = ipaddress.ip_address(address.partition("%")[0])
    except ValueError:
        return address[:100]
    if isinstance(parsed, ipaddress.IPv6Address):
        if parsed.ipv4_mapped is not None:
            return str(parsed.ipv4_mapped)
        return str(ipaddress.ip_network((parsed, 64), strict=False))
    return str(parsed)
