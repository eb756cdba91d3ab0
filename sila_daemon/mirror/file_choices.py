"""Mutable files that were changed in two places: both contents are kept until a person chooses."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError
from sila_daemon.mirror.turns import Turns
from sila_daemon.mirror.wakes import News
from sila_daemon.store.blobs import STATIC, VAR, BlobName, LocalBlob
from sila_daemon.store.file_conflicts import FileConflict, FileConflicts

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from sila_daemon.mirror.layers import Layers
    from sila_daemon.mirror.local_blobs import LocalBlobs
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.space_store import SpaceStore


class OvertakenFiles:
    """Puts one's own content of a file beside the newer one that takes its place."""

    def __init__(self, store: SpaceStore, local: LocalBlobs, clock: Clock, wakes: Wakes) -> None:
        self.conflicts = FileConflicts(store.database)
        self._local = local
        self._clock = clock
        self._wakes = wakes
        self._turns = Turns()

    async def give_way(
        self, local: LocalBlob, server: str, bring: Callable[[], Awaitable[bool]]
    ) -> bool:
        """Puts one's own content beside, and has `bring` put the newer one in its place.

        Returns False when that did not come to be: then nothing waits for anybody. Several
        servers may have a newer one; each finds what the one before it has left.
        """
        async with self._turns.of(local.blob):
            if not await self._put_beside(local, server):
                return False
            if await bring():
                return True
            await self.conflicts.remove(local.blob.name, local.sha256)
            self._wakes.ring(News.BLOBS)
            return False

    async def _put_beside(self, local: LocalBlob, server: str) -> bool:
        """Keeps the content of a mutable file as an immutable one; durable when this returns.

        Returns False when the file changed meanwhile: then nothing waits for anybody.
        """
        try:
            kept = await self._local.put(self._local.read(local.blob))
        except NotFoundError:
            return False  # It vanished: the next scan takes note of that.
        if kept.sha256 != local.sha256:
            return False
        now_ms = int(self._clock.time() * 1000)
        await self.conflicts.add(
            FileConflict(local.blob.name, local.sha256, local.size, server, now_ms)
        )
        self._wakes.ring(News.BLOBS)
        return True


class FileChoices:
    """What waits for the choice of a person, and the choice."""

    def __init__(self, ready_layers: Callable[[], Awaitable[Layers]], wakes: Wakes) -> None:
        """`ready_layers` returns the parts of the open space, or raises StorageError."""
        self._ready_layers = ready_layers
        self._wakes = wakes

    async def waiting(self) -> list[FileConflict]:
        """Returns the contents that were put beside newer ones, the oldest first."""
        return await (await self._ready_layers()).overtaken.conflicts.all()

    async def choose(self, uuid: str, sha256: str, *, own: bool) -> None:
        """Puts the content that was kept in place again, or leaves the newer one there.

        The one that was not chosen stays an immutable file. Raises NotFoundError when nobody has
        to choose, ProtectionError when the file changed at this very moment.
        """
        layers = await self._ready_layers()
        conflicts, local = layers.overtaken.conflicts, layers.local_blobs
        waiting = await conflicts.all()
        if not any((one.uuid, one.sha256) == (uuid, sha256) for one in waiting):
            raise NotFoundError(
                f"the file {uuid!a:.80} has no content that waits for a choice",
                code="no_conflict",
                hint="see what does with: sila-daemon file conflicts SPACE",
            )
        if own:
            blob, newer = BlobName(VAR, uuid), None
            with suppress(NotFoundError):  # The newer one is as worth keeping as this one was.
                kept = await local.put(local.read(blob))
                newer = LocalBlob(blob, kept.size, kept.sha256)
            await local.replace(blob, local.read(BlobName(STATIC, sha256)), newer)
        await conflicts.remove(uuid, sha256)
        self._wakes.ring(News.BLOBS)
