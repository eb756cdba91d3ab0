"""Which files come to this machine, between what a client says and what a mirror works by."""

from __future__ import annotations

from sila_daemon.control.results import FetchPolicy
from sila_daemon.core.errors import UsageError
from sila_daemon.store.fetch_policy import FetchPolicy as Policy


def checked_policy(fetch: FetchPolicy) -> Policy:
    """Returns what a client asks for. Raises UsageError for what cannot be meant."""
    limits = [limit for limit in (fetch.newer_than_days, fetch.up_to_bytes) if limit is not None]
    if fetch.on_demand and limits:
        raise UsageError("files that come on demand only have no age and no size to come by")
    if any(not 0 < limit < 1e15 for limit in limits):
        raise UsageError("an age and a size are positive numbers")
    return Policy(fetch.on_demand, fetch.newer_than_days, fetch.up_to_bytes)


def shown_policy(policy: Policy) -> FetchPolicy:
    """Returns a policy as clients are told of it."""
    return FetchPolicy(
        on_demand=policy.on_demand,
        newer_than_days=policy.newer_than_days,
        up_to_bytes=policy.up_to_bytes,
    )
