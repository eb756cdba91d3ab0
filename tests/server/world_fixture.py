"""A server in this process: a world in memory-sized form, and the same behind a real socket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.core.wire import encode_ops
from sila_daemon.database.database import InlineDatabases
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.ports.workers import InlineWorkers
from sila_daemon.server.app import make_app
from sila_daemon.server.ports import Ports, system_ports
from sila_daemon.server.serving import Listening, http_config, listen, url_of
from sila_daemon.server.world import World

if TYPE_CHECKING:
    from sila_daemon.server.accounts.platform import User
    from sila_daemon.server.app import ServerApp
    from sila_daemon.server.settings import ServerSettings
    from sila_daemon.server.spaces.frames import Frame

SPACE = "a" * 32
TREE = "b" * 32
PEER = "c" * 32
OTHER_PEER = "d" * 32


class SteppedClock(SystemClock):
    """The machine's clock, moved ahead by hand."""

    def __init__(self) -> None:
        self.ahead = 0.0

    def time(self) -> float:
        """Wall time, moved."""
        return super().time() + self.ahead

    def monotonic(self) -> float:
        """Monotonic time, moved."""
        return super().monotonic() + self.ahead


def inline_ports(clock: SystemClock | None = None) -> Ports:
    """Ports without threads."""
    return Ports(
        clock or SteppedClock(),
        SystemRandomness(),
        SystemDisk(),
        InlineDatabases(),
        InlineWorkers(),
    )


@asynccontextmanager
async def open_world(
    data: Path, ports: Ports | None = None, settings: ServerSettings | None = None
) -> AsyncIterator[World]:
    """A world on a real folder."""
    world = await World.open(data, ports or inline_ports(), settings)
    try:
        yield world
    finally:
        await world.close()


class Server:
    """A server behind a real socket, with a user who owns one space."""

    def __init__(self, world: World, url: str, clock: SteppedClock) -> None:
        self.world = world
        self.url = url
        self.clock = clock
        self.app: ServerApp
        self.user: User
        self.token = ""

    async def another_user(self, email: str, days: int = 7) -> tuple[User, str]:
        """Adds a user; also returns a token of theirs."""
        user = await self.world.accounts.add_user(email, None)
        return user, await self.world.accounts.make_token(email, days)


@asynccontextmanager
async def running_server(
    data: Path, allowed_origins: Sequence[str] = (), *, settings: ServerSettings | None = None
) -> AsyncIterator[Server]:
    """Serves a fresh data folder on a free port."""
    clock = SteppedClock()
    with system_ports() as real:
        ports = Ports(clock, real.randomness, real.disk, real.databases, real.workers)
        async with open_world(data, ports, settings) as world:
            listener = listen("127.0.0.1", 0)
            app = make_app(world, allowed_origins)
            config = http_config(app, world.settings)
            config.timeout_graceful_shutdown = 2
            started = asyncio.Event()
            serving = Listening(config, started.set)
            task = asyncio.create_task(serving.serve(sockets=[listener]))
            await started.wait()
            server = Server(world, url_of(listener), clock)
            server.app = app
            server.user, server.token = await server.another_user("owner@example.org")
            await world.create_space(server.user, "Space", SPACE)
            try:
                yield server
            finally:
                app.gateway.begin_stop()
                serving.should_exit = True
                await task
                listener.close()


async def eventually(condition: Callable[[], Any], what: str = "", seconds: float = 10.0) -> None:
    """Returns once `condition` holds."""
    async with asyncio.timeout(seconds):
        while not condition():  # noqa: ASYNC110
            await asyncio.sleep(0.005)


class MemoryPeer:
    """A connection whose other end is a list; it can stop reading."""

    def __init__(self) -> None:
        self.frames: list[Frame] = []
        self.closed: str | None = None
        self.reading = asyncio.Event()
        self.reading.set()

    async def send(self, frame: Frame) -> None:
        """Takes a frame while the reader reads."""
        await self.reading.wait()
        if self.closed is not None:
            raise ConnectionError("closed")
        self.frames.append(frame)

    def send_now(self, frame: Frame) -> bool:
        """Takes a frame if the reader reads."""
        if self.closed is not None:
            raise ConnectionError("closed")
        if not self.reading.is_set():
            return False
        self.frames.append(frame)
        return True

    async def close(self, reason: str) -> None:
        """Remembers why."""
        self.closed = reason


def moves(first: int, last: int, peer: str = PEER) -> list[Op]:
    """Makes moves with these counters."""
    return [MoveOp(counter, peer, f"v{counter}", None) for counter in range(first, last + 1)]


def prop(counter: int, value: bytes | None, peer: str = PEER, *, transient: bool = False) -> Op:
    """Makes a property op."""
    return PropertyOp(counter, peer, "v1", "key", value, transient)


def sending(ops: list[Op], tree_id: str = TREE) -> bytes:
    """Renders the payload of `ops:send`."""
    return b'{"treeId":"%b","ops":%b}' % (tree_id.encode(), encode_ops(ops))
