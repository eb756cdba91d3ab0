"""Worker and database threads without threads: what they do comes later, and others act meanwhile.

A call waits for its turn, runs at one moment, and its caller learns of it later still; the seed
draws how long each takes. As with real threads, what has begun cannot be called back: a caller
that is cancelled meanwhile is gone, and the work is done all the same. What has not begun by then
is dropped, except writes to a database.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any, TypeVar

import apsw

from sila_daemon.database import database
from sila_daemon.ports.workers import InlineWorkers
from tests.simulation.schemas import NewestSchemas

if TYPE_CHECKING:
    from sila_daemon.database.database import Database, Databases, Work
    from sila_daemon.database.schema import Schema
    from sila_daemon.ports.workers import Workers

T = TypeVar("T")

SLOW = 0.2
"""How likely a step takes virtual time; else it takes a turn of the loop."""
SLOW_S_MAX = 0.02


class _Thread:
    """Runs one function after the other, each at some later step of the loop."""

    def __init__(self, random: Random) -> None:
        self._random = random
        self._loop = asyncio.get_running_loop()
        self._queue: deque[tuple[Callable[[], object], asyncio.Future[Any], bool]] = deque()
        self._is_busy = False

    def submit(
        self, function: Callable[[], T], *, may_be_dropped: bool = True
    ) -> asyncio.Future[T]:
        """Queues a function. One whose future is cancelled before it begins may be dropped."""
        done: asyncio.Future[T] = self._loop.create_future()
        self._queue.append((function, done, may_be_dropped))
        if not self._is_busy:
            self._is_busy = True
            self._later(self._next)
        return done

    def _next(self) -> None:
        function, done, may_be_dropped = self._queue.popleft()
        if not (may_be_dropped and done.cancelled()):
            try:
                result = function()
            except Exception as error:  # Whatever it raises is its caller's.
                self._later(_tell, done, done.set_exception, error)
            else:
                self._later(_tell, done, done.set_result, result)
        self._is_busy = bool(self._queue)
        if self._is_busy:
            self._later(self._next)

    def _later(self, act: Callable[..., object], *given: Any) -> None:
        if self._random.random() < SLOW:
            self._loop.call_later(SLOW_S_MAX * self._random.random(), act, *given)
        else:
            self._loop.call_soon(act, *given)


def _tell(done: asyncio.Future[Any], tell: Callable[[Any], None], outcome: object) -> None:
    if not done.done():
        tell(outcome)


class SimWorkers:
    """The port Workers: a thread for each call, so that they overtake each other."""

    def __init__(self, random: Random) -> None:
        self._random = random

    async def run(self, function: Callable[[], T]) -> T:
        """Returns what the function returned some steps ago."""
        return await _Thread(self._random).submit(function)


class SimDatabases:
    """The port Databases: each database has a thread of its own."""

    def __init__(self, random: Random, vfs: str) -> None:
        self._random = random
        self._vfs = vfs

    async def open(self, path: Path, schema: Schema) -> Database:
        """Opens a file."""
        thread = _Thread(self._random)
        connection = await thread.submit(lambda: database._open(path, schema, self._vfs))
        return _SimDatabase(connection, thread)

    async def open_damaged(self, path: Path) -> Database:
        """Opens a damaged file."""
        thread = _Thread(self._random)
        connection = await thread.submit(lambda: database._open_damaged(path, self._vfs))
        return _SimDatabase(connection, thread)


class _SimDatabase:
    def __init__(self, connection: apsw.Connection, thread: _Thread) -> None:
        self._connection = connection
        self._thread = thread

    async def read(self, work: Work[T]) -> T:
        return await self._thread.submit(lambda: database._read(self._connection, work))

    async def write(self, work: Work[T]) -> T:
        # As with the real one, what was asked to be written is written.
        return await self._thread.submit(
            lambda: database._write(self._connection, work), may_be_dropped=False
        )

    async def tidy(self) -> None:
        await self.read(database._tidy)

    async def close(self) -> None:
        await self._thread.submit(self._close)

    def _close(self) -> None:
        # SQLite passes over what fails as it tidies up; a VFS written in Python has it raised.
        with suppress(apsw.IOError, apsw.FullError):
            self._connection.close()


def workers_of(random: Random, *, has_threads: bool) -> Workers:
    """Returns one program's port Workers."""
    return SimWorkers(random) if has_threads else InlineWorkers()


def databases_of(random: Random, vfs: str, *, has_threads: bool) -> Databases:
    """Returns one program's port Databases, on a registered VFS."""
    return NewestSchemas(
        SimDatabases(random, vfs) if has_threads else database.InlineDatabases(vfs)
    )
