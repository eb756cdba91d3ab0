"""Many small files in one body, cut apart: for each a line of JSON, followed by its bytes.

Source: the routes `files/pack` and `files/fetch` of the wire protocol. What the lines say is for
the two ends to judge.
"""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from typing import Any

from sila_daemon.core.errors import FormatError

MEDIA_TYPE = "application/x-ndjson"

CUT_OFF = "incomplete"
"""The code of a FormatError for a pack that ends too soon."""

_HEADER_BYTES_MAX = 4096


class PackStream:
    """Reads a pack as it comes, one file in memory at a time."""

    def __init__(self, chunks: AsyncIterator[bytes]) -> None:
        self._chunks = chunks
        self._held = bytearray()

    async def header(self) -> dict[str, Any] | None:
        """Returns what the next line says; None at the end. Raises FormatError.

        The bytes of each file are to be taken before the next line is asked for.
        """
        while (end := self._held.find(b"\n")) < 0:
            if len(self._held) > _HEADER_BYTES_MAX:
                raise FormatError("a header line of a pack is too long")
            if not await self._more():
                if self._held.strip():
                    raise FormatError("the pack is cut off", code=CUT_OFF)
                return None
        return _header(self._take(end + 1))

    async def data(self, size: int) -> bytes:
        """Returns the bytes of a file. Raises FormatError with the code CUT_OFF."""
        while len(self._held) < size:
            if not await self._more():
                raise FormatError("the pack is cut off", code=CUT_OFF)
        return self._take(size)

    def _take(self, size: int) -> bytes:
        taken = bytes(self._held[:size])
        del self._held[:size]
        return taken

    async def _more(self) -> bool:
        chunk = await anext(self._chunks, None)
        self._held += chunk or b""
        return chunk is not None


def _header(line: bytes) -> dict[str, Any]:
    try:
        header = json.loads(line)
    except (ValueError, RecursionError):
        header = None
    if not isinstance(header, dict):
        raise FormatError("a header line of a pack is not a JSON object")
    return header
