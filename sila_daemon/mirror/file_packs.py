"""Many small files in one body: for each a line of JSON, followed by its bytes.

Source: the routes `files/pack` and `files/fetch` of the wire protocol. Only immutable files travel
so: of a mutable one, both sides have more to say than its bytes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, RemoteUnavailableError
from sila_daemon.store.blobs import STATIC, BlobName

if TYPE_CHECKING:
    from typing import Any

MEDIA_TYPE = "application/x-ndjson"

SMALL_BYTES_MAX = 256_000
"""Larger files travel by themselves: a request for each costs them little."""

PACK_BYTES_MAX = 4 << 20
PACK_FILES_MAX = 200

TAKEN_BYTES_MAX = 8 << 20
"""A file of a pack that comes; servers put no larger ones into packs."""

_HEADER_BYTES_MAX = 4096


def packed(sizes: Iterable[tuple[BlobName, int]]) -> Iterator[list[BlobName]]:
    """Puts files into packs, in their order, none with too many files or bytes."""
    pack: list[BlobName] = []
    room = PACK_BYTES_MAX
    for blob, size in sizes:
        if pack and (size > room or len(pack) >= PACK_FILES_MAX):
            yield pack
            pack, room = [], PACK_BYTES_MAX
        pack.append(blob)
        room -= size
    if pack:
        yield pack


def header_line(blob: BlobName, size: int) -> bytes:
    """Returns the line that stands before the bytes of a file."""
    header = {"kind": blob.kind, "id": blob.name, "size": size}
    return json.dumps(header).encode() + b"\n"


class PackReader:
    """Reads a pack as it comes, one file in memory at a time."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._held = bytearray()

    async def files(self) -> AsyncIterator[tuple[BlobName, int]]:
        """Yields names and sizes; `data` gives the bytes of each before the next is asked for.

        Raises FormatError, RemoteUnavailableError for a pack that is cut off.
        """
        while (line := await self._line()) is not None:
            yield _file_of(line)

    async def data(self, size: int) -> bytes:
        """Returns the bytes of a file."""
        while len(self._held) < size:
            if not await self._more():
                raise RemoteUnavailableError("the files are cut off")
        return self._take(size)

    async def _line(self) -> bytes | None:
        while (end := self._held.find(b"\n")) < 0:
            if len(self._held) > _HEADER_BYTES_MAX:
                raise FormatError("the server sends files without saying which")
            if not await self._more():
                if self._held:
                    raise RemoteUnavailableError("the files are cut off")
                return None
        return self._take(end + 1)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    async def _more(self) -> bool:
        chunk = await anext(self._chunks, None)
        self._held += chunk or b""
        return chunk is not None


def _file_of(line: bytes) -> tuple[BlobName, int]:
    try:
        header: Any = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        header = {}
    size, name = header.get("size"), header.get("id")
    is_static = header.get("kind") == STATIC and ids.is_hash(name)
    if not is_static or type(size) is not int or not 0 <= size <= TAKEN_BYTES_MAX:
        raise FormatError("the server sends a file that was not asked for")
    return BlobName(STATIC, str(name)), size
