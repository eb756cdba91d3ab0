"""The stand-in within the process of a test: started, ended and put back as one likes."""

from __future__ import annotations

import asyncio
import shutil
from contextlib import suppress
from typing import TYPE_CHECKING, Any

from aiohttp import web

from tests.original_server.app import OriginalServer
from tests.original_server.space_files import ops_in

if TYPE_CHECKING:
    from pathlib import Path

    from tests.original_server.host import OriginalSpace
    from tests.original_server.replica import WireOp

USER = "user-1"
EMAIL = "ann@example.org"
KEY = "a key of thirty-two bytes or more"


class RunningOriginal:
    """One server with one user and one space, over real sockets."""

    def __init__(self, data: Path, space_id: str) -> None:
        self.data = data
        self.space_id = space_id
        self.ends: list[str] = []
        """Why its process died, each time."""
        self.dies_after_s = 0.0
        """How long its process lives on after what ends it; it answers other things meanwhile."""
        self.server: OriginalServer
        self.url = ""
        self._port = 0
        self._runner: web.AppRunner | None = None
        self._writing: asyncio.Task[None] | None = None
        self._dying: asyncio.Future[None] | None = None

    @property
    def space(self) -> OriginalSpace:
        """The space in memory."""
        return self.server.spaces[self.space_id]

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._runner is not None

    async def start(self) -> None:
        """Starts a process on the files that are there."""
        self._dying = None
        self.server = OriginalServer(self.data, KEY, self._ended)
        self.server.add_user(USER, EMAIL)
        self.server.add_space(USER, "Ours", self.space_id)
        self._runner = web.AppRunner(self.server.app, shutdown_timeout=0.1)
        await self._runner.setup()
        site = web.TCPSite(self._runner, "127.0.0.1", self._port, reuse_address=True)
        await site.start()
        self._port = self._runner.addresses[0][1]
        self.url = f"http://127.0.0.1:{self._port}"
        self._writing = asyncio.ensure_future(self.server.write_out())

    async def kill(self) -> None:
        """Ends the process at once: what was not written is lost."""
        if self._dying is None:
            self._dying = asyncio.ensure_future(self._die())
        await asyncio.shield(self._dying)

    async def _die(self) -> None:
        if self._runner is None or self._writing is None:
            return
        if self.ends:
            await asyncio.sleep(self.dies_after_s)
        self._writing.cancel()
        with suppress(asyncio.CancelledError):
            await self._writing
        await self.server.drop_connections()
        await self._runner.cleanup()
        self._runner = None

    async def put_back(self, copy: Path) -> None:
        """Starts it on a copy of its files that was made earlier."""
        await self.kill()
        shutil.rmtree(self.data)
        shutil.copytree(copy, self.data)
        await self.start()

    def token(self) -> str:
        """Returns a token of the user."""
        return self.server.token(USER)

    def sent(self, name: str) -> list[Any]:
        """Returns what clients sent of one kind, in order."""
        return [payload for event, payload in self.server.received if event == name]

    def ids_sent(self) -> list[tuple[int, str]]:
        """Returns the ids of all ops that came, as often as they came."""
        return [
            (op["id"]["counter"], op["id"]["peerId"])
            for payload in self.sent("ops:send")
            for op in payload["ops"]
        ]

    def written(self) -> list[WireOp]:
        """Returns the ops in its files, as often as they stand there."""
        return [op for _, op in ops_in(self.space.files)]

    def _ended(self, reason: str) -> None:
        self.ends.append(reason)
        if self._dying is None:
            self._dying = asyncio.ensure_future(self._die())
