"""The parts of one open space, made and joined in one place."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.errors import StorageError
from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.mirror.away_files import AwayFiles
from sila_daemon.mirror.back_off import BackOff
from sila_daemon.mirror.carried_files import CarriedFiles
from sila_daemon.mirror.debt_count import FileDebtCount
from sila_daemon.mirror.file_choices import OvertakenFiles
from sila_daemon.mirror.file_downloads import FileDownloads
from sila_daemon.mirror.file_transport import FileTransport
from sila_daemon.mirror.file_uploads import FileUploads
from sila_daemon.mirror.folder_layer import FolderLayer
from sila_daemon.mirror.folder_secrets import FolderSecrets
from sila_daemon.mirror.folder_writer import FolderWriter
from sila_daemon.mirror.intake import Intake
from sila_daemon.mirror.leftovers import Leftovers
from sila_daemon.mirror.local_blobs import LocalBlobs
from sila_daemon.mirror.pack_transport import PackTransport
from sila_daemon.mirror.partial_files import PartialFiles
from sila_daemon.mirror.remote_api import RemoteApi
from sila_daemon.mirror.remote_files import RemoteFiles
from sila_daemon.mirror.remote_layer import RemoteLayer
from sila_daemon.mirror.remote_secrets import WAIT_S_MAX, RemoteSecrets
from sila_daemon.mirror.remote_status import RemoteStatus
from sila_daemon.mirror.space_place import opened_space
from sila_daemon.mirror.space_search import SpaceSearch
from sila_daemon.mirror.tree_catalog import TreeCatalog
from sila_daemon.mirror.tree_use import TreeUse
from sila_daemon.mirror.trees import TreeCache
from sila_daemon.mirror.turns import Turns
from sila_daemon.store.blobs import Blobs
from sila_daemon.store.guard import Guard
from sila_daemon.store.held import Held
from sila_daemon.store.lacking import Lacking
from sila_daemon.store.schema import FOLDER
from sila_daemon.store.secrets import Secrets
from sila_daemon.store.servers import Servers
from sila_daemon.store.static_looks import StaticLooks
from sila_daemon.store.uploads import Uploads

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sila_daemon.core.editor import Editor
    from sila_daemon.mirror.intake import Arrival
    from sila_daemon.mirror.record import (
        Device,
        MirrorPorts,
        MirrorSettings,
        ServerRecord,
        SpaceRecord,
    )
    from sila_daemon.mirror.store_repair import StoreRepair
    from sila_daemon.mirror.transfers import Transfers
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.store.space_store import SpaceStore

FILES_NAME = "files"
PARTS_NAME = "parts"
UNSURE_NAME = "unsure"


@dataclass(slots=True)
class Layers:
    """An open store and what feeds and keeps it."""

    store: SpaceStore
    trees: TreeCache
    search: SpaceSearch
    catalog: TreeCatalog
    intake: Intake
    secrets: Secrets
    blobs: Blobs
    held: Held
    local_blobs: LocalBlobs
    away: AwayFiles
    turns: Turns
    carried: CarriedFiles
    transfers: Transfers
    parts: PartialFiles
    overtaken: OvertakenFiles
    leftovers: Leftovers
    folder: FolderLayer | None
    remotes: list[RemoteLayer]

    @classmethod
    async def open(
        cls,
        record: SpaceRecord,
        ports: MirrorPorts,
        settings: MirrorSettings,
        device: Device,
        home: Path,
        wakes: Wakes,
        transfers: Transfers,
        repair: StoreRepair,
        new_editor: Callable[[], Editor],
        on_arrival: Callable[[Arrival], None],
    ) -> Layers:
        """Opens the store of a space and prepares its layers.

        Raises StorageError, ProblemError when a person has to see to it.
        """
        store, is_folder_new = await _opened_store(record, ports, settings, repair)
        use = TreeUse(ports.clock, settings.tree_idle_s)
        trees = TreeCache(store, ports.workers, ports.clock, use, new_editor())
        secrets, blobs = Secrets(store.database, ports.clock), Blobs(store.database)
        layout = None if record.path is None else SpaceLayout(record.path)
        files_dir = home / FILES_NAME if layout is None else layout.files_dir

        def require_place() -> None:
            if layout is not None:
                opened_space(layout, ports.disk, record.id)

        local_blobs = LocalBlobs(
            files_dir,
            ports,
            blobs,
            StaticLooks(store.database),
            wakes,
            settings.loss_grace_s,
            require_place,
            has_servers=bool(record.servers),
            unsure_dir=home / UNSURE_NAME,
        )
        parts = cls(
            store,
            trees,
            SpaceSearch(store, trees, ports.clock, record.id),
            TreeCatalog(store, trees, record.id),
            Intake(store, trees, wakes, new_editor, on_arrival),
            secrets,
            blobs,
            Held(store.database),
            local_blobs,
            AwayFiles(record.fetch, blobs, Lacking(store.database), ports.clock),
            Turns(),
            CarriedFiles(ports.clock, ports.randomness),
            transfers,
            PartialFiles(home / PARTS_NAME, ports),
            OvertakenFiles(store, local_blobs, ports.clock, wakes),
            Leftovers(layout, files_dir, ports),
            None,
            [],
        )
        if is_folder_new:
            parts.intake.hold_off_servers()
        if layout is not None:
            parts.folder = parts._folder_layer(record.id, layout, ports, settings, wakes)
        for server in record.servers:
            parts.remotes.append(
                parts._remote_layer(record.id, server, ports, settings, device, wakes)
            )
        return parts

    def others(self, source: str | None) -> list[FolderLayer | RemoteLayer]:
        """Returns the layers that are owed what `source` brought."""
        others: list[FolderLayer | RemoteLayer] = [
            remote for remote in self.remotes if remote.status.url != source
        ]
        if self.folder is not None and source != FOLDER:
            others.append(self.folder)
        return others

    def held_back(self, source: str | None, count: int) -> None:
        """Notes what servers are to get once somebody agrees, until it is counted."""
        for remote in self.remotes:
            if remote.status.url != source:
                remote.status.held_ops += count

    def released(self, count: int) -> None:
        """Notes debts that somebody agreed to.

        Who brought them may be owed them too: a folder where they stand in a conflict copy only,
        an original server that may still lose them. Each counts what it is owed in truth.
        """
        for layer in self.others(None):
            layer.added(count)
        for remote in self.remotes:
            remote.offer_again()

    async def run(self) -> None:
        """Keeps every layer going until cancelled; none holds up another."""
        if self.folder is None:
            await self.local_blobs.scan()
        await self.leftovers.remove()
        with suppress(StorageError):  # What is wrong with the disk is for others to find and tell.
            await self.parts.tidy({blob.name for blob in await self.blobs.lacking()})
        async with asyncio.TaskGroup() as group:
            if self.folder is not None:
                group.create_task(self.folder.run(), name="folder")
            else:
                group.create_task(self.local_blobs.scan_again(), name="files here")
            group.create_task(self.local_blobs.checks.run(), name="files")
            for remote in self.remotes:
                group.create_task(remote.run(), name=f"server {remote.status.url}")
            await asyncio.get_running_loop().create_future()

    async def sync_now(self) -> None:
        """Scans and exchanges; returns when everything is equal. Raises SilaError."""
        if self.folder is not None:
            await self.folder.scan_now()
        await self.local_blobs.checks.checked()
        await asyncio.gather(*(remote.sync_now() for remote in self.remotes))
        if self.folder is not None:
            await self.folder.scan_now()

    def _folder_layer(
        self,
        space_id: str,
        layout: SpaceLayout,
        ports: MirrorPorts,
        settings: MirrorSettings,
        wakes: Wakes,
    ) -> FolderLayer:
        return FolderLayer(
            space_id,
            layout.root,
            ports,
            settings,
            self.store,
            self.intake,
            FolderWriter(layout, ports, self.store, lambda: self.trees.own_peers),
            FolderSecrets(space_id, layout, ports, self.secrets, wakes),
            self.local_blobs,
            wakes,
        )

    def _remote_layer(
        self,
        space_id: str,
        server: ServerRecord,
        ports: MirrorPorts,
        settings: MirrorSettings,
        device: Device,
        wakes: Wakes,
    ) -> RemoteLayer:
        status = RemoteStatus(server.url)
        files = self._remote_files(space_id, server, ports, settings, status, wakes)
        return RemoteLayer(
            status,
            space_id,
            ports,
            settings,
            device,
            self.store,
            Servers(self.store.database),
            self.intake,
            files,
            wakes,
        )

    def _remote_files(
        self,
        space_id: str,
        server: ServerRecord,
        ports: MirrorPorts,
        settings: MirrorSettings,
        status: RemoteStatus,
        wakes: Wakes,
    ) -> RemoteFiles:
        api = RemoteApi(server.url, space_id, ports.connector, ports.tokens, ports.randomness)
        back_off = BackOff(ports.randomness, WAIT_S_MAX)
        secrets = RemoteSecrets(server.url, api, self.secrets, wakes, ports.clock, back_off)
        means = (server.url, api, self.local_blobs, self.away, self.transfers)
        single = FileTransport(*means, self.parts, Uploads(self.store.database))
        packs = PackTransport(*means)
        debt = FileDebtCount(status, self.blobs)
        downloads = FileDownloads(
            server.url,
            api,
            self.local_blobs,
            self.blobs,
            self.away,
            self.turns,
            self.carried,
            single,
            packs,
            status,
            ports.clock,
        )
        uploads = FileUploads(
            server.url,
            api,
            single,
            packs,
            downloads,
            self.blobs,
            self.overtaken,
            self.carried,
            debt,
            ports.clock,
        )
        return RemoteFiles(
            uploads,
            downloads,
            debt,
            secrets if server.secrets == "mirror" else None,
            status,
            wakes,
            ports.clock,
            BackOff(ports.randomness, settings.retry_delay_s_max),
        )


async def _opened_store(
    record: SpaceRecord, ports: MirrorPorts, settings: MirrorSettings, repair: StoreRepair
) -> tuple[SpaceStore, bool]:
    """Opens the store, with the layers of the space; tells whether its folder is a new one."""
    guard = None if settings.guard is None else Guard(settings.guard, ports.clock, record.id)
    store = await repair.open(guard, is_alone=record.is_alone)
    try:
        names = [FOLDER] if record.path is not None else []
        await store.set_layers([*names, *(server.url for server in record.servers)])
        is_folder_new = record.path is not None and await store.first_sync.is_going_on(FOLDER)
    except BaseException:
        await store.close()
        raise
    return store, is_folder_new
