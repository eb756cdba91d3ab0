"""Makes the store of a space anew when its file is damaged or gone, and says so.

The damaged file is set aside and never written again. A marker beside it tells that this is under
way: whatever interrupts it, the next start goes on. What the old store alone knew is read from it
as far as it goes; folder and servers are compared anew, as with every new store.
"""

from __future__ import annotations

import json
import re
from typing import TYPE_CHECKING

from sila_daemon.core.errors import ProblemError, StorageError
from sila_daemon.database.database import DAMAGED
from sila_daemon.folder.problems import storage_errors
from sila_daemon.ports.disk import read_file
from sila_daemon.ports.durable_files import write_atomic
from sila_daemon.store.rebuilt import Rebuilt, note_rebuilt
from sila_daemon.store.salvage import Wreck
from sila_daemon.store.schema import SCHEMA
from sila_daemon.store.space_store import SpaceStore

if TYPE_CHECKING:
    from pathlib import Path

    import apsw

    from sila_daemon.database.database import Databases
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.store.guard import Guard

STORE_NAME = "space.sqlite"
KEPT_MAX = 3
"""So many damaged files of a space are kept."""

_MARKER_BYTES_MAX = 1 << 16
_LOG, _INDEX = "-wal", "-shm"
"""What SQLite has beside a database; the index is made of the log."""


class StoreRepair:
    """Opens the store of one space, whatever became of its file."""

    def __init__(self, home: Path, ports: MirrorPorts, databases: Databases) -> None:
        self._ports = ports
        self._databases = databases
        self._path = home / STORE_NAME
        self._marker = home / f"{STORE_NAME}.repair"
        self._made = home.with_name(f"{home.name}.made")
        """Tells that there was a store, also when its directory is gone."""
        self.rebuilt: Rebuilt | None = None
        """What was done since this was made."""

    async def open(self, guard: Guard | None, *, is_alone: bool) -> SpaceStore:
        """Opens or creates the store; goes on with a repair that is under way.

        `is_alone` tells that nobody else holds the space: then a store that is gone is not made
        anew. Raises StorageError, ProblemError.
        """
        run, clock = self._ports.workers.run, self._ports.clock
        with storage_errors("look at the database of the space"):
            is_under_way = await run(lambda: self._is_there(self._marker))
            is_gone = await run(
                lambda: self._is_there(self._made) and not self._is_there(self._path)
            )
        if is_under_way:
            await self._go_on()
        elif is_gone and is_alone:
            raise ProblemError(
                f"{self._path} is gone, and nothing else holds this space: put it back from a"
                f" backup, or remove {self._made} to begin with an empty space",
                code="store_gone",
            )
        store = await SpaceStore.open(self._databases, self._path, clock, guard)
        try:
            if is_gone and not is_under_way:
                self.rebuilt = Rebuilt(int(clock.time() * 1000), "its file was gone")
                await note_rebuilt(store.database, self.rebuilt)
            await run(self._note_made)
        except BaseException:
            await store.close()
            raise
        return store

    async def begin_if_damaged(self, error: StorageError) -> None:
        """Has the next opening make the store anew, if its file is damaged. Raises StorageError."""
        if error.code != DAMAGED or not await self._is_damaged():
            return
        at_ms = int(self._ports.clock.time() * 1000)
        await self._ports.workers.run(lambda: self._begin(error.message, at_ms))

    async def _is_damaged(self) -> bool:
        def check(connection: apsw.Connection) -> bool:
            return bool(connection.pragma("integrity_check", 1) != "ok")

        try:
            database = await self._databases.open_damaged(self._path)
            try:
                return await database.read(check)
            finally:
                await database.close()
        except StorageError as error:
            if error.code == DAMAGED:
                return True
            raise

    def _begin(self, reason: str, at_ms: int) -> None:
        with storage_errors("set the damaged database aside"):
            if self._is_there(self._marker):
                # What was made so far is worth nothing: it is all in the file that is set aside.
                for path in (self._path, _beside(self._path, _LOG), _beside(self._path, _INDEX)):
                    self._ports.disk.unlink(path)
                return
            number = max((number for number, _ in self._kept()), default=0) + 1
            aside = f"{STORE_NAME}.damaged-{number}"
            data = json.dumps({"aside": aside, "reason": reason, "at_ms": at_ms}).encode()
            write_atomic(self._ports.disk, self._marker, data, self._ports.randomness)

    async def _go_on(self) -> None:
        run = self._ports.workers.run
        aside, reason, at_ms = await run(self._set_aside)
        target = await self._databases.open(self._path, SCHEMA)
        try:
            wreck = await self._databases.open_damaged(aside)
            try:
                found = await Wreck(wreck).empty_into(target)
            finally:
                await wreck.close()
            removed = await run(self._too_many)
            rebuilt = Rebuilt(
                at_ms, reason, str(aside), found.ops, found.unread_ops, found.unread_parts,
                tuple(str(path) for path in removed),
            )  # fmt: skip
            await note_rebuilt(target, rebuilt)
        finally:
            await target.close()
        self.rebuilt = rebuilt
        await run(lambda: self._end(removed))

    def _set_aside(self) -> tuple[Path, str, int]:
        disk = self._ports.disk
        with storage_errors("set the damaged database aside"):
            told = json.loads(read_file(disk, self._marker, _MARKER_BYTES_MAX))
            aside = self._path.with_name(told["aside"])
            # The file itself goes last: once it is there, everything is.
            if not self._is_there(aside):
                log = _beside(self._path, _LOG)
                if self._is_there(log):
                    disk.rename(log, _beside(aside, _LOG))
                disk.unlink(_beside(self._path, _INDEX))
                disk.rename(self._path, aside)
                disk.sync_dir(aside.parent)
        return aside, told["reason"], told["at_ms"]

    def _end(self, removed: list[Path]) -> None:
        disk = self._ports.disk
        with storage_errors("end the repair of the database"):
            for path in removed:
                for one in (path, _beside(path, _LOG), _beside(path, _INDEX)):
                    disk.unlink(one)
            disk.unlink(self._marker)
            disk.sync_dir(self._marker.parent)

    def _too_many(self) -> list[Path]:
        with storage_errors("look for damaged databases"):
            return [path for _, path in sorted(self._kept())[:-KEPT_MAX]]

    def _kept(self) -> list[tuple[int, Path]]:
        name = re.compile(rf"{re.escape(STORE_NAME)}\.damaged-([0-9]{{1,9}})\Z")
        directory = self._path.parent
        found = [(name.match(entry.name), entry) for entry in self._ports.disk.list_dir(directory)]
        return [(int(match[1]), directory / entry.name) for match, entry in found if match]

    def _note_made(self) -> None:
        if not self._is_there(self._made, size_min=0):
            with storage_errors("take note of the database of the space"):
                write_atomic(self._ports.disk, self._made, b"\n", self._ports.randomness)

    def _is_there(self, path: Path, size_min: int = 1) -> bool:
        """An empty file is no database: one that is opened so would be made anew unsaid."""
        found = self._ports.disk.stat(path)
        return found is not None and found.size >= size_min


def _beside(path: Path, suffix: str) -> Path:
    return path.with_name(path.name + suffix)
