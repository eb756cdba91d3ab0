"""A device's control socket without a socket: the real connection and handlers at its end.

Bytes go both ways at once and in order, as on a Unix socket, but cut where the seed says.
"""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import TYPE_CHECKING, Any

from sila_daemon.control.activity import ActivityLog
from sila_daemon.control.connection import Connection
from sila_daemon.control.handlers.chats import ChatHandlers
from sila_daemon.control.handlers.edits import EditHandlers
from sila_daemon.control.handlers.files import FileHandlers
from sila_daemon.control.handlers.local_files import LocalFiles
from sila_daemon.control.handlers.secrets import SecretHandlers
from sila_daemon.control.handlers.trees import TreeHandlers
from sila_daemon.control.limits import LINE_BYTES_MAX
from sila_daemon.core.errors import NotFoundError

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from tests.simulation.process import Process

CUT = 0.3
"""How likely what is written arrives in two pieces."""


class HungUpError(Exception):
    """The other end is gone."""


class _Writer:
    """What a connection writes to: the reader of the other end."""

    def __init__(self, to: asyncio.StreamReader, random: Random) -> None:
        self._to = to
        self._random = random
        self._is_closed = False

    def write(self, data: bytes) -> None:
        if self._is_closed:
            return
        cut = int(self._random.random() * len(data)) if self._random.random() < CUT else 0
        for piece in (data[:cut], data[cut:]):
            if piece:
                self._to.feed_data(piece)

    async def drain(self) -> None:
        await asyncio.sleep(0)
        if self._is_closed:
            raise ConnectionResetError("the other end hung up")

    def is_closing(self) -> bool:
        return self._is_closed

    def close(self) -> None:
        if not self._is_closed:
            self._is_closed = True
            self._to.feed_eof()


class _OneSpace:
    """The only space that the daemon of a simulated device looks after."""

    def __init__(self, mirror: SpaceMirror) -> None:
        self._mirror = mirror

    async def named(self, reference: str) -> None:
        """The only space is known by its id."""

    def find(self, reference: str) -> SpaceMirror:
        if reference != self._mirror.space_id:
            raise NotFoundError(f"no space {reference}", code="no_space")
        return self._mirror

    def all(self) -> list[SpaceMirror]:
        return [self._mirror]


class SimControl:
    """The control socket of one start of a daemon."""

    def __init__(
        self, mirror: SpaceMirror, ports: MirrorPorts, process: Process, random: Random
    ) -> None:
        keeper: Any = _OneSpace(mirror)
        groups = (
            TreeHandlers(keeper),
            EditHandlers(keeper),
            ChatHandlers(keeper),
            FileHandlers(keeper, LocalFiles(ports.disk, ports.workers, ports.randomness)),
            SecretHandlers(keeper),
        )
        self.bugs: list[str] = []
        """What no handler should raise."""
        self._handlers: dict[str, Handler] = {}
        for group in groups:
            self._handlers.update(group.routes())
        self._activity = ActivityLog(process.name, ports.clock, kept_max=20)
        self._process = process
        self._random = random
        self._ends: list[_Writer] = []
        mirror.observe(self._note)

    def _note(self, event: dict[str, Any]) -> None:
        self._activity.append(str(event.get("kind")), "space")

    def connect(self) -> ControlEnd:
        """Opens a connection."""
        there, here = (asyncio.StreamReader(limit=LINE_BYTES_MAX) for _ in range(2))
        to_daemon, to_client = _Writer(there, self._random), _Writer(here, self._random)
        self._ends.append(to_client)
        writer: Any = to_client
        connection = Connection(there, writer, self._handlers, self._activity, self._report_bug)
        self._process.spawn(connection.run())
        return ControlEnd(here, to_daemon)

    def hang_up(self) -> None:
        """Ends every connection at once: the daemon is dead."""
        for end in self._ends:
            end.close()

    def _report_bug(self, method: str, error: Exception) -> None:
        self.bugs.append(f"{method}: {type(error).__name__}: {error}")


class ControlEnd:
    """A client's end of a connection."""

    def __init__(self, reader: asyncio.StreamReader, writer: _Writer) -> None:
        self._reader = reader
        self._writer = writer

    def write(self, data: bytes) -> None:
        """Sends bytes."""
        self._writer.write(data)

    async def read(self) -> dict[str, Any]:
        """Returns the next message. Raises HungUpError."""
        try:
            line = await self._reader.readuntil(b"\n")
        except asyncio.IncompleteReadError:
            raise HungUpError from None
        found = json.loads(line)
        assert isinstance(found, dict)
        return found

    def hang_up(self) -> None:
        """Leaves; answers that come later are lost."""
        self._writer.close()
