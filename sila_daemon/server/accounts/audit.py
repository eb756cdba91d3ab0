"""The audit log: who did what to whose data, kept for a bounded time and number.

Entries hold ids, codes and digests, never contents, passwords or tokens. `note` only queues;
`run` writes what has gathered, so that nothing that is noted waits for the disk. Whatever must
not be lost with a crash is written with `write_entries` in the transaction that does it.
"""

from __future__ import annotations

import logging
from collections import deque
from collections.abc import Sequence
from dataclasses import astuple, dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import StorageError
from sila_daemon.server.limits.rate_limit import RateLimit

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.ports.clock import Clock

LOG = logging.getLogger(__name__)

ENTRIES_MAX = 200_000
"""Kept rows, some 200 bytes each: forty megabytes at most."""

DAYS_MAX = 90
WAITING_MAX = 5000
"""Entries that wait to be written; more are counted and dropped."""

TEXT_MAX = 200
_WRITE_SECONDS = 1.0
_TRIM_EVERY = 500


@dataclass(frozen=True, slots=True)
class AuditEntry:
    """One thing that happened; every field but the action may be empty."""

    action: str
    """What was done or tried, such as `login`, `role_changed`, `op_refused`."""
    user_id: str = ""
    space_id: str = ""
    reason: str = ""
    """A stable code or a few words: why it was refused, or what it became."""
    digest: str = ""
    """What tells the refused bytes from others without holding them."""
    address: str = ""
    at: int = 0
    """Unix milliseconds; filled in when it is noted."""

    def to_json(self) -> dict[str, Any]:
        """Renders the entry for lists."""
        return {
            "at": self.at,
            "action": self.action,
            "userId": self.user_id,
            "spaceId": self.space_id,
            "reason": self.reason,
            "digest": self.digest,
            "address": self.address,
        }


class Audit:
    """Writes and reads the log in the platform's database."""

    def __init__(self, database: Database, clock: Clock) -> None:
        self._database = database
        self._clock = clock
        self._waiting: deque[AuditEntry] = deque()
        self._dropped = 0
        self._since_trim = _TRIM_EVERY
        self._repeated = RateLimit(clock, burst=1, per_second=1 / 60)

    def note(
        self,
        action: str,
        *,
        user_id: str = "",
        space_id: str = "",
        reason: str = "",
        digest: str = "",
        address: str = "",
    ) -> None:
        """Queues an entry; returns at once and never fails."""
        if len(self._waiting) >= WAITING_MAX:
            self._dropped += 1
            return
        now = int(self._clock.time() * 1000)
        self._waiting.append(
            AuditEntry(action, user_id, space_id, reason, digest, address[:64], now)
        )

    def note_now_and_then(
        self, action: str, *, user_id: str = "", space_id: str = "", address: str = ""
    ) -> None:
        """Queues what happens in any number: at most once a minute for the same who and where."""
        if self._repeated.wait_seconds(f"{action} {user_id} {space_id} {address[:64]}") == 0:
            self.note(action, user_id=user_id, space_id=space_id, address=address)

    @property
    def waiting_count(self) -> int:
        """How many entries wait to be written."""
        return len(self._waiting)

    async def run(self) -> None:
        """Writes what has gathered once a second, until cancelled."""
        while True:
            await self._clock.sleep(_WRITE_SECONDS)
            try:
                await self.flush()
            except StorageError as error:
                LOG.error("the audit log cannot be written: %s", error.message)

    async def flush(self) -> None:
        """Writes what has gathered. Raises StorageError, and keeps it then."""
        if not self._waiting:
            return
        entries = list(self._waiting)
        if self._dropped:
            lost = AuditEntry("entries_dropped", reason=str(self._dropped), at=entries[-1].at)
            entries.append(lost)
        self._since_trim += len(entries)
        is_trim_due = self._since_trim >= _TRIM_EVERY
        oldest = int((self._clock.time() - DAYS_MAX * 86_400) * 1000)

        def work(connection: apsw.Connection) -> None:
            write_entries(connection, entries)
            if is_trim_due:
                _trim(connection, oldest)

        await self._database.write(work)
        if is_trim_due:
            self._since_trim = 0
        self._dropped = 0
        for _ in range(min(len(entries), len(self._waiting))):
            self._waiting.popleft()

    async def entries(
        self, limit: int = 100, *, space_id: str | None = None, user_id: str | None = None
    ) -> list[AuditEntry]:
        """Returns the newest entries first, at most `limit`, of a space or a user if given."""
        await self.flush()
        asked = {"space_id": space_id, "user_id": user_id}
        conditions = [f"{name} = ?" for name, value in asked.items() if value is not None]
        where = f"WHERE {' AND '.join(conditions)}" if conditions else ""
        values = [value for value in asked.values() if value is not None]
        return await self._database.read(
            lambda connection: [
                AuditEntry(*row)
                for row in connection.execute(
                    "SELECT action, user_id, space_id, reason, digest, address, at FROM audit"
                    f" {where} ORDER BY number DESC LIMIT ?",
                    [*values, limit],
                )
            ]
        )


def write_entries(connection: apsw.Connection, entries: Sequence[AuditEntry]) -> None:
    """Writes entries in the transaction of the caller."""
    connection.executemany(
        "INSERT INTO audit (action, user_id, space_id, reason, digest, address, at)"
        " VALUES (?,?,?,?,?,?,?)",
        [(*(_bounded(text) for text in astuple(entry)[:-1]), entry.at) for entry in entries],
    )


def _trim(connection: apsw.Connection, oldest: int) -> None:
    connection.execute("DELETE FROM audit WHERE at < ?", (oldest,))
    connection.execute(
        "DELETE FROM audit WHERE number <= (SELECT max(number) FROM audit) - ?", (ENTRIES_MAX,)
    )


def _bounded(text: str) -> str:
    """Returns text that fits and that SQLite stores, whatever characters a client sent."""
    return text[:TEXT_MAX].encode(errors="replace").decode()
