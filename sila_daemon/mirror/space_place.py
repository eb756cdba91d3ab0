"""Whether a folder is the space that it should be: nothing is read or written where it is not."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError
from sila_daemon.folder.space_folder import SpaceFolder

if TYPE_CHECKING:
    from sila_daemon.folder.layout import SpaceLayout
    from sila_daemon.ports.disk import Disk


def opened_space(layout: SpaceLayout, disk: Disk, space_id: str) -> SpaceFolder:
    """Opens a space's folder. Raises NotFoundError when it is away or another's, StorageError."""
    folder = SpaceFolder.open_at(layout, disk)
    if folder.space_id is None or folder.problems:
        reason = folder.problems[0].message if folder.problems else "it names no space"
        raise NotFoundError(f"{layout.root} cannot be used now: {reason}")
    if folder.space_id != space_id:
        raise NotFoundError(
            f"{layout.root} holds another space: {folder.space_id}", code="other_space"
        )
    return folder
