"""What crashes leave half-written in the places of a space, and its removal."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.errors import StorageError
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.folder.space_folder import remove_leftovers

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.folder.layout import SpaceLayout
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.ports.clock import Clock

_AGE_S = 3600.0
"""A temporary file this old belongs to nobody who still writes it."""


def leftovers_before_ns(clock: Clock) -> int:
    """Returns since when (Unix ns) temporary files may still be somebody's work."""
    return int((clock.time() - _AGE_S) * 1e9)


@dataclass(frozen=True, slots=True)
class Leftovers:
    """Temporary files of one space that nobody writes any more."""

    layout: SpaceLayout | None
    """The space's folder, where it has one."""
    files_dir: Path
    ports: MirrorPorts

    async def remove(self) -> None:
        """Removes them. What is wrong with the disk is for others to find and tell."""
        with suppress(StorageError):
            await self.ports.workers.run(self._remove)

    def _remove(self) -> None:
        disk, before_ns = self.ports.disk, leftovers_before_ns(self.ports.clock)
        BlobFolder(self.files_dir, disk, self.ports.randomness).remove_leftovers(before_ns)
        if self.layout is not None:
            remove_leftovers(self.layout, disk, before_ns)
