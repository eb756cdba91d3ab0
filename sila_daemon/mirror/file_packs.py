"""Many small files in one body: for each a line of JSON, followed by its bytes.

Source: the routes `files/pack` and `files/fetch` of the wire protocol. Only immutable files travel
so: of a mutable one, both sides have more to say than its bytes.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Iterable, Iterator
from contextlib import contextmanager
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, RemoteUnavailableError
from sila_daemon.core.file_packs import CUT_OFF, PackStream
from sila_daemon.store.blobs import STATIC, BlobName

if TYPE_CHECKING:
    from typing import Any

    from sila_daemon.store.blobs import LocalBlob

SMALL_BYTES_MAX = 256_000
"""Larger files travel by themselves: a request for each costs them little."""

PACK_BYTES_MAX = 4 << 20
PACK_FILES_MAX = 200

TAKEN_BYTES_MAX = 8 << 20
"""A file of a pack that comes; servers put no larger ones into packs."""


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


def grouped(files: Iterable[LocalBlob], bytes_max: int) -> Iterator[list[LocalBlob]]:
    """Puts files into groups that are not much larger than some bytes."""
    group: list[LocalBlob] = []
    size = 0
    for local in files:
        group.append(local)
        size += local.size
        if size >= bytes_max:
            yield group
            group, size = [], 0
    if group:
        yield group


class PackReader:
    """Reads a pack of a server as it comes, one file in memory at a time."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._stream = PackStream(chunks)

    async def files(self) -> AsyncIterator[tuple[BlobName, int]]:
        """Yields names and sizes; `data` gives the bytes of each before the next is asked for.

        Raises FormatError, RemoteUnavailableError for a pack that is cut off.
        """
        while True:
            with _cut_off():
                header = await self._stream.header()
            if header is None:
                return
            yield _file_of(header)

    async def data(self, size: int) -> bytes:
        """Returns the bytes of a file."""
        with _cut_off():
            return await self._stream.data(size)


@contextmanager
def _cut_off() -> Iterator[None]:
    """Tells of a pack that ends too soon as of a connection that does."""
    try:
        yield
    except FormatError as error:
        if error.code != CUT_OFF:
            raise
        raise RemoteUnavailableError("the files are cut off") from error


def _file_of(header: dict[str, Any]) -> tuple[BlobName, int]:
    size, name = header.get("size"), header.get("id")
    is_static = header.get("kind") == STATIC and ids.is_hash(name)
    if not is_static or type(size) is not int or not 0 <= size <= TAKEN_BYTES_MAX:
        raise FormatError("the server sends a file that was not asked for")
    return BlobName(STATIC, str(name)), size
