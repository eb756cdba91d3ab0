"""A forwarder that holds every byte back for a while: a server that is far away."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager, suppress

PIECE_BYTES = 1 << 16
HELD_PIECES_MAX = 1024
"""What is on its way in one direction: 64 MB, more than any connection has."""


@asynccontextmanager
async def slow_wire(port: int, round_trip_s: float) -> AsyncIterator[int]:
    """Yields a port that leads to another one, half of the delay each way; opening has it too."""

    async def forward(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with suppress(OSError):
            await asyncio.sleep(round_trip_s)
            there = await asyncio.open_connection("127.0.0.1", port)
            try:
                async with asyncio.TaskGroup() as group:
                    group.create_task(_pour(reader, there[1], round_trip_s / 2))
                    group.create_task(_pour(there[0], writer, round_trip_s / 2))
            finally:
                there[1].transport.abort()
                writer.transport.abort()

    server = await asyncio.start_server(forward, "127.0.0.1", 0)
    try:
        yield server.sockets[0].getsockname()[1]
    finally:
        server.close()


async def _pour(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, delay_s: float) -> None:
    """Passes on what comes, each piece when its time has come; many are on the way at once."""
    clock = asyncio.get_running_loop().time
    held: asyncio.Queue[tuple[float, bytes]] = asyncio.Queue(HELD_PIECES_MAX)

    async def take() -> None:
        piece = b"."
        while piece:
            piece = await reader.read(PIECE_BYTES)
            await held.put((clock() + delay_s, piece))

    async def give() -> None:
        while True:
            due, piece = await held.get()
            await asyncio.sleep(due - clock())
            if not piece:
                writer.write_eof()
                return
            writer.write(piece)
            await writer.drain()

    with suppress(OSError, RuntimeError):
        await asyncio.gather(take(), give())
