"""Ops that were refused, as the audit log keeps them: who, where, why, a digest of the bytes."""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable
from typing import TYPE_CHECKING

from sila_daemon.server.limits.rate_limit import RateLimit

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock
    from sila_daemon.server.accounts.audit import Audit
    from sila_daemon.server.accounts.grants import Grant

DIGESTED_BYTES = 256 << 10
"""Of a longer event only the beginning is digested, within a millisecond."""

_BURST = 50
_PER_SECOND = 0.5
"""Of one user: who sends nothing but nonsense does not push everything else out of the log."""


class Refusals:
    """Notes refused ops."""

    def __init__(self, audit: Audit, clock: Clock) -> None:
        self._audit = audit
        self._pace = RateLimit(clock, _BURST, _PER_SECOND)

    def note(
        self, action: str, grant: Grant, space_id: str, codes: Iterable[str], payload: bytes
    ) -> None:
        """Notes what was found in one event: an entry for each code, with how often."""
        digest = ""
        for code, count in Counter(codes).items():
            if self._pace.wait_seconds(grant.user_id):
                return
            digest = digest or hashlib.sha256(payload[:DIGESTED_BYTES]).hexdigest()
            reason = code if count == 1 else f"{code}, {count} ops"
            self._audit.note(
                action, user_id=grant.user_id, space_id=space_id, reason=reason, digest=digest
            )
