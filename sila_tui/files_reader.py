"""Asks the daemon about the files and the trash of one space."""

from __future__ import annotations

from base64 import b64decode
from typing import TYPE_CHECKING, Any

from sila_tui.facts import rows, text_of
from sila_tui.files import SpaceFiles, TrashEntry
from sila_tui.image_facts import image_facts

if TYPE_CHECKING:
    from sila_tui.files import FileEntry
    from sila_tui.link import Link
    from sila_tui.transfers import Transfers

HEAD_BYTES = 65_536
"""As much of a file as a preview reads."""
PICTURE_BYTES = 1 << 18
"""A picture cannot be seen by its first bytes: all of one that is not larger is read."""
TRASH_MAX = 500
"""As many as one answer lists; more is for `sila-daemon trash list`."""


class FilesReader:
    """The daemon's view of the files of one space."""

    def __init__(self, link: Link, space_id: str) -> None:
        self._link = link
        self._space_id = space_id

    async def _call(self, method: str, **params: Any) -> Any:
        return await self._link.call(method, space=self._space_id, **params)

    async def files(self) -> SpaceFiles:
        """All files and folders of the space."""
        return SpaceFiles.read(await self._call("file.list"))

    async def head(self, entry: FileEntry) -> tuple[bytes, bool]:
        """The first bytes of a file, and whether they are all."""
        data, is_whole = await self._first(entry, HEAD_BYTES)
        if not is_whole and image_facts(data) and (entry.size_bytes or 0) <= PICTURE_BYTES:
            return await self._first(entry, PICTURE_BYTES)
        return data, is_whole

    async def _first(self, entry: FileEntry, limit: int) -> tuple[bytes, bool]:
        answer = await self._call("file.head", tree=entry.tree, vertex=entry.vertex, limit=limit)
        return b64decode(str(answer["data"])), bool(answer["isWhole"])

    async def get(self, entry: FileEntry, target: str, *, overwrite: bool = False) -> str:
        """Writes a file to `target` and tells where it went."""
        answer = await self._call(
            "file.get", tree=entry.tree, path=entry.raw_path, target=target, overwrite=overwrite
        )
        return text_of(answer.get("target"))

    async def put(self, source: str, path: str, tree: str | None = None) -> None:
        """Puts a local file into the space; into a tree of its own choice when none is named."""
        await self._call("file.put", source=source, path=path, tree=tree)

    async def fetch(self, entry: FileEntry) -> None:
        """Brings a file to this machine; ends when it is here."""
        await self._call("file.fetch", tree=entry.tree, path=entry.raw_path)

    async def learn_names(self, transfers: Transfers) -> None:
        """Tells what the files of the space are called."""
        for entry in (await self.files()).files:
            transfers.names[self._space_id, entry.content] = entry.name

    async def trash(self) -> list[TrashEntry]:
        """What was deleted, tree by tree."""
        answer = await self._call("trash.list", limit=TRASH_MAX)
        return [TrashEntry.read(row) for row in rows(answer.get("deleted"))]
