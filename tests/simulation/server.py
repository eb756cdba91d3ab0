"""The server's machine: the real world of spaces and sessions, without sockets."""

from __future__ import annotations

import asyncio
from collections.abc import Coroutine
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

from sila_daemon.core.errors import NotFoundError, RemoteUnavailableError
from sila_daemon.server.accounts.session_info import Device, SignedIn
from sila_daemon.server.accounts.sessions import ACCESS_SECONDS
from sila_daemon.server.app import make_app
from sila_daemon.server.ports import Ports
from sila_daemon.server.world import World
from tests.simulation.disk import DiskView, MachineDisk
from tests.simulation.ports import START_UNIX_S, SimClock, SimRandomness
from tests.simulation.process import Process, spawn_outside
from tests.simulation.threads import databases_of, workers_of
from tests.simulation.vfs import SimVfs

if TYPE_CHECKING:
    from sila_daemon.server.sync.gate import Knock
    from tests.simulation.trace import Trace
    from tests.simulation.wire import ServerEnd, Wire

T = TypeVar("T")

DATA = Path("/data")
EMAIL = "owner@example.org"
TOKEN_DAYS = 3650
RIGHTS_CHECKED_S = 0.5


class SimServer:
    """One server; `start` after each end of its process."""

    def __init__(self, name: str, seed: str, trace: Trace) -> None:
        self.name = name
        self.url = f"http://{name}"
        self.clock = SimClock(trace.now)
        self.disk = MachineDisk(name, self.clock.monotonic)
        self.disk.view().make_dir(DATA)
        self.disk.root.sync()
        self.is_listening = False
        self.has_threads = False
        self.world: World
        self.app: Any = None
        self.access_s: int | None = None
        """How long access tokens are good; None as long as they really are."""
        self._seed = seed
        self._trace = trace
        self._vfs: list[SimVfs] = []
        self._starts = 0
        self._view: DiskView
        self._process: Process | None = None
        self._opening: asyncio.Task[None]
        self._joined: list[Wire] = []
        self._dying: list[asyncio.Task[None]] = []
        self._has_stopped = asyncio.Event()
        self._has_stopped.set()

    @property
    def process(self) -> Process | None:
        """The process, if there is one: what another one answers comes from the dead."""
        return self._process

    @property
    def is_running(self) -> bool:
        """Whether there is a process."""
        return self._process is not None

    async def start(self) -> None:
        """Starts a process; it listens once its data is open."""
        self._starts += 1
        self._process = Process(f"{self.name}.{self._starts}")
        self._trace.note(self.name, "starts")
        self._opening = self._process.spawn(self._open())
        await self._opened(self._opening)

    async def _opened(self, opening: asyncio.Task[None]) -> None:
        await asyncio.wait([opening])
        is_latest = opening is self._opening  # Several may have waited for it.
        if is_latest and not opening.cancelled() and opening.exception() is not None:
            # Its disk refused: it ends, and is started again some time.
            self._trace.note(self.name, f"cannot start: {opening.exception()}")
            self.crash(None)

    async def _open(self) -> None:
        random = Random(f"{self._seed}/{self.name}/{self._starts}")
        view = self._view = self.disk.view()
        vfs = SimVfs(view, random, self.clock.time)
        self._vfs.append(vfs)
        databases = databases_of(random, vfs.vfs_name, has_threads=self.has_threads)
        workers = workers_of(random, has_threads=self.has_threads)
        ports = Ports(self.clock, SimRandomness(random), view, databases, workers)
        self.world = await World.open(DATA, ports)
        self.app = make_app(self.world)
        self._limit_tokens()
        self.spawn(self.world.run())
        self.spawn(self._end_those_without_right())
        self.is_listening = True

    async def ensure_running(self) -> None:
        """Starts a process, if there is none. Returns once it listens.

        One that is being stopped still has its data: a lock keeps others out.
        """
        await self._has_stopped.wait()
        # Whoever started it may not wait for it any more.
        if self.is_running and not self._opening.done():
            await self._opened(self._opening)
        if not self.is_running:
            await self.start()

    async def found(self, space_id: str) -> str:
        """Makes an account and its empty space; returns a token."""

        async def work() -> str:
            user = await self.world.accounts.add_user(EMAIL, None)
            await self.world.create_space(user, "Ours", space_id)
            return await self.world.accounts.make_token(EMAIL, TOKEN_DAYS)

        return await self.spawn(work())

    def let_tokens_last(self, seconds: int | None) -> None:
        """Sets how long access tokens are good from now on."""
        self.access_s = seconds
        if self.is_listening:
            self._limit_tokens()

    def _limit_tokens(self) -> None:
        self.world.accounts.sessions.access_seconds = self.access_s or ACCESS_SECONDS

    async def invite(self, email: str, space_id: str, role: str) -> str:
        """Makes an account, a member of a space, and returns a token of it."""
        await self.set_role(email, space_id, role)
        return await self.asked(self.world.accounts.make_token(email, TOKEN_DAYS))

    async def set_role(self, email: str, space_id: str, role: str | None) -> None:
        """Makes somebody a member of a space, or no member. Raises RemoteUnavailableError."""

        async def work() -> None:
            accounts, directory = self.world.accounts, self.world.directory
            user = next((user for user in await accounts.users() if user.email == email), None)
            user = user or await accounts.add_user(email, None)
            if role is None:
                await directory.unshare(space_id, user.id)
            else:
                await directory.share(space_id, user.id, role)

        await self.asked(work())

    async def sign_in(self, email: str) -> SignedIn:
        """Begins a session as a right password does. Raises RemoteUnavailableError."""

        async def work() -> SignedIn:
            user = await self.world.accounts.user_by_email(email)
            return await self.world.accounts.sessions.begin(user, Device(name=email))

        return await self.asked(work())

    async def end_session(self, email: str, session: str) -> None:
        """Ends a session, if there is one. Raises RemoteUnavailableError."""

        async def work() -> None:
            user = await self.world.accounts.user_by_email(email)
            with suppress(NotFoundError):
                await self.world.accounts.sessions.end(user.id, session)

        await self.asked(work())

    async def commits(self, space_id: str) -> list[tuple[str, float]]:
        """Returns who sent each commit, by address, and when in virtual seconds."""
        query = "SELECT name, received_at FROM commits JOIN senders ON id = sender_id"

        async def work() -> list[tuple[str, float]]:
            emails = {user.id: user.email for user in await self.world.accounts.users()}
            async with self.world.spaces.use(space_id) as space:
                rows = await space.store.database.read(
                    lambda connection: connection.execute(query).fetchall()
                )
            return [
                (emails.get(str(sender).split("/")[0], ""), float(str(at)) / 1000 - START_UNIX_S)
                for sender, at in rows
            ]

        return await self.asked(work())

    async def asked(self, work: Coroutine[Any, Any, T]) -> T:
        """Has something done by the server's process. Raises RemoteUnavailableError."""
        if not self.is_listening:
            work.close()
            raise RemoteUnavailableError(f"{self.name} is down")
        process = self.process
        asking = self.spawn(work)
        await asyncio.wait([asking])
        if asking.cancelled() or process is not self.process:
            if not asking.cancelled():
                asking.exception()  # Nobody hears what a dead process found.
            raise RemoteUnavailableError(f"{self.name} died")
        return asking.result()

    def spawn(self, work: Coroutine[Any, Any, T]) -> asyncio.Task[T]:
        """Runs something in the server's process."""
        if self._process is None:
            work.close()  # The process died in the midst of its start; nobody will await it.
        assert self._process is not None
        return self._process.spawn(work)

    async def join(self, knock: Knock, end: ServerEnd, wire: Wire) -> None:
        """Admits a client as the gateway does. Raises RefusedError."""
        session = await self.world.connections.admit(knock, end)
        if not wire.is_open:
            session.leave()
            return
        if self._process is None:
            session.leave()
            raise RemoteUnavailableError(f"{self.name} is being stopped")
        self._joined.append(wire)
        self.spawn(session.run())
        wire.carry(session)

    async def stop(self) -> None:
        """Ends the process as SIGTERM does: connections first, then everything is finished."""
        process, self._process = self._process, None
        if process is None:
            return
        self._trace.note(self.name, "stops")
        self.is_listening = False
        self._cut_all()
        self._has_stopped.clear()
        try:
            await process.spawn(self.world.close())
            await process.kill()
        finally:
            self._has_stopped.set()

    def crash(self, random: Random | None) -> None:
        """Ends the process at once; with `random` the machine loses power."""
        process, self._process = self._process, None
        if process is None:
            return
        self._trace.fault(self.name, "server kill" if random is None else "server power cut")
        self.is_listening = False
        if random is None:
            self._view.part()
        else:
            self.disk.power_cut(random)
        self._cut_all()
        self._dying.append(spawn_outside(process.kill()))

    def vanish(self) -> None:
        """Ends the process at once, also one that is being stopped."""
        self.crash(None)
        self._view.part()

    async def buried(self) -> None:
        """Returns when nothing of dead processes runs any more."""
        await asyncio.gather(*self._dying)

    def _cut_all(self) -> None:
        for wire in self._joined:
            wire.cut()
        self._joined.clear()

    async def _end_those_without_right(self) -> None:
        """Does what the gateway does twice a second."""
        while True:
            await self.clock.sleep(RIGHTS_CHECKED_S)
            now = self.clock.time()
            for session in list(self.world.connections.living):
                problem = session.grant.problem(now)
                if problem is not None:
                    session.end(problem)
