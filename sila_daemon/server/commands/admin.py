"""The admin socket: commands beside a running server, run inside it.

A Unix socket in the data folder that only its owner can open. One request a connection: one line
of JSON `{"command", "args"}`, answered by one line `{"ok", "data"}` or `{"ok", "error"}`.
"""

from __future__ import annotations

import asyncio
import json
import logging
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import SilaError, StorageError
from sila_daemon.ports.unix_socket import is_private_dir
from sila_daemon.server.commands.admin_client import error_json, is_in_data, socket_path
from sila_daemon.server.commands.registry import run_command

if TYPE_CHECKING:
    from sila_daemon.server.world import World

LOG = logging.getLogger(__name__)

LINE_BYTES_MAX = 8 << 20


@asynccontextmanager
async def admin_socket(world: World, data: Path) -> AsyncIterator[None]:
    """Serves commands while the context lasts; the caller holds the lock of the folder."""
    path = socket_path(data)
    is_elsewhere = not is_in_data(path, data)
    if is_elsewhere and not is_private_dir(path.parent):
        raise StorageError(
            f"{path.parent} belongs to somebody else, or others can open it",
            hint="Remove it, or choose a --data folder with a shorter path.",
        )
    path.unlink(missing_ok=True)  # Of a server that was killed: the lock says that none runs.
    listener = socket.socket(socket.AF_UNIX, socket.SOCK_STREAM)
    # Bound with a mask, so that at no moment anyone else can open it.
    before = os.umask(0o177)
    try:
        listener.bind(str(path))
    finally:
        os.umask(before)

    answering: set[asyncio.Task[None]] = set()

    def serve(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.ensure_future(_answer(world, reader, writer))
        answering.add(task)
        task.add_done_callback(answering.discard)

    server = await asyncio.start_unix_server(serve, sock=listener, limit=LINE_BYTES_MAX)
    try:
        yield
    finally:
        server.close()
        # Before the world is closed under their feet, and whoever is connected and silent.
        for task in answering:
            task.cancel()
        await asyncio.gather(*answering, return_exceptions=True)
        await server.wait_closed()
        path.unlink(missing_ok=True)
        if is_elsewhere:
            path.parent.rmdir()


async def _answer(world: World, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
    try:
        request = json.loads(await reader.readline())
        data = await run_command(world, str(request["command"]), dict(request["args"]))
        answer: dict[str, Any] = {"ok": True, "data": data}
    except SilaError as error:
        answer = {"ok": False, "error": error_json(error)}
    except asyncio.CancelledError:
        stopping = StorageError("the server is stopping", hint="Try again in a moment.")
        answer = {"ok": False, "error": error_json(stopping)}
    except Exception as error:  # Whatever it is: the one who asked must get an answer.
        LOG.exception("an admin command failed")
        answer = {"ok": False, "error": error_json(SilaError(f"the command failed: {error}"))}
    try:
        writer.write(json.dumps(answer).encode() + b"\n")
        await writer.drain()
    except ConnectionError as error:
        LOG.info("whoever gave a command did not wait for the answer: %s", error)
    finally:
        writer.close()
