"""Bytes of stored files on their way to a reader, chunk by chunk."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_daemon.ports.disk import ReadableFile
    from sila_daemon.ports.workers import Workers

READ_BYTES = 256 << 10


class FileBytes:
    """Bytes of an open file, chunk by chunk; closes it at the end, or when told to."""

    def __init__(self, file: ReadableFile, workers: Workers, start: int, end: int) -> None:
        self._file = file
        self._workers = workers
        self._start = start
        self._end = end
        self._is_open = True
        self._reading: asyncio.Future[bytes] | None = None

    def close(self) -> None:
        """Closes the file; for a reader that goes away before it has begun, too."""
        if not self._is_open:
            return
        self._is_open = False
        if self._reading is None or self._reading.done():
            self._file.close()
        else:
            # Whoever waited was cancelled, the thread goes on: under its feet the descriptor
            # could become another file's.
            self._reading.add_done_callback(lambda _: self._file.close())

    async def _read(self, offset: int, size: int) -> bytes:
        self._reading = asyncio.ensure_future(
            self._workers.run(lambda: self._file.read_at(offset, size))
        )
        return await asyncio.shield(self._reading)

    async def __aiter__(self) -> AsyncIterator[bytes]:
        offset = self._start
        try:
            while offset < self._end:
                size = min(READ_BYTES, self._end - offset)
                chunk = await self._read(offset, size)
                if not chunk:
                    return
                offset += len(chunk)
                yield chunk
        finally:
            self.close()
