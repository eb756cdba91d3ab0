"""Files that the policy of a space leaves on its servers, for commands and screens."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import (
    CorruptBlobError,
    FormatError,
    NotFoundError,
    ProblemError,
    RemoteError,
    RemoteUnavailableError,
)
from sila_daemon.mirror.remote_status import RemoteState
from sila_daemon.mirror.wakes import News
from sila_daemon.store.blobs import BlobName

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable, Iterable

    from sila_daemon.core.files_view import BlobReference
    from sila_daemon.mirror.layers import Layers
    from sila_daemon.mirror.wakes import Wakes


class FileFetches:
    """What is away of one space, and bringing it on demand."""

    def __init__(
        self,
        ready_layers: Callable[[], Awaitable[Layers]],
        wakes: Wakes,
        is_paused: Callable[[], bool],
    ) -> None:
        """`ready_layers` returns the parts of the open space, or raises StorageError."""
        self._ready_layers = ready_layers
        self._wakes = wakes
        self._is_paused = is_paused

    async def away(self) -> frozenset[str]:
        """Returns the hashes of the files that the policy leaves on the servers."""
        layers = await self._ready_layers()
        return frozenset(file.blob.name for file in await layers.away.left_out())

    async def is_here(self, file: BlobReference) -> bool:
        """Tells whether the bytes of a file are on this machine."""
        layers = await self._ready_layers()
        return await layers.local_blobs.has(BlobName(file.kind.value, file.name))

    async def fetch(self, files: Iterable[BlobReference]) -> tuple[int, int]:
        """Brings files that are not here; returns how many, and bytes.

        What cannot be had now comes once it can be. Raises NotFoundError when no server has a
        file, RemoteError when none could be asked, ProblemError while the space is paused.
        """
        layers = await self._ready_layers()
        names = dict.fromkeys(BlobName(file.kind.value, file.name) for file in files)
        lacking = [name for name in names if not await layers.local_blobs.has(name)]
        if not lacking:
            return 0, 0
        await layers.away.want(lacking)
        self._wakes.ring(News.BLOBS)
        for name in lacking:
            await self._fetch(layers, name)
        here = await layers.blobs.here()
        return len(lacking), sum(here[name].size for name in lacking if name in here)

    async def _fetch(self, layers: Layers, blob: BlobName) -> None:
        if self._is_paused():
            raise ProblemError(
                "the space is paused, and nothing is fetched",
                code="paused",
                hint="resume it: sila-daemon space resume SPACE",
            )
        troubles: list[str] = []
        remotes = sorted(layers.remotes, key=lambda one: one.status.state is not RemoteState.LIVE)
        for remote in remotes:
            if remote.status.is_original:
                continue  # It has no files.
            if remote.status.state is RemoteState.NEEDS_YOU:
                troubles.append(f"{remote.status.url}: {remote.status.reason}")
                continue
            try:
                if await remote.files.downloads.fetch(blob):
                    return
            except (RemoteError, CorruptBlobError, FormatError) as error:
                troubles.append(f"{remote.status.url}: {error.message}")
        if await layers.local_blobs.has(blob):
            return
        if troubles:
            raise RemoteUnavailableError(
                f"the file {blob.name} cannot be fetched now: {'; '.join(troubles)}",
                hint="it comes by itself once a server gives it",
            )
        where = "no server of the space has it" if remotes else "the space has no server"
        raise NotFoundError(
            f"the file {blob.name} is not on this machine, and {where}",
            code="blob_missing",
            hint="it comes by itself once another device has brought it to a server",
        )
