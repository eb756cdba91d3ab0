"""What came of large files before their connection broke off, kept until the rest comes.

It stands in a directory of the daemon's own, never in the space's folder and never under a name
that promises anything: only once all of it is there, and is what its hash says, it becomes a file.
"""

from __future__ import annotations

from collections.abc import Collection
from functools import partial
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import StorageFullError
from sila_daemon.folder.problems import storage_errors
from sila_daemon.ports.disk import EntryKind, make_dirs

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

    from sila_daemon.mirror.record import MirrorPorts

PARTS_MAX = 16
"""Of one space; for one more, the one that waits longest is given up."""

PARTS_BYTES_MAX = 4 << 30
"""Of those that wait, one by itself may be larger: then it is the only one."""

AGE_S_MAX = 7 * 86_400.0

_SUFFIX = ".part"


class PartialFiles:
    """The unfinished downloads of one space."""

    def __init__(self, directory: Path, ports: MirrorPorts) -> None:
        self._directory = directory
        self._ports = ports
        self._sound: set[str] = set()
        """Those of which nothing stood here before this process, and that no error met: what is
        read of them is what their disk was given."""
        self._busy: set[str] = set()

    def path(self, blob_hash: str) -> Path:
        """Returns where a part of a file stands."""
        return self._directory / f"{ids.checked_hash(blob_hash)}{_SUFFIX}"

    def is_sound(self, blob_hash: str) -> bool:
        """Tells whether one sync makes all of a part durable; else it has to be written again."""
        return blob_hash in self._sound

    def doubt(self, blob_hash: str) -> None:
        """Notes that an error met a part: what is read of it may be nowhere but in memory."""
        self._sound.discard(blob_hash)

    async def size(self, blob_hash: str) -> int:
        """Returns how many bytes of a file are here."""
        with storage_errors("look for a part of a file"):
            path = self.path(blob_hash)
            found = await self._ports.workers.run(lambda: self._ports.disk.stat(path))
        return found.size if found is not None and found.kind is EntryKind.FILE else 0

    async def take(self, blob_hash: str, chunks: AsyncIterator[bytes], offset: int) -> None:
        """Adds bytes at the end, which is `offset`; with 0 it is begun anew. Raises StorageError.

        What came stays, however that ends, unless the disk is full: the store needs that room.
        """
        run, path = self._ports.workers.run, self.path(blob_hash)
        self._busy.add(blob_hash)
        try:
            with storage_errors("keep a part of a file"):
                if not offset:
                    await run(lambda: self._begin(path))
                    self._sound.add(blob_hash)
                file = await run(lambda: self._ports.disk.open_append(path))
                try:
                    async for chunk in chunks:
                        await run(partial(file.write, chunk))
                except OSError:
                    self.doubt(blob_hash)
                    raise
                finally:
                    file.close()
        except StorageFullError:
            await self.drop(blob_hash)
            raise
        finally:
            self._busy.discard(blob_hash)

    async def drop(self, blob_hash: str) -> None:
        """Gives a part up. Raises StorageError."""
        self.doubt(blob_hash)
        with storage_errors("remove a part of a file"):
            path = self.path(blob_hash)
            await self._ports.workers.run(lambda: self._ports.disk.unlink(path))

    async def tidy(self, lacking: Collection[str]) -> None:
        """Removes parts of files that are here by now, or that nobody went on with for long.

        Raises StorageError.
        """
        before_ns = int((self._ports.clock.time() - AGE_S_MAX) * 1e9)

        def work() -> None:
            for moved_ns, _, path in self._parts():
                if path.name.removesuffix(_SUFFIX) not in lacking or moved_ns < before_ns:
                    self._ports.disk.unlink(path)

        with storage_errors("tidy up the parts of files"):
            await self._ports.workers.run(work)

    def _begin(self, path: Path) -> None:
        disk = self._ports.disk
        make_dirs(disk, self._directory)
        disk.unlink(path)
        kept, kept_bytes = 1, 0
        for _, size, part in sorted(self._parts(), reverse=True):
            if part.name.removesuffix(_SUFFIX) in self._busy:
                continue
            if kept < PARTS_MAX and (kept == 1 or kept_bytes + size <= PARTS_BYTES_MAX):
                kept, kept_bytes = kept + 1, kept_bytes + size
            else:
                disk.unlink(part)
                self.doubt(part.name.removesuffix(_SUFFIX))
        disk.create(path).close()

    def _parts(self) -> list[tuple[int, int, Path]]:
        """Returns what is there, with when it was last written (Unix ns) and its size."""
        disk = self._ports.disk
        if disk.stat(self._directory) is None:
            return []
        found = []
        for entry in disk.list_dir(self._directory):
            path = self._directory / entry.name
            stat = disk.stat(path)
            if entry.name.endswith(_SUFFIX) and stat is not None and stat.kind is EntryKind.FILE:
                found.append((stat.modified_ns, stat.size, path))
        return found
