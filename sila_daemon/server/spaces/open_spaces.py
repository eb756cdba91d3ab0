"""The spaces of one server: made on disk, opened at first use, closed when idle."""

from __future__ import annotations

import asyncio
import logging
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.editor import Editor
from sila_daemon.core.errors import StorageError
from sila_daemon.core.space import Space
from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.folder.problems import storage_errors
from sila_daemon.folder.space_folder import MARKER_TEXT
from sila_daemon.ports.clock import iso_timestamp
from sila_daemon.ports.disk import make_dirs, remove_tree
from sila_daemon.ports.durable_files import write_atomic
from sila_daemon.ports.randomness import new_id
from sila_daemon.server.files.quotas import Quotas
from sila_daemon.server.json_text import dumps
from sila_daemon.server.ops.op_store import Batch
from sila_daemon.server.spaces.scratch import Scratch
from sila_daemon.server.spaces.space_opening import OpenSpace, SpaceOpener

if TYPE_CHECKING:
    from sila_daemon.server.metrics import Metrics
    from sila_daemon.server.ports import Ports
    from sila_daemon.server.settings import ServerSettings

LOG = logging.getLogger(__name__)

IDLE_SECONDS_MAX = 60.0
"""How long a space stays open that nobody uses."""

SPACE_BYTES = 3 << 20
"""What an open space takes: SQLite's pages, at most two megabytes, and everything around it."""

OPEN_BYTES_MAX = 512 << 20
"""What open spaces may take before the ones that nobody uses are closed early."""


class Spaces:
    """Opens spaces and lends them out."""

    def __init__(
        self, root: Path, ports: Ports, settings: ServerSettings, metrics: Metrics
    ) -> None:
        self.root = root
        """Where the folders of all spaces are."""
        self._ports = ports
        self._open: dict[str, OpenSpace] = {}
        self._locks: dict[str, asyncio.Lock] = {}
        self._ending: dict[str, asyncio.Task[None]] = {}
        self._is_closing = False
        self.scratch = Scratch(root.parent / "scratch", ports)
        self.quotas = Quotas(settings.quota)
        """What users hold in all spaces."""
        self._opener = SpaceOpener(ports, settings.files, self.quotas, metrics)

    def layout(self, space_id: str) -> SpaceLayout:
        """Returns where a space is. Raises InvalidIdError."""
        ids.checked_space_id(space_id)
        return SpaceLayout(self.root / space_id[:2] / space_id)

    @property
    def open_spaces(self) -> dict[str, OpenSpace]:
        """The spaces that are open now, by id."""
        return self._open

    async def make(self, space_id: str) -> None:
        """Makes the folder of a space. Harmless when it is there, whole or in part."""
        layout, disk, randomness = self.layout(space_id), self._ports.disk, self._ports.randomness

        def work() -> None:
            with storage_errors(f"make the space {space_id}"):
                make_dirs(disk, layout.version_dir)
                if disk.stat(layout.marker) is None:
                    write_atomic(disk, layout.marker, MARKER_TEXT.encode(), randomness)
                if disk.stat(layout.space_json) is None:
                    text = dumps({"id": space_id}).encode()
                    write_atomic(disk, layout.space_json, text, randomness)

        await self._ports.workers.run(work)

    async def plant(self, space_id: str, name: str) -> None:
        """Gives a new space its space tree."""
        randomness, clock = self._ports.randomness, self._ports.clock
        editor = Editor(lambda: iso_timestamp(clock.time()), lambda: new_id(randomness))
        ops = Space.create(space_id, editor, name).tree.take_local_ops()
        async with self.use(space_id) as space:
            await space.store.commit([Batch(space_id, ops, "server")])

    async def remove(self, space_id: str) -> None:
        """Removes the folder of a space for good; harmless when it is gone.

        Nobody may be let in any more. Raises StorageError: with the code `space_busy` while
        somebody still uses it.
        """
        folder, disk = self.layout(space_id).root, self._ports.disk

        def work() -> None:
            with storage_errors(f"remove the space {space_id}"):
                remove_tree(disk, folder)
                if disk.stat(folder.parent) is not None:
                    disk.sync_dir(folder.parent)

        async with self._locks.setdefault(space_id, asyncio.Lock()):
            space = self._open.get(space_id)
            if space is not None:
                if space.users:
                    raise StorageError("somebody still uses the space", code="space_busy")
                await self._end_apart(space_id)
            await self._ports.workers.run(work)
            self.quotas.forget(space_id)

    @asynccontextmanager
    async def use(self, space_id: str) -> AsyncIterator[OpenSpace]:
        """Lends a space, opening it if need be. Raises NotFoundError, StorageError."""
        space = await self.acquire(space_id)
        try:
            yield space
        finally:
            self.release(space)

    async def acquire(self, space_id: str) -> OpenSpace:
        """Lends a space until it is given to `release`. Raises NotFoundError, StorageError."""
        async with self._locks.setdefault(space_id, asyncio.Lock()):
            if self._is_closing:
                # A file that is being closed must not be opened beside.
                raise StorageError("the server is stopping", code="shutting_down")
            space = self._open.get(space_id)
            is_new = space is None
            if space is None:
                if space_id in self._ending:
                    await asyncio.shield(self._ending[space_id])
                space = self._open[space_id] = await self._opener.open(
                    space_id, self.layout(space_id)
                )
            space.users += 1
        if is_new:
            try:
                await self._make_room()
            except BaseException:
                self.release(space)
                raise
        return space

    async def _make_room(self) -> None:
        """Closes spaces that nobody uses, the longest idle first, while all take too much."""
        held = sum(SPACE_BYTES + space.hub.recent_bytes for space in self._open.values())
        if held <= OPEN_BYTES_MAX:
            return
        idle = [(space.idle_since, space_id) for space_id, space in self._open.items()
                if not space.users]  # fmt: skip
        for _, space_id in sorted(idle):
            if held <= OPEN_BYTES_MAX:
                break
            held -= SPACE_BYTES
            await self._close_idle(space_id)

    def release(self, space: OpenSpace) -> None:
        """Takes a space back."""
        space.users -= 1
        space.idle_since = self._ports.clock.monotonic()

    async def run(self) -> None:
        """Looks after the open spaces now and then, until cancelled."""
        while True:
            await self._ports.clock.sleep(IDLE_SECONDS_MAX / 4)
            await self.look_after()

    async def look_after(self) -> None:
        """Closes spaces that are idle, and tidies up where nothing is written."""
        latest = self._ports.clock.monotonic() - IDLE_SECONDS_MAX
        for space_id, space in list(self._open.items()):
            if not space.users and space.idle_since < latest:
                await self._close_idle(space_id)
            elif space.tidied_at != space.hub.head and space.hub.is_idle:
                await self._tidy(space_id)

    async def _tidy(self, space_id: str) -> None:
        async with self._locks.setdefault(space_id, asyncio.Lock()):
            space = self._open.get(space_id)
            if space is None:
                return
            head = space.hub.head
            try:
                await space.store.database.tidy()
            except StorageError as error:
                LOG.warning("space %s was not tidied up: %s", space_id, error.message)
            space.tidied_at = head

    async def _close_idle(self, space_id: str) -> None:
        async with self._locks.setdefault(space_id, asyncio.Lock()):
            space = self._open.get(space_id)
            if space is not None and not space.users:
                await self._end_apart(space_id)

    async def _end_apart(self, space_id: str) -> None:
        """Closes a space to its end, even when the caller is cancelled meanwhile."""
        ending = asyncio.create_task(self._end(self._open.pop(space_id)), name=f"end {space_id}")
        self._ending[space_id] = ending
        ending.add_done_callback(lambda _: self._ending.pop(space_id, None))
        await asyncio.shield(ending)

    async def close(self) -> None:
        """Finishes every commit and closes every space; none is lent any more."""
        self._is_closing = True
        for space_id, lock in list(self._locks.items()):
            async with lock:  # Whoever is opening it has done so then.
                space = self._open.pop(space_id, None)
                if space is not None:
                    await self._end(space)
        await asyncio.gather(*self._ending.values(), return_exceptions=True)

    async def _end(self, space: OpenSpace) -> None:
        await space.hub.drained()
        space.task.cancel()
        await asyncio.gather(space.task, return_exceptions=True)
        try:
            await space.files.close()
        except StorageError as error:
            LOG.warning("space %s is looked through at its next opening: %s",
                        space.hub.space_id, error.message)  # fmt: skip
        await space.store.close()
