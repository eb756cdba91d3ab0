"""The real disk, which notes what is synced, and where files cannot be read or synced."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

from sila_daemon.ports.disk import SystemDisk

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.ports.descriptors import ReadDescriptor


class SyncingDisk(SystemDisk):
    """Notes the syncs of what others wrote."""

    def __init__(self) -> None:
        self.synced: list[Path] = []
        self.unreadable: Path | None = None
        self.failing: Path | None = None
        """What cannot be synced, once."""
        self.failed: list[Path] = []

    def open_read(self, path: Path) -> ReadDescriptor:
        if path == self.unreadable:
            raise _error(path)
        file = super().open_read(path)
        sync = file.sync

        def noted() -> None:
            if path == self.failing:
                self.failing = None
                self.failed.append(path)
                raise _error(path)
            sync()
            self.synced.append(path)

        file.sync = noted  # type: ignore[method-assign]
        return file

    def sync_dir(self, path: Path) -> None:
        super().sync_dir(path)
        self.synced.append(path)


def _error(path: Path) -> OSError:
    return OSError(errno.EIO, "input/output error", str(path))
