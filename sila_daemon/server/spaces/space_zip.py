"""A space as a zip of its folder, made piece by piece: nothing of it is in memory as a whole.

Ops are laid out tree by tree as the app itself writes them, one file for the moves and one for
the property ops of each peer. A tree that is too large for memory is laid out in a scratch folder.
"""

from __future__ import annotations

import io
import stat
import zipfile
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from sila_daemon.core.errors import NotFoundError
from sila_daemon.core.op_codec import encode_line
from sila_daemon.core.ops import MoveOp, Op
from sila_daemon.folder.layout import SpaceLayout, static_path, utc_day, var_path
from sila_daemon.folder.problems import storage_errors
from sila_daemon.folder.secrets import FILE_BYTES_MAX as SECRETS_BYTES_MAX
from sila_daemon.folder.space_folder import MARKER_TEXT
from sila_daemon.ports.disk import make_dirs, read_file, remove_tree
from sila_daemon.server.files.file_bytes import READ_BYTES
from sila_daemon.server.json_text import dumps
from sila_daemon.server.ops.op_rows import COLUMNS

if TYPE_CHECKING:
    import apsw

    from sila_daemon.ports.disk import ReadableFile
    from sila_daemon.server.ports import Ports
    from sila_daemon.server.spaces.space_opening import OpenSpace

HELD_BYTES = 8 << 20
"""Lines of one tree that are kept in memory before they go to the scratch folder."""

PAGE_ROWS = 2000
_EPOCH = (1980, 1, 1, 0, 0, 0)
_ZIP64_BYTES = 1 << 30
_ROOT = SpaceLayout(Path())


@dataclass(slots=True)
class ExportCounts:
    """What went into an export."""

    ops: int = 0
    files: int = 0


class _Pipe(io.RawIOBase):
    """Where zipfile writes to; what it wrote is taken from here."""

    def __init__(self) -> None:
        self._written = bytearray()

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        block = bytes(cast("bytes", data))
        self._written += block
        return len(block)

    def take(self) -> bytes:
        """Returns what was written since the last call."""
        taken = bytes(self._written)
        self._written.clear()
        return taken


class SpaceZip:
    """One export of one space, up to where its history ends now."""

    def __init__(self, space: OpenSpace, ports: Ports, scratch: Path) -> None:
        self._space = space
        self._ports = ports
        self._scratch = scratch
        self._head = space.hub.head.seq
        self._pipe = _Pipe()
        self._zip = zipfile.ZipFile(self._pipe, "w")
        self._day = utc_day(ports.clock.time())
        self.counts = ExportCounts()

    async def chunks(self) -> AsyncIterator[bytes]:
        """Yields the bytes of the zip. Raises StorageError in the midst of them."""
        try:
            async for chunk in self._parts():
                yield chunk
            await self._ports.workers.run(self._zip.close)
            yield self._pipe.take()
        finally:
            disk = self._ports.disk
            await self._ports.workers.run(lambda: remove_tree(disk, self._scratch))

    async def _parts(self) -> AsyncIterator[bytes]:
        space, layout = self._space, self._space.layout
        identity = dumps({"id": space.hub.space_id}).encode()
        small = [(_ROOT.marker, MARKER_TEXT.encode()), (_ROOT.space_json, identity)]
        secrets = await self._ports.workers.run(self._secrets)
        if secrets is not None:
            small.append((_ROOT.secrets, secrets))
        for path, data in small:
            async for chunk in self._entry(path, _once(data), len(data)):
                yield chunk
        for tree_id in await space.hub.queries.tree_ids():
            async for chunk in self._tree(tree_id):
                yield chunk
        blobs, store = space.files.store.blobs, space.files.store
        static = await self._ports.workers.run(lambda: list(blobs.list_static()))
        for blob in static:
            try:
                file, size = await space.files.static.open(blob.hash)
            except NotFoundError:
                continue  # Collected meanwhile: nothing refers to it.
            path = _ROOT.files_dir / static_path(layout.files_dir, blob.hash).relative_to(
                layout.files_dir
            )
            async for chunk in self._entry(path, store.read(file, 0, size), size, is_blob=True):
                yield chunk
        for uuid in await self._ports.workers.run(lambda: list(blobs.list_var())):
            file, _ = await space.files.var.open(uuid)
            size = file.stat().size
            path = _ROOT.files_dir / var_path(layout.files_dir, uuid).relative_to(layout.files_dir)
            async for chunk in self._entry(path, store.read(file, 0, size), size, is_blob=True):
                yield chunk

    def _secrets(self) -> bytes | None:
        disk, path = self._ports.disk, self._space.layout.secrets
        with storage_errors("read the secrets"):
            return None if disk.stat(path) is None else read_file(disk, path, SECRETS_BYTES_MAX)

    async def _entry(
        self, path: Path, chunks: AsyncIterator[bytes] | Any, size: int, *, is_blob: bool = False
    ) -> AsyncIterator[bytes]:
        info = zipfile.ZipInfo(path.as_posix(), _EPOCH)
        info.create_system = 3
        info.external_attr = (stat.S_IFREG | 0o600) << 16
        info.compress_type = zipfile.ZIP_STORED if is_blob else zipfile.ZIP_DEFLATED
        entry = self._zip.open(info, "w", force_zip64=size >= _ZIP64_BYTES)
        try:
            async for chunk in chunks:
                await self._ports.workers.run(lambda c=chunk: entry.write(c))  # type: ignore[misc]
                yield self._pipe.take()
        finally:
            entry.close()
        self.counts.files += is_blob
        yield self._pipe.take()

    async def _tree(self, tree_id: str) -> AsyncIterator[bytes]:
        lines = _Lines(self._ports, self._scratch)
        async for ops in self._ops(tree_id):
            for op in ops:
                place = _ROOT.moves_file if isinstance(op, MoveOp) else _ROOT.properties_file
                lines.add(place(tree_id, self._day, op.peer), encode_line(op))
            self.counts.ops += len(ops)
            if lines.held > HELD_BYTES:
                await self._ports.workers.run(lines.spill)
        for path in sorted(lines.paths):
            chunks = lines.chunks(path)
            async for chunk in self._entry(path, chunks, lines.sizes[path]):
                yield chunk

    async def _ops(self, tree_id: str) -> AsyncIterator[list[Op]]:
        """Yields the ops of a tree in the order of their ids, then the other contents of ids."""
        store, head = self._space.store, self._head
        after: tuple[int, int] | None = (0, 0)
        while after is not None:

            def page(
                connection: apsw.Connection, after: tuple[int, int] = after
            ) -> tuple[list[Op], tuple[int, int] | None]:
                tree = store.trees.find(connection, tree_id)
                rows: Any = connection.execute(
                    f"SELECT {COLUMNS} FROM ops WHERE tree = ?1 AND (counter, peer) > (?2, ?3)"
                    " AND seq <= ?4 ORDER BY counter, peer LIMIT ?5",
                    (tree, *after, head, PAGE_ROWS),
                ).fetchall()
                following = (rows[-1][2], rows[-1][3]) if len(rows) == PAGE_ROWS else None
                return [store.to_op(connection, row) for row in rows], following

            ops, after = await store.database.read(page)
            yield ops
        seq: int | None = 0
        while seq is not None:

            def others(connection: apsw.Connection, seq: int = seq) -> tuple[list[Op], int | None]:
                tree = store.trees.find(connection, tree_id)
                rows: Any = connection.execute(
                    f"SELECT {COLUMNS} FROM alternates WHERE tree = ?1 AND seq > ?2 AND seq <= ?3"
                    " ORDER BY seq LIMIT ?4",
                    (tree, seq, head, PAGE_ROWS),
                ).fetchall()
                following = rows[-1][0] if len(rows) == PAGE_ROWS else None
                return [store.to_op(connection, row) for row in rows], following

            ops, seq = await store.database.read(others)
            yield ops


class _Lines:
    """The op files of one tree, in memory as long as they are small."""

    def __init__(self, ports: Ports, scratch: Path) -> None:
        self._ports = ports
        self._scratch = scratch
        self._parts: dict[Path, bytearray] = {}
        self._spilled: dict[Path, Path] = {}
        self.paths: set[Path] = set()
        self.sizes: dict[Path, int] = {}
        self.held = 0

    def add(self, path: Path, line: bytes) -> None:
        """Adds a line to a file."""
        self._parts.setdefault(path, bytearray()).extend(line)
        self.paths.add(path)
        self.sizes[path] = self.sizes.get(path, 0) + len(line)
        self.held += len(line)

    def spill(self) -> None:
        """Moves what is held in memory to the scratch folder."""
        disk = self._ports.disk
        with storage_errors("lay out ops for an export"):
            make_dirs(disk, self._scratch)
            for path, part in self._parts.items():
                place = self._spilled.get(path)
                if place is None:
                    name = f"{self._ports.randomness.token(8).hex()}.jsonl"
                    place = self._spilled[path] = self._scratch / name
                    disk.create(place).close()
                with disk.open_append(place) as file:
                    file.write(bytes(part))
        self._parts.clear()
        self.held = 0

    async def chunks(self, path: Path) -> AsyncIterator[bytes]:
        """Yields one file, and forgets it."""
        place = self._spilled.pop(path, None)
        disk, workers = self._ports.disk, self._ports.workers
        if place is not None:
            file = await workers.run(lambda: disk.open_read(place))
            try:
                for offset in _offsets(file):
                    yield await workers.run(lambda at=offset: file.read_at(at, READ_BYTES))  # type: ignore[misc]
            finally:
                file.close()
                await workers.run(lambda: disk.unlink(place))
        yield bytes(self._parts.pop(path, b""))


def _offsets(file: ReadableFile) -> Iterator[int]:
    return iter(range(0, file.stat().size, READ_BYTES))


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data
