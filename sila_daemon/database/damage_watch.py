"""Databases that tell when one of them turns out to be damaged, whoever came upon it."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING, TypeVar

import apsw

from sila_daemon.core.errors import StorageError
from sila_daemon.database.database import DAMAGED

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.database.database import Database, Databases, Work
    from sila_daemon.database.schema import Schema

T = TypeVar("T")


class DamageWatch:
    """The port Databases, over another one, for one file."""

    def __init__(self, databases: Databases) -> None:
        self._databases = databases
        self._is_damaged = asyncio.Event()
        self._error: StorageError | None = None

    async def damage(self) -> StorageError:
        """Returns the error that told of damage, once there is one."""
        await self._is_damaged.wait()
        assert self._error is not None
        return self._error

    async def open(self, path: Path, schema: Schema) -> Database:
        """Opens a file that is watched from now on."""
        try:
            return _WatchedDatabase(await self._databases.open(path, schema), self)
        except StorageError as error:
            self.notice(error)
            raise

    async def open_damaged(self, path: Path) -> Database:
        """Opens a file that is known to be damaged."""
        return await self._databases.open_damaged(path)

    def notice(self, error: StorageError) -> None:
        """Takes note of an error if it tells of damage."""
        if error.code == DAMAGED:
            self._error = self._error or error
            self._is_damaged.set()


class _WatchedDatabase:
    def __init__(self, database: Database, watch: DamageWatch) -> None:
        self._database = database
        self._watch = watch

    async def read(self, work: Work[T]) -> T:
        try:
            return await self._database.read(work)
        except StorageError as error:
            self._watch.notice(error)
            raise

    async def write(self, work: Work[T]) -> T:
        try:
            return await self._database.write(work)
        except StorageError as error:
            self._watch.notice(error)
            raise

    async def tidy(self) -> None:
        try:
            await self._database.tidy()
        except StorageError as error:
            self._watch.notice(error)
            raise

    async def close(self) -> None:
        with suppress(apsw.CorruptError, apsw.NotADBError):  # It tidies up as it goes.
            await self._database.close()
