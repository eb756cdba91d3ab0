"""Keeps the secrets here and on one server equal.

Several servers can give several devices different secrets at one moment; each device then carries
what it saw here to there, and in step they would change places for ever. So who has just written
waits before it writes again, by chance and longer each time: somebody is then alone for once.

What the server has is remembered with its tag, as it was read or written last: it is asked again
only once it tells of another tag.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import RemoteRefusedError
from sila_daemon.mirror.remote_api import RemoteSecrets as Held
from sila_daemon.mirror.wakes import News

if TYPE_CHECKING:
    from sila_daemon.mirror.back_off import BackOff
    from sila_daemon.mirror.remote_api import RemoteApi
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.secrets import Secrets

ATTEMPTS_MAX = 5
CALM_S = 30.0
"""After so long without writing nobody is suspected of going in step."""
WAIT_S_MAX = 8.0


class RemoteSecrets:
    """The secrets of one space on one server."""

    def __init__(
        self,
        layer: str,
        api: RemoteApi,
        secrets: Secrets,
        wakes: Wakes,
        clock: Clock,
        back_off: BackOff,
    ) -> None:
        self._layer = layer
        self._api = api
        self._secrets = secrets
        self._wakes = wakes
        self._clock = clock
        self._back_off = back_off
        self._written_at = -CALM_S
        self._write_at = 0.0
        self._there: Held | None = None
        self._told_etag: str | None = None
        """The tag that the server told of last: it may have been before what was read."""

    def forget(self) -> None:
        """Has the server asked again: on a new connection nobody knows what was missed."""
        self._there = self._told_etag = None

    def told(self, etag: str) -> bool:
        """Takes note of the tag that the server tells of; tells whether it is news."""
        self._told_etag = etag
        return self._known() is None

    def _known(self) -> Held | None:
        """Returns what the server has, if that is known."""
        there = self._there
        if there is None or self._told_etag not in (None, there.etag.strip('"')):
            return None
        return there

    async def sync(self) -> float | None:
        """Merges both sides, and writes what the server lacks.

        Returns after how many seconds it is to be done again, None when both are equal. Raises
        SecretsError, RemoteError, StorageError.
        """
        for _ in range(ATTEMPTS_MAX):
            there = self._known()
            is_known = there is not None
            if there is None:
                there = self._there = await self._api.secrets()
            before = await self._secrets.load()
            if is_known and before == there.secrets:
                return None
            now = self._clock.monotonic()
            if is_known and now < self._write_at:
                return self._write_at - now  # Merged already: folder and server would take turns.
            outcome = await self._secrets.merge_from(
                self._layer, there.secrets, prefer_theirs=False
            )
            if outcome != before:
                self._wakes.ring(News.SECRETS)
            if outcome == there.secrets:
                return None
            now = self._clock.monotonic()
            if now < self._write_at:
                return self._write_at - now
            self._there = None  # Should no answer come, nobody knows what was written.
            etag = await self._api.put_secrets(outcome, there.etag)
            if etag is not None:
                self._there = Held(outcome, etag) if etag else None
                await self._secrets.set_base(self._layer, outcome)
                self._note_written(now)
                return None
        raise RemoteRefusedError("the secrets on the server change all the time", code="changed")

    def _note_written(self, now: float) -> None:
        if now - self._written_at > CALM_S:
            self._back_off.reset()
        self._written_at = now
        self._write_at = now + self._back_off.next_s()
