"""A connection that can be cut or fall silent: a forwarder between daemons and their server."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from dataclasses import dataclass

PIECE_BYTES = 1 << 16


@dataclass(slots=True)
class _Line:
    """One connection."""

    is_silent: bool = False


class Wire:
    """Forwards a port; `cut` ends every connection and takes no new one until `mend`."""

    def __init__(self) -> None:
        self.goal = 0
        """The port that connections go to."""
        self.port = 0
        self._is_cut = False
        self._server: asyncio.Server | None = None
        self._under_way: set[asyncio.Task[None]] = set()
        self._lines: list[_Line] = []

    async def open(self) -> None:
        """Begins to listen, on a port of its own."""
        self._server = await asyncio.start_server(self._forward, "127.0.0.1", 0)
        self.port = self._server.sockets[0].getsockname()[1]

    async def close(self) -> None:
        """Ends everything."""
        self.cut()
        if self._server is not None:
            self._server.close()
        await asyncio.gather(*self._under_way, return_exceptions=True)

    def cut(self) -> None:
        """Ends every connection at once."""
        self._is_cut = True
        for task in self._under_way:
            task.cancel()

    def fall_silent(self) -> int:
        """Has what is open carry nothing more, without anybody being told; new ones do.

        Returns how many connections that are.
        """
        for line in self._lines:
            line.is_silent = True
        return len(self._lines)

    def mend(self) -> None:
        """Lets connections through again."""
        self._is_cut = False

    async def _forward(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        if self._is_cut:
            writer.transport.abort()
            return
        task = asyncio.current_task()
        assert task is not None
        self._under_way.add(task)
        self._lines.append(line := _Line())
        try:
            with suppress(OSError, asyncio.CancelledError):
                there = await asyncio.open_connection("127.0.0.1", self.goal)
                try:
                    async with asyncio.TaskGroup() as group:
                        group.create_task(_pour(reader, there[1], line))
                        group.create_task(_pour(there[0], writer, line))
                finally:
                    there[1].transport.abort()
        finally:
            self._under_way.discard(task)
            self._lines = [other for other in self._lines if other is not line]
            writer.transport.abort()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, line: _Line) -> None:
    with suppress(OSError):
        while piece := await reader.read(PIECE_BYTES):
            if line.is_silent:
                continue
            writer.write(piece)
            await writer.drain()
    if line.is_silent:
        await asyncio.Event().wait()  # The end is not told either.
    with suppress(OSError, RuntimeError):
        writer.write_eof()
