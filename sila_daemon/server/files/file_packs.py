"""Many small files in one body: for each a line of JSON, followed by its bytes.

The line is `{"kind": "static" | "var", "id", "size"}`, for mutable files also `"revision"`: the
one that the bytes replace (null: none yet) on the way in, the one that they have on the way out.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, NotFoundError
from sila_daemon.server.json_text import dumps

if TYPE_CHECKING:
    from sila_daemon.server.files.space_files import SpaceFiles

MEDIA_TYPE = "application/x-ndjson"
HEADER_BYTES_MAX = 4096
PACKED_BYTES_MAX = 8 << 20
"""A file in a pack; larger ones travel by themselves, where they can be resumed."""


@dataclass(frozen=True, slots=True)
class PackedFile:
    """One file of a pack that comes in."""

    kind: str
    id: str
    data: bytes
    expected: int | None
    """The revision that a mutable file's bytes replace."""


class _Buffer:
    """Cuts a stream of chunks at lines and lengths."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._held = bytearray()

    async def line(self) -> bytes | None:
        """Returns the next line; None at the end."""
        while (end := self._held.find(b"\n")) < 0:
            if len(self._held) > HEADER_BYTES_MAX:
                raise FormatError("a header line of a pack is too long")
            if not await self._more():
                if self._held.strip():
                    raise FormatError("the pack is cut off", code="incomplete")
                return None
        return self._take(end + 1)

    async def exactly(self, size: int) -> bytes:
        """Returns that many bytes."""
        while len(self._held) < size:
            if not await self._more():
                raise FormatError("the pack is cut off", code="incomplete")
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    async def _more(self) -> bool:
        chunk = await anext(self._chunks, None)
        self._held += chunk or b""
        return chunk is not None


async def read_pack(chunks: AsyncIterator[bytes]) -> AsyncIterator[PackedFile]:
    """Yields the files of a pack, one in memory at a time. Raises FormatError."""
    buffer = _Buffer(chunks)
    while (line := await buffer.line()) is not None:
        header = _header(line)
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
        yield PackedFile(kind, name, await buffer.exactly(size), expected)


def _header(line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise FormatError("a header line of a pack is not a JSON object")
    return header


def _revision(text: object) -> int:
    is_number = isinstance(text, str) and text.isascii() and text.isdigit() and len(text) < 16
    return int(str(text)) if is_number else -1


async def write_pack(files: SpaceFiles, static: list[str], var: list[str]) -> AsyncIterator[bytes]:
    """Yields a pack of those files that are here and fit; the others are left out."""
    for blob_hash in static:
        try:
            file, size = await files.static.open(blob_hash)
        except NotFoundError:
            continue
        if size > PACKED_BYTES_MAX:
            file.close()
            continue
        yield dumps({"kind": "static", "id": blob_hash, "size": size}).encode() + b"\n"
        async for chunk in files.store.read(file, 0, size):
            yield chunk
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
