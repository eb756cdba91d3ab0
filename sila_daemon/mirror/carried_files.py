"""When a mutable file that came from one server goes on to another one.

Two servers may have different contents of it, and two devices carry each content to where the other
one is: in step these would change places for ever. So what comes again within a short time goes
on only after a wait, by chance and longer each time: one device is then alone for once.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.mirror.back_off import BackOff

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.store.blobs import BlobName, LocalBlob

CALM_S = 30.0
"""After so long without another content from a server nothing changes places any more."""
WAIT_S_MAX = 10.0
_FILES_MAX = 1000


class _Carried(NamedTuple):
    sha256: str
    came_at: float
    goes_at: float
    back_off: BackOff


class CarriedFiles:
    """The mutable files of one space that came from servers a moment ago."""

    def __init__(self, clock: Clock, randomness: Randomness) -> None:
        self._clock = clock
        self._randomness = randomness
        self._files: dict[BlobName, _Carried] = {}

    def came(self, local: LocalBlob) -> None:
        """Takes note of a content that a server gave."""
        now = self._clock.monotonic()
        if len(self._files) >= _FILES_MAX:
            self._files = {
                blob: one for blob, one in self._files.items() if now < one.came_at + CALM_S
            }
        known = self._files.get(local.blob)
        if known is None or now >= known.came_at + CALM_S:
            back_off = BackOff(self._randomness, WAIT_S_MAX)
            self._files[local.blob] = _Carried(local.sha256, now, now, back_off)
            return
        goes_at = now + known.back_off.next_s()
        self._files[local.blob] = _Carried(local.sha256, now, goes_at, known.back_off)

    def wait_s(self, local: LocalBlob) -> float:
        """Returns in how many seconds a content may go on; what was changed here goes at once."""
        known = self._files.get(local.blob)
        if known is None or known.sha256 != local.sha256:
            return 0.0
        return max(0.0, known.goes_at - self._clock.monotonic())
