"""Files of one space: bytes in the layout of a local folder, facts about them in its database.

Bytes come first, then their row, in one commit; a row is dropped before its bytes are. So after
any crash a row has its bytes, unless somebody else took them, and bytes without a row get one
when the space is opened again.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from sila_daemon.server.files import file_rows
from sila_daemon.server.files.static_files import StaticFiles
from sila_daemon.server.files.var_files import VarFiles

if TYPE_CHECKING:
    import apsw

    from sila_daemon.server.files.file_store import FileStore
    from sila_daemon.server.files.uploads import Uploads

IN_USE_SECONDS = 3600
"""A file that was asked for is noted as in use, but not more often than this."""


class SpaceFiles:
    """The files of one space."""

    def __init__(self, store: FileStore, uploads: Uploads) -> None:
        self.store = store
        self.static = StaticFiles(store)
        self.var = VarFiles(store)
        self.uploads = uploads

    async def open(self) -> None:
        """Brings rows and bytes together, as a crash may have parted them."""
        if not await self.store.load():
            await self.static.enter_strays()
            await self.var.enter_strays()
            await self.recount()
        await self.uploads.load()

    async def close(self) -> None:
        """Notes that all is in order; call it once nobody sends anything any more."""
        self.uploads.close()
        await self.store.settle()

    async def recount(self) -> None:
        """Counts usage anew from the rows of the files."""
        await self.store.write(file_rows.recount)

    async def missing(
        self, static: Sequence[str], var: Sequence[tuple[str, str]]
    ) -> dict[str, list[str]]:
        """Returns which of these files are not here; of mutable ones, not with that SHA-256.

        What is said to be here is in use from now on: nobody collects it before its op comes.
        """
        held = await self._held("static_files", static)
        held_var = await self._held("var_files", [uuid for uuid, _ in var])
        states = await self.store.database.read(
            lambda connection: file_rows.var_used(connection, sorted(held_var))
        )
        blobs = self.store.blobs

        def look() -> tuple[list[str], set[str]]:
            gone = [name for name in static if name not in held or not blobs.has_static(name)]
            return gone, {uuid for uuid in states if not blobs.has_var(uuid)}

        gone, gone_var = await self.store.workers.run(look)
        differing = [
            uuid
            for uuid, sha256 in var
            if uuid not in states or uuid in gone_var or states[uuid][0] != sha256
        ]
        return {"static": gone, "var": differing}

    async def has_static(self, blob_hash: str) -> bool:
        """Tells whether an immutable file is here; it is in use from now on."""
        return not (await self.missing([blob_hash], []))["static"]

    async def _held(self, table: str, names: Sequence[str]) -> set[str]:
        """Returns which files have a row, after noting that they are in use."""
        if not names:
            return set()
        now = self.store.now_ms()

        def look(connection: apsw.Connection) -> dict[str, int]:
            if table == "static_files":
                return file_rows.static_used(connection, names)
            found = file_rows.var_used(connection, names)
            return {uuid: used_at for uuid, (_, used_at) in found.items()}

        found = await self.store.database.read(look)
        stale = [name for name, used in found.items() if used < now - IN_USE_SECONDS * 1000]
        held = set(found).difference(stale)
        if stale:
            # Who was collected meanwhile is not among those that this returns.
            held |= await self.store.database.write(
                lambda connection: file_rows.touch(connection, table, stale, now)
            )
        return held
