"""The control socket: who may connect, and how many at once."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.control.connection import Connection, Handler
from sila_daemon.control.limits import LINE_BYTES_MAX
from sila_daemon.control.methods import METHODS
from sila_daemon.control.peer import peer_uid
from sila_daemon.core.errors import StorageError

if TYPE_CHECKING:
    from sila_daemon.control.activity import ActivityLog

CONNECTIONS_MAX = 64
"""More are hung up at once: something opens connections and forgets them."""


class ControlServer:
    """Listens on a Unix socket for clients of the same user.

    The caller holds the instance lock: only then may the name of a dead daemon's socket be taken.
    """

    def __init__(
        self,
        path: Path,
        handlers: Mapping[str, Handler],
        activity: ActivityLog,
        report_bug: Callable[[str, Exception], None],
        *,
        peer_uid: Callable[[socket.socket], int | None] = peer_uid,
    ) -> None:
        missing = set(METHODS) - {"events.subscribe"} - set(handlers)
        assert not missing, f"methods without a handler: {sorted(missing)}"
        self._path = path
        self._handlers = handlers
        self._activity = activity
        self._report_bug = report_bug
        self._peer_uid = peer_uid
        self._open_count = 0
        self._listening = asyncio.Event()

    async def listening(self) -> None:
        """Returns when clients can connect."""
        await self._listening.wait()

    async def run(self) -> None:
        """Serves until cancelled. Raises StorageError when the socket cannot be made."""
        listener = _bound(self._path)
        try:
            async with asyncio.TaskGroup() as group:

                def connected(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
                    if self._may_enter(writer):
                        group.create_task(self._serve(reader, writer), name="control-connection")
                    else:
                        writer.close()

                server = await asyncio.start_unix_server(
                    connected, sock=listener, limit=LINE_BYTES_MAX
                )
                self._listening.set()
                try:
                    await asyncio.Event().wait()
                finally:
                    server.close()
        finally:
            listener.close()
            self._path.unlink(missing_ok=True)

    def _may_enter(self, writer: asyncio.StreamWriter) -> bool:
        uid = self._peer_uid(writer.get_extra_info("socket"))
        return uid == os.getuid() and self._open_count < CONNECTIONS_MAX

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self._open_count += 1
        try:
            await Connection(reader, writer, self._handlers, self._activity, self._report_bug).run()
        finally:
            self._open_count -= 1


def _bound(path: Path) -> socket.socket:
    """Takes the name, also from a socket that a dead daemon left behind."""
    listener = socket.socket(socket.AF_UNIX)
    umask = os.umask(0o177)
    try:
        path.unlink(missing_ok=True)
        listener.bind(os.fspath(path))
        listener.listen(CONNECTIONS_MAX)
    except OSError as error:
        listener.close()
        raise StorageError(
            f"cannot make the control socket {path}: {error.strerror}",
            hint="check the folder's permissions, or move Sila elsewhere with SILA_HOME",
        ) from error
    finally:
        os.umask(umask)
    listener.setblocking(False)
    return listener
