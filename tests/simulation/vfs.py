"""SQLite's own files on a simulated disk: writes wait for xSync like everybody's.

A database is opened through the VFS of the program that opens it, so a dead program's connection
works on in the tree that nobody sees. Locks always succeed: each database has one connection,
and InlineDatabases opens it in exclusive mode, since a VFS in Python has no shared memory.
"""

from __future__ import annotations

import errno
import itertools
import operator
from collections.abc import Callable
from pathlib import Path
from random import Random
from typing import TYPE_CHECKING, Any

import apsw

from tests.simulation.inodes import File

if TYPE_CHECKING:
    from tests.simulation.disk import DiskView

_PREFIX = "simulated-"
_NAMES = itertools.count(1)
"""SQLite registers a VFS by name for the whole process."""

_SYNCED_WITH_NAME = (
    apsw.SQLITE_OPEN_MAIN_JOURNAL | apsw.SQLITE_OPEN_SUPER_JOURNAL | apsw.SQLITE_OPEN_WAL
)


class SimVfs(apsw.VFS):
    """One program's way to its machine's disk."""

    def __init__(self, view: DiskView, random: Random, now: Callable[[], float]) -> None:
        self.vfs_name = f"{_PREFIX}{next(_NAMES)}"
        self.view = view
        self._random = random
        self._now = now
        super().__init__(self.vfs_name, "", maxpathname=512)

    def xAccess(self, pathname: str, flags: int) -> bool:
        """Tells whether a file is there."""
        return self.view.find(Path(pathname)) is not None

    def xFullPathname(self, name: str) -> str:
        """Returns the name: all are absolute."""
        return name

    def xDelete(self, filename: str, syncdir: bool) -> None:
        """Removes a file."""
        path = Path(filename)
        if self.view.find(path) is None:
            raise apsw.IOError("no such file")
        try:
            self.view.unlink(path)
            if syncdir:
                self.view.sync_dir(path.parent)
        except OSError as error:
            raise _told(error, apsw.SQLITE_IOERR_DELETE) from error

    def xOpen(self, name: Any, flags: list[int]) -> Any:
        """Opens a file, made when it is not there."""
        path = Path(name if isinstance(name, str) else name.filename())
        found = self.view.find(path)
        is_new = found is None
        if is_new and not flags[0] & apsw.SQLITE_OPEN_CREATE:
            raise apsw.CantOpenError(f"{path} is not there")
        try:
            file = self.view.create(path).file if is_new else found
        except OSError as error:
            raise _told(error, apsw.SQLITE_CANTOPEN) from error
        assert isinstance(file, File)
        flags[1] = flags[0]
        may_be_new = bool(flags[0] & apsw.SQLITE_OPEN_CREATE and flags[0] & _SYNCED_WITH_NAME)
        return _SimVfsFile(self.view, path, file, may_be_new)

    def xRandomness(self, numbytes: int) -> bytes:
        """Returns bytes of the seed's."""
        return self._random.randbytes(numbytes)

    def xCurrentTimeInt64(self) -> int:
        """Returns virtual time as a Julian day in milliseconds."""
        return int((self._now() / 86400 + 2440587.5) * 86_400_000)

    def xCurrentTime(self) -> float:
        """Returns virtual time as a Julian day."""
        return self._now() / 86400 + 2440587.5

    def xSleep(self, microseconds: int) -> int:
        """Returns at once."""
        return microseconds

    def xGetLastError(self) -> tuple[int, str]:
        """Knows nothing more."""
        return 0, ""


def close_all() -> None:
    """Closes what dead programs left open, before their disks are gone."""
    for connection in apsw.connections():
        if connection.open_vfs.startswith(_PREFIX):
            leave_log(connection)
            connection.close(True)


def leave_log(connection: apsw.Connection) -> None:
    """Has the log stay as it is when a connection is closed whose files nobody looks at again."""
    connection.config(apsw.SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1)


class _SimVfsFile:
    """One open file of SQLite."""

    def __init__(self, view: DiskView, path: Path, file: File, syncs_name: bool) -> None:
        self._view = view
        self._path = path
        self.file = file
        view.opened(self)
        self._syncs_name = syncs_name

    def xRead(self, amount: int, offset: int) -> bytes:
        try:
            self._view.look("read", self._path)
        except OSError as error:
            raise _told(error, apsw.SQLITE_IOERR_READ) from error
        return self.file.read(offset, amount)

    def xWrite(self, data: bytes, offset: int) -> None:
        try:
            self._view.step("write", self._path, is_guarded=False)
        except OSError as error:
            raise _told(error, apsw.SQLITE_IOERR_WRITE) from error
        self.file.write(offset, data)

    def xTruncate(self, newsize: int) -> None:
        try:
            self._view.step("truncate", self._path, is_guarded=False)
        except OSError as error:
            raise _told(error, apsw.SQLITE_IOERR_TRUNCATE) from error
        self.file.truncate(newsize)

    def xSync(self, flags: int) -> None:
        try:
            self._view.sync_file(self._path, self.file)
            if self._syncs_name:
                # As SQLite does on Unix: with the first sync of a journal that it may have made,
                # and not only of one that it has made, the name is synced.
                self._view.sync_dir(self._path.parent)
                self._syncs_name = False
        except OSError as error:
            raise _told(error, apsw.SQLITE_IOERR_FSYNC) from error

    def xFileSize(self) -> int:
        return len(self.file.data)

    def xLock(self, level: int) -> None:
        pass

    def xUnlock(self, level: int) -> None:
        pass

    def xCheckReservedLock(self) -> bool:
        return False

    # False, said by what is no Python function: SQLite asks several times in every transaction,
    # with a code and a pointer, which are never the same.
    xFileControl = staticmethod(operator.is_)

    def xSectorSize(self) -> int:
        return 4096

    def xDeviceCharacteristics(self) -> int:
        # As SQLite says of disks on Unix: a torn write leaves the bytes beside it alone.
        return apsw.SQLITE_IOCAP_POWERSAFE_OVERWRITE

    def xClose(self) -> None:
        self._view.closed(self)


def _told(error: OSError, code: int) -> apsw.Error:
    """Returns the disk's error as SQLite says it."""
    if error.errno in (errno.ENOSPC, errno.EDQUOT):
        return apsw.FullError(str(error))
    failure = apsw.IOError(str(error))
    setattr(failure, "extendedresult", code)  # noqa: B010 - read by apsw.
    return failure
