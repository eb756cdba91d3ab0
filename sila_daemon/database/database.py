"""A database as a port: whole units of work are shipped to the thread that owns its connection.

One connection for each file, always used by the same thread: SQLite's own locks are then never
contended, and no two connections ever write or checkpoint one write-ahead log at once.
"""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path
from typing import Protocol, TypeVar

import apsw

from sila_daemon.core.errors import StorageError, StorageFullError
from sila_daemon.database.schema import Schema, migrate
from sila_daemon.database.transaction import in_transaction
from sila_daemon.database.work_thread import WorkThread

T = TypeVar("T")
Work = Callable[[apsw.Connection], T]

DAMAGED = "database_corrupt"
"""The code of the error that tells of a damaged file."""

WAL_BYTES_MAX = 64 << 20

STATEMENTS_KEPT_MAX = 512
"""apsw forgets a prepared statement that was not among the last so many that ran."""

FREED_PAGES_MAX = 500
"""Pages given back at once: two megabytes."""

CACHES_BYTES_MAX = 64 << 20
"""Of all databases of the process together; beyond it, each makes do with what it has."""

THREADS = 8
"""Threads mostly wait for the disk, and syncs of several files go on at once."""


class Database(Protocol):
    """One database file."""

    async def read(self, work: Work[T]) -> T:
        """Runs `work` on the connection, outside a transaction. Raises StorageError."""
        ...

    async def write(self, work: Work[T]) -> T:
        """Runs `work` in one transaction; returns once it is durable. Raises StorageError.

        When `work` raises, nothing of it is kept.
        """
        ...

    async def tidy(self) -> None:
        """Empties the log and gives back free space; for moments when nothing else is to be done.

        Takes some milliseconds; a file with much free space needs several calls. Raises
        StorageError.
        """
        ...

    async def close(self) -> None:
        """Closes the connection; later calls are refused."""
        ...


class Databases(Protocol):
    """Opens database files."""

    async def open(self, path: Path, schema: Schema) -> Database:
        """Opens or creates the file and brings it to the newest version.

        Raises StorageError, UnsupportedVersionError. A file must not be open twice.
        """
        ...

    async def open_damaged(self, path: Path) -> Database:
        """Opens a file as it is, for reading what it still gives. Raises StorageError."""
        ...


class ThreadDatabases:
    """Databases on `thread_count` threads; each database is pinned to one of them."""

    def __init__(
        self, thread_count: int = THREADS, name: str = "database", cache_bytes: int | None = None
    ) -> None:
        """`cache_bytes` is what one database may keep of its file; two megabytes by default."""
        self._cache_bytes = cache_bytes
        if cache_bytes is not None:
            apsw.soft_heap_limit(CACHES_BYTES_MAX)
        self._threads = [WorkThread(f"{name}-{index}") for index in range(thread_count)]
        self._opened = 0

    async def open(self, path: Path, schema: Schema) -> Database:
        """Opens a file on the next thread in turn."""
        thread = self._threads[self._opened % len(self._threads)]
        self._opened += 1
        connection = await thread.run(
            lambda: _open(path, schema, None, self._cache_bytes), may_be_dropped=True
        )
        return _ThreadDatabase(connection, thread)

    async def open_damaged(self, path: Path) -> Database:
        """Opens a damaged file on the first thread."""
        thread = self._threads[0]
        connection = await thread.run(lambda: _open_damaged(path, None), may_be_dropped=True)
        return _ThreadDatabase(connection, thread)

    def close(self) -> None:
        """Ends the threads; every database must be closed before."""
        for thread in self._threads:
            thread.close()


class InlineDatabases:
    """Databases on the calling thread, for simulations, tools and tests.

    `vfs` names a registered SQLite VFS, such as one on a simulated disk.
    """

    def __init__(self, vfs: str | None = None) -> None:
        self._vfs = vfs

    async def open(self, path: Path, schema: Schema) -> Database:
        """Opens a file at once."""
        return _InlineDatabase(_open(path, schema, self._vfs))

    async def open_damaged(self, path: Path) -> Database:
        """Opens a damaged file at once."""
        return _InlineDatabase(_open_damaged(path, self._vfs))


class _InlineDatabase:
    def __init__(self, connection: apsw.Connection) -> None:
        self._connection = connection

    async def read(self, work: Work[T]) -> T:
        await asyncio.sleep(0)
        return _read(self._connection, work)

    async def write(self, work: Work[T]) -> T:
        await asyncio.sleep(0)
        return _write(self._connection, work)

    async def tidy(self) -> None:
        await self.read(_tidy)

    async def close(self) -> None:
        # SQLite passes over what fails as it tidies up; a VFS written in Python has it raised.
        with suppress(apsw.IOError, apsw.FullError):
            self._connection.close()


class _ThreadDatabase:
    def __init__(self, connection: apsw.Connection, thread: WorkThread) -> None:
        self._connection = connection
        self._thread = thread

    async def read(self, work: Work[T]) -> T:
        return await self._thread.run(lambda: _read(self._connection, work), may_be_dropped=True)

    async def write(self, work: Work[T]) -> T:
        # Never dropped: a caller that is cancelled must not be told "not done" about a unit of
        # work that the thread commits all the same; it learns the truth when it looks again.
        return await self._thread.run(lambda: _write(self._connection, work))

    async def tidy(self) -> None:
        await self.read(_tidy)

    async def close(self) -> None:
        await self._thread.run(self._connection.close)


def _open(
    path: Path, schema: Schema, vfs: str | None, cache_bytes: int | None = None
) -> apsw.Connection:
    try:
        connection = apsw.Connection(str(path), vfs=vfs, statementcachesize=STATEMENTS_KEPT_MAX)
        try:
            connection.set_busy_timeout(5000)
            # Or SQLite plans a kept statement anew whenever some number bound to it changes.
            connection.config(apsw.SQLITE_DBCONFIG_ENABLE_QPSG, 1)
            if vfs is not None:
                # A VFS that is not the system's has no memory to share an index of the log in.
                connection.pragma("locking_mode", "exclusive")
            if connection.pragma("page_count") == 0:
                connection.pragma("auto_vacuum", 2)  # Incremental: given back when idle.
            connection.pragma("journal_mode", "wal")
            connection.pragma("synchronous", 2)  # FULL: what is committed survives a power cut.
            connection.pragma("foreign_keys", 1)
            if cache_bytes is not None:
                connection.pragma("cache_size", -(cache_bytes >> 10))
            connection.pragma("journal_size_limit", WAL_BYTES_MAX)
            _empty_log(connection)
            migrate(connection, schema)
        except BaseException:
            connection.close()
            raise
    except apsw.Error as error:
        _raise_converted(error, path)
        raise
    return connection


def _open_damaged(path: Path, vfs: str | None) -> apsw.Connection:
    try:
        connection = apsw.Connection(str(path), flags=apsw.SQLITE_OPEN_READWRITE, vfs=vfs)
        # It stays as it is: its log is read, and moved into nothing.
        connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)
        connection.set_busy_timeout(5000)
        if vfs is not None:
            connection.pragma("locking_mode", "exclusive")
    except apsw.NotADBError:
        return connection  # Whoever reads learns it.
    except apsw.Error as error:
        _raise_converted(error, path)
        raise
    return connection


def _empty_log(connection: apsw.Connection) -> None:
    """Moves into the database what a process left in the log that died.

    Its last sync may have failed, and systems then go on showing what will never be on the disk: a
    log that is continued behind such a place ends there after a power cut, whatever was committed.
    """
    # A full disk is no reason to open nothing, and another process sees to its own log.
    with suppress(apsw.FullError, apsw.BusyError):
        frames, _ = connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_PASSIVE)
        if frames > 0:
            connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)
            # Only a commit makes it durable that the log has begun anew.
            connection.pragma("user_version", connection.pragma("user_version"))


def _tidy(connection: apsw.Connection) -> None:
    # The planner's figures are renewed where they are far off, from a sample.
    connection.pragma("analysis_limit", 400)
    connection.execute("PRAGMA optimize")
    if connection.pragma("freelist_count"):
        connection.execute(f"PRAGMA incremental_vacuum({FREED_PAGES_MAX})").fetchall()
    connection.wal_checkpoint(mode=apsw.SQLITE_CHECKPOINT_TRUNCATE)


def _read(connection: apsw.Connection, work: Work[T]) -> T:
    try:
        return work(connection)
    except (apsw.Error, UnicodeDecodeError) as error:
        _raise_converted(error, connection.filename)
        raise


def _write(connection: apsw.Connection, work: Work[T]) -> T:
    try:
        return in_transaction(connection, work)
    except (apsw.Error, UnicodeDecodeError) as error:
        _raise_converted(error, connection.filename)
        raise


def _raise_converted(error: apsw.Error | UnicodeDecodeError, path: Path | str) -> None:
    """Raises what an error of SQLite's means to us; nothing when it is a mistake of ours."""
    if isinstance(error, apsw.FullError):
        raise StorageFullError(f"no space left for {path}", hint="free some space") from error
    # SQLite gives text as it stands in the file: we write none that is not UTF-8.
    if isinstance(error, apsw.CorruptError | apsw.NotADBError | UnicodeDecodeError):
        raise StorageError(f"{path} is damaged: {error}", code=DAMAGED) from error
    if isinstance(error, apsw.BusyError | apsw.LockedError):
        raise StorageError(f"{path} is used by another process", code="database_busy") from error
    if isinstance(
        error, apsw.IOError | apsw.CantOpenError | apsw.ReadOnlyError | apsw.PermissionsError
    ):
        raise StorageError(f"{path} cannot be used: {error}", code="database_io") from error
