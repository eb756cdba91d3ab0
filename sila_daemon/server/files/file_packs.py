"""Many small files in one body: for each a line of JSON, followed by its bytes.

The line is `{"kind": "static" | "var", "id", "size"}`, for mutable files also `"revision"`: the
one that the bytes replace (null: none yet) on the way in, the one that they have on the way out.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, NotFoundError
from sila_daemon.core.file_packs import PackStream
from sila_daemon.server.files.file_bytes import READ_BYTES
from sila_daemon.server.json_text import dumps

if TYPE_CHECKING:
    from sila_daemon.folder.blobs import BlobFolder
    from sila_daemon.ports.disk import ReadableFile
    from sila_daemon.server.files.space_files import SpaceFiles

PACKED_BYTES_MAX = 8 << 20
"""A file in a pack; larger ones travel by themselves, where they can be resumed."""


STEP_BYTES = 1 << 20
"""So much of a pack is read, and held, at once on the way out."""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file of a pack that comes in."""

    kind: str
    id: str
    data: bytes
    expected: int | None
    """The revision that a mutable file's bytes replace."""


async def read_pack(chunks: AsyncIterator[bytes]) -> AsyncIterator[PackedFile]:
    """Yields the files of a pack, one in memory at a time. Raises FormatError."""
    stream = PackStream(chunks)
    while (header := await stream.header()) is not None:
        size = header.get("size")
        if type(size) is not int or not 0 <= size <= PACKED_BYTES_MAX:
            raise FormatError(f"a packed file has at most {PACKED_BYTES_MAX} bytes")
        kind, expected = header.get("kind"), None
        if kind == "static":
            name = ids.checked_hash(header.get("id"))
        elif kind == "var":
            name = ids.checked_uuid(header.get("id"))
            revision = header.get("revision")
            expected = None if revision is None else _revision(revision)
        else:
            raise FormatError("a packed file is static or var")
        yield PackedFile(kind, name, await stream.data(size), expected)


def _revision(text: object) -> int:
    is_number = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 16
    return int(str(text)) if is_number else -1


async def write_pack(files: SpaceFiles, static: list[str], var: list[str]) -> AsyncIterator[bytes]:
    """Yields a pack of those files that are here and fit; the others are left out."""
    waiting = iter(static)
    while True:
        some = await files.store.workers.run(lambda: _read_static(files.store.blobs, waiting))
        try:
            if some.data:
                yield some.data
            if some.rest is not None:
                async for chunk in files.store.read(some.rest, 0, some.rest_size):
                    yield chunk
        finally:
            if some.rest is not None:
                some.rest.close()
        if some.is_last:
            break
    for uuid in var:
        try:
            file, state = await files.var.open(uuid)
        except NotFoundError:
            continue
        size = file.stat().size
        if size > PACKED_BYTES_MAX:
            file.close()
            continue
        header = {"kind": "var", "id": uuid, "size": size, "revision": str(state.revision)}
        yield dumps(header).encode() + b"\n"
        async for chunk in files.store.read(file, 0, size):
            yield chunk


@dataclass(frozen=True, slots=True)
class _Some:
    """A part of a pack: small files, then perhaps the header of a larger one, and that file."""

    data: bytes
    rest: ReadableFile | None = None
    rest_size: int = 0
    is_last: bool = False


def _read_static(blobs: BlobFolder, waiting: Iterator[str]) -> _Some:
    """Reads small files until they are enough for one step; blocking."""
    parts: list[bytes] = []
    room = STEP_BYTES
    for blob_hash in waiting:
        try:
            file = blobs.open_static(blob_hash)
        except NotFoundError:
            continue
        size = file.stat().size
        header = dumps({"kind": "static", "id": blob_hash, "size": size}).encode() + b"\n"
        if READ_BYTES < size <= PACKED_BYTES_MAX:
            return _Some(b"".join([*parts, header]), file, size)
        with file:
            if size <= READ_BYTES:
                parts += [header, file.read_at(0, size)]
                room -= size
        if room <= 0:
            return _Some(b"".join(parts))
    return _Some(b"".join(parts), is_last=True)
