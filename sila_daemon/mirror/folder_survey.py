"""One look around a folder, of what most scans find as it was; blocking, for worker threads.

All of it is one piece of work: each would wake a thread and the event loop once more, every minute
and for each space.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError
from sila_daemon.folder.carriers import carrier_of
from sila_daemon.folder.problems import storage_errors
from sila_daemon.mirror import op_file_scan
from sila_daemon.mirror.space_place import opened_space

if TYPE_CHECKING:
    from collections.abc import Callable, Mapping

    from sila_daemon.folder.carriers import Carrier
    from sila_daemon.folder.layout import OpFile, SpaceLayout
    from sila_daemon.folder.problems import Problem
    from sila_daemon.folder.space_folder import SpaceFolder
    from sila_daemon.mirror.blob_scan import BlobLook, BlobScan
    from sila_daemon.mirror.folder_secrets import FolderSecrets
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.store.positions import Position


@dataclass(slots=True)
class Survey:
    """What a folder holds, before anything of it is read."""

    folder: SpaceFolder
    carrier: Carrier | None
    files: list[OpFile]
    """The op files that are there."""
    problems: list[Problem]
    """What was in the way of finding them."""
    looked_at: list[OpFile]
    """With those that were read once and are gone."""
    found: op_file_scan.Look
    """What is new in them."""
    blobs: BlobLook | SilaError
    """What keeps the files from being looked at keeps no ops from being read."""
    has_other_secrets: bool
    """Whether the file of the secrets may say something that nobody read."""


class Surveyor:
    """Looks around one folder."""

    def __init__(
        self,
        space_id: str,
        layout: SpaceLayout,
        ports: MirrorPorts,
        blobs: BlobScan,
        secrets: FolderSecrets,
    ) -> None:
        self._space_id = space_id
        self._layout = layout
        self._ports = ports
        self._blobs = blobs
        self._secrets = secrets

    async def look_around(
        self, positions: Mapping[str, Position], *, is_everything: bool
    ) -> Survey:
        """Looks around, in one piece of work; with `is_everything` each file is to be compared.

        Raises NotFoundError when this is not the space, StorageError.
        """
        look_at_blobs = self._blobs.look(is_full=is_everything)
        return await self._ports.workers.run(lambda: self._survey(positions, look_at_blobs))

    def _survey(
        self, positions: Mapping[str, Position], look_at_blobs: Callable[[], BlobLook]
    ) -> Survey:
        layout, disk = self._layout, self._ports.disk
        folder = opened_space(layout, disk, self._space_id)
        scan = folder.scan()
        looked_at = scan.files + op_file_scan.gone(folder, scan.files, positions)
        with storage_errors("look at the op files"):
            found = op_file_scan.look(folder, looked_at, positions)
        try:
            blobs: BlobLook | SilaError = look_at_blobs()
        except SilaError as error:
            blobs = error
        return Survey(
            folder,
            carrier_of(layout.root, disk),
            scan.files,
            scan.problems,
            looked_at,
            found,
            blobs,
            self._secrets.is_other(),
        )
