"""Files that the policy of a space leaves on its servers, and which of them are to come."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.store.blobs import STATIC

if TYPE_CHECKING:
    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.blobs import BlobName, Blobs
    from sila_daemon.store.fetch_policy import FetchPolicy
    from sila_daemon.store.lacking import Lacking, LackingFile


@dataclass(frozen=True, slots=True)
class AwayCounts:
    """How much is left on the servers, for status."""

    files: int = 0
    bytes: int = 0
    """Of those whose size is known."""


class AwayFiles:
    """Decides by the policy of the moment, which may change at any time."""

    def __init__(self, policy: FetchPolicy, blobs: Blobs, lacking: Lacking, clock: Clock) -> None:
        self.policy = policy
        self._blobs = blobs
        self._lacking = lacking
        self._clock = clock

    async def to_fetch(self) -> list[BlobName]:
        """Returns the files that are not here and are to come. Raises StorageError."""
        lacking = await self._blobs.lacking()
        if self.policy.takes_all:
            return lacking
        away = {file.blob for file in await self.left_out()}
        return [blob for blob in lacking if blob not in away]

    async def sizes(self) -> dict[BlobName, int]:
        """Returns the bytes of files that are not here, where they are known."""
        lacking = await self._lacking.all()
        return {file.blob: file.size for file in lacking if file.size is not None}

    async def left_out(self) -> list[LackingFile]:
        """Returns the files that stay where they are. Raises StorageError."""
        if self.policy.takes_all:
            return []
        return [file for file in await self._lacking.all() if not self._is_to_come(file)]

    async def counts(self) -> AwayCounts:
        """Counts them."""
        away = await self.left_out()
        return AwayCounts(len(away), sum(file.size or 0 for file in away))

    async def declines(self, blob: BlobName, size: int) -> bool:
        """Tells whether a file is larger than what refers to it says, and so is to stay away."""
        if blob.kind != STATIC or not self.policy.is_too_large(size):
            return False
        if await self._lacking.is_wanted(blob):
            return False
        await self._lacking.note_size(blob, size)
        return True

    async def want(self, blobs: list[BlobName]) -> None:
        """Has files come, whatever the policy says. Durable; raises StorageError."""
        await self._lacking.want(blobs)

    def _is_to_come(self, file: LackingFile) -> bool:
        now_ms = self._clock.time() * 1000
        return file.is_wanted or any(self.policy.wants(facts, now_ms) for facts in file.facts)
