"""The original server in the simulated world: its memory, its files, and what ends it.

It is the stand-in of `tests/original_server` with the wire of the simulation in the place of
sockets. What it has not written when it is killed is lost; its disk itself never lies.
"""

from __future__ import annotations

import asyncio
import json
from contextlib import asynccontextmanager
from random import Random
from typing import TYPE_CHECKING, Any

from sila_daemon.core import wire_json
from sila_daemon.core.errors import SignInNeededError
from sila_daemon.server.spaces.frames import Frame
from tests.original_server.host import FLUSH_S, OriginalSpace
from tests.original_server.replica import ProcessEndedError
from tests.original_server.space_files import MemoryFiles, ops_in
from tests.simulation.byzantine import line_of
from tests.simulation.device import SPACE
from tests.simulation.http import Exchanged
from tests.simulation.process import Process, spawn_outside
from tests.simulation.wire import ClientEnd

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from tests.simulation.reader import Line
    from tests.simulation.trace import Trace
    from tests.simulation.wire import Wire

TOKEN = "token-of-the-original"
TOKEN_S = 10 * 365 * 24 * 3600
FRAME_BYTES_MAX = 1_000_000


class SimOriginal:
    """One original server; `start` after each end of its process."""

    def __init__(self, seed: str, trace: Trace) -> None:
        self.name = "original0"
        self.url = f"http://{self.name}"
        self.files = MemoryFiles()
        self.copy: dict[str, str] | None = None
        """Its files as they once were."""
        self.is_listening = False
        self.bugs: list[str] = []
        """What ended it that nobody may send."""
        self.times_written: dict[Line, int] = {}
        self.ends = 0
        """How many connections to it ended."""
        self._space = OriginalSpace(SPACE, "", "Ours", self.files)
        self._trace = trace
        self._random = Random(f"{seed} original server")
        self._process: Process | None = None
        self._sessions: list[OriginalEnd] = []
        self._dying: list[asyncio.Task[None]] = []
        self._hides_until = 0.0
        self.put_back_at = -1000.0

    def start(self) -> None:
        """Starts a process on the files that are there."""
        self._trace.note(self.name, "starts")
        self._process = Process(self.name)
        self._hides_until = 0.0
        self._space = OriginalSpace(SPACE, "", "Ours", self.files)
        self._space.load()
        self._process.spawn(self._write_out())
        self.is_listening = True

    async def ensure_running(self) -> None:
        """Starts a process, if there is none."""
        if self._process is None:
            self.start()

    def crash(self) -> None:
        """Ends the process at once: what it has not written is lost."""
        process, self._process = self._process, None
        if process is None:
            return
        self._trace.fault(self.name, "original kill")
        self.is_listening = False
        for session in list(self._sessions):
            session.wire.cut()
        self._sessions.clear()
        self._dying.append(spawn_outside(process.kill()))

    def put_back(self) -> bool:
        """Puts its files back to how they once were; the first time it copies them only."""
        if self.copy is None:
            self.copy = dict(self.files.texts)
            return False
        self._trace.fault(self.name, "original put back")
        self.put_back_at = asyncio.get_running_loop().time()
        self.crash()
        self.files.texts = dict(self.copy)
        return True

    def hide(self, seconds: float) -> None:
        """Leaves what comes out of its memory for a while, as when it is written all the time."""
        self._trace.fault(self.name, "original hides")
        self._hides_until = asyncio.get_running_loop().time() + seconds

    async def buried(self) -> None:
        """Returns when nothing of dead processes runs any more."""
        await asyncio.gather(*self._dying)

    def written(self) -> set[Line]:
        """Returns what stands in its files."""
        return {line_of(tree, op) for tree, op in ops_in(self.files)}

    async def sign_in(self, email: str) -> SignedInThere:
        """Gives a token, as its page does."""
        return SignedInThere()

    def join(self, wire: Wire, token: object) -> ClientEnd:
        """Lets a client into its space. Raises SignInNeededError."""
        if token != TOKEN:
            wire.cut()
            raise SignInNeededError("the server does not accept the sign-in")
        session = OriginalEnd(self, wire)
        self._sessions.append(session)
        wire.at_the_door = wire.on_frame = None
        wire.carry(session)  # type: ignore[arg-type]
        session.tell("ready", {"spaceId": SPACE})
        return ClientEnd(wire)

    @asynccontextmanager
    async def request(self, path: str) -> AsyncIterator[Exchanged]:
        """Answers the few routes that a mirror asks for; the others are not there."""
        answers: dict[str, dict[str, Any]] = {
            "/auth/refresh": SignedInThere().to_json(),
            "/auth/me": {"id": "1", "email": "somebody"},
        }
        found = answers.get(path, {"ok": False, "error": "not found"})
        status = 200 if path in answers else 404
        yield Exchanged(status, {}, json.dumps(found).encode())

    def left(self, session: OriginalEnd) -> None:
        """Forgets a client that went."""
        self.ends += 1
        if session in self._sessions:
            self._sessions.remove(session)

    def take(self, session: OriginalEnd, name: str, payload: bytes) -> None:
        """Takes an event of a client; what it does not survive ends it."""
        if len(payload) > FRAME_BYTES_MAX - 100:
            self.bugs.append(f"a frame of {len(payload)} bytes")
            session.wire.cut()
            return
        try:
            self._take(session, name, wire_json.loads(payload.decode()))
        except (ProcessEndedError, TypeError, KeyError, AttributeError) as error:
            self.bugs.append(f"{name}: {error!r}")
            self.crash()

    def _take(self, session: OriginalEnd, name: str, payload: Any) -> None:
        if name == "ops:state":
            for event, answer in self._space.state(payload):
                session.tell(event, answer)
        elif name == "ops:send":
            if asyncio.get_running_loop().time() < self._hides_until:
                self._space.being_written.add(payload["treeId"])
            for op in payload["ops"]:
                if op.get("transient") is not True:
                    line = line_of(payload["treeId"], op)
                    self.times_written[line] = self.times_written.get(line, 0) + 1
            told = self._space.send(payload)
            for other in list(self._sessions):
                if other is not session:
                    other.tell("ops:receive", told)

    async def _write_out(self) -> None:
        while True:
            await asyncio.sleep(FLUSH_S)
            end = self._space.begin_writing()
            await asyncio.sleep(self._random.choice((0.0, 0.0, 0.01, 0.1)))
            end()


class SignedInThere:
    """What it gives to who signs in."""

    def to_json(self) -> dict[str, Any]:
        """Returns the tokens."""
        return {"access_token": TOKEN, "refresh_token": TOKEN, "expires_in": TOKEN_S}


class OriginalEnd:
    """Its end of one connection, in the place of a session of our server."""

    def __init__(self, server: SimOriginal, wire: Wire) -> None:
        self.wire = wire
        self._server = server
        self._is_gone = False

    def tell(self, name: str, payload: dict[str, Any]) -> None:
        """Says something; it keeps no count of what is not read."""
        if self.wire.is_open:
            self.wire.put_down(Frame(wire_json.dumps([name, payload])))

    def receive(self, name: str, payload: bytes, number: int | None) -> None:
        """Takes an event; it never acknowledges."""
        self._server.take(self, name, payload)

    async def room(self) -> None:
        """Never waits."""

    def end(self, reason: str) -> None:
        """Learns that the connection has ended."""
        if not self._is_gone:
            self._is_gone = True
            self._server.left(self)

    def leave(self) -> None:
        """Learns that the connection has ended."""
        self.end("left")
