"""One open space: what it is made of, and how that is put together from its folder."""

from __future__ import annotations

import asyncio
import logging
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.errors import NotFoundError, StorageError
from sila_daemon.folder.blobs import BlobFolder
from sila_daemon.folder.space_folder import remove_leftovers
from sila_daemon.server.files.file_store import FileStore
from sila_daemon.server.files.quotas import SpaceLedger
from sila_daemon.server.files.space_files import SpaceFiles
from sila_daemon.server.files.uploads import Uploads
from sila_daemon.server.ops.op_store import ORIGIN, OpStore, Position
from sila_daemon.server.spaces.found_ops import take_over
from sila_daemon.server.spaces.hub import Hub
from sila_daemon.server.spaces.space_secrets import SpaceSecrets

if TYPE_CHECKING:
    from sila_daemon.folder.layout import SpaceLayout
    from sila_daemon.server.files.quotas import Quotas
    from sila_daemon.server.metrics import Metrics
    from sila_daemon.server.ports import Ports
    from sila_daemon.server.settings import FilesSettings

LOG = logging.getLogger(__name__)

_EVER_NS = 2**63


@dataclass(slots=True)
class OpenSpace:
    """One space while it is in use."""

    hub: Hub
    store: OpStore
    files: SpaceFiles
    secrets: SpaceSecrets
    layout: SpaceLayout
    task: asyncio.Task[None]
    users: int = 0
    idle_since: float = 0.0
    tidied_at: Position = ORIGIN
    """The head of the history when its database was last tidied up."""


class SpaceOpener:
    """Opens spaces, each with all its parts."""

    def __init__(
        self, ports: Ports, settings: FilesSettings, quotas: Quotas, metrics: Metrics
    ) -> None:
        self._ports = ports
        self._settings = settings
        self._quotas = quotas
        self._metrics = metrics

    async def open(self, space_id: str, layout: SpaceLayout) -> OpenSpace:
        """Opens a space that has a folder. Raises NotFoundError, StorageError."""
        ports = self._ports
        if await ports.workers.run(lambda: ports.disk.stat(layout.space_json)) is None:
            raise NotFoundError(f"the data of space {space_id} is not here", code="space_missing")
        store = await OpStore.open(
            ports.databases, layout.version_dir / "ops.sqlite", ports.clock, ports.randomness
        )
        store.on_commit = self._metrics.committed
        try:
            await take_over(layout, store, ports)
            files = await self._files_of(space_id, layout, store)
        except BaseException:
            await store.close()
            raise
        hub = Hub(space_id, store)
        hub.on_reject = self._metrics.rejected
        return OpenSpace(
            hub,
            store,
            files,
            SpaceSecrets(space_id, layout.secrets, ports.disk, ports.randomness, ports.workers),
            layout,
            asyncio.create_task(hub.run(), name=f"hub {space_id}"),
        )

    async def _files_of(self, space_id: str, layout: SpaceLayout, store: OpStore) -> SpaceFiles:
        ports = self._ports
        unsure = layout.version_dir / "unsure"
        blobs = BlobFolder(layout.files_dir, ports.disk, ports.randomness, unsure_dir=unsure)
        try:
            # Of a process that was killed: while a space is closed, nobody is sending files.
            await ports.workers.run(lambda: remove_leftovers(layout, ports.disk, _EVER_NS))
            await ports.workers.run(lambda: blobs.remove_leftovers(_EVER_NS))
        except StorageError as error:
            LOG.warning("space %s keeps its leftovers: %s", space_id, error.message)
        ledger = SpaceLedger(space_id, self._quotas)
        settings = self._settings
        files = FileStore(
            blobs, store.database, ports.clock, ports.workers, ledger, settings.file_bytes_max
        )
        folder = layout.version_dir / "uploads"
        waits = settings.upload_hours * 3600.0
        uploads = Uploads(folder, files, ports.disk, ports.randomness, waits)
        space_files = SpaceFiles(files, uploads)
        await space_files.open()
        return space_files
