"""The disk, as something that is passed in: few, small, blocking operations.

The operations are those whose crash behaviour differs, so that a simulated disk can lose, tear
or reorder what was not synced. Nothing follows symbolic links or blocks on FIFOs: an entry that
is neither a regular file nor a directory is told by `stat` and refused by `open_read`.
Every operation raises OSError as the operating system does; callers convert it at their boundary.
"""

from __future__ import annotations

import errno
import os
import stat as stat_module
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from enum import Enum
from pathlib import Path
from types import TracebackType
from typing import NamedTuple, Protocol, Self

if sys.platform == "darwin":
    import fcntl

_CHUNK_BYTES = 1 << 20
_TROUBLE = {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE}


class EntryKind(Enum):
    """What a directory entry is, links not followed."""

    FILE = "file"
    DIRECTORY = "directory"
    OTHER = "other"
    """A symbolic link, FIFO, socket or device: never opened."""


class FileStat(NamedTuple):
    """The facts that tell one state of a file from another."""

    kind: EntryKind
    size: int
    inode: int
    device: int
    modified_ns: int


class DirEntry(NamedTuple):
    """One name in a directory."""

    name: str
    kind: EntryKind


class ReadableFile(Protocol):
    """An open regular file."""

    def read_at(self, offset: int, size: int) -> bytes:
        """Returns up to `size` bytes; fewer only at the end of the file."""
        ...

    def stat(self) -> FileStat:
        """Returns the facts of the open file, whatever its name means by now."""
        ...

    def sync(self) -> None:
        """Returns when what was read, whoever wrote it, would outlast a crash of the system.

        After an error, nobody knows.
        """
        ...

    def close(self) -> None:
        """Releases the handle."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class WritableFile(Protocol):
    """An open file that takes bytes at its end."""

    def write(self, data: bytes) -> None:
        """Appends all of `data`, or raises with an unknown part of it written."""
        ...

    def sync(self) -> None:
        """Returns when everything written is on stable storage. After an error, unknown."""
        ...

    def size(self) -> int:
        """Returns the file's size in bytes."""
        ...

    def close(self) -> None:
        """Releases the handle; makes nothing durable."""
        ...

    def __enter__(self) -> Self: ...

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None: ...


class Disk(Protocol):
    """A file system."""

    def stat(self, path: Path) -> FileStat | None:
        """Returns the facts of `path`, links not followed; None when it is not there."""
        ...

    def list_dir(self, path: Path) -> list[DirEntry]:
        """Returns the entries of a directory, by name."""
        ...

    def open_read(self, path: Path) -> ReadableFile:
        """Opens a regular file; OSError (ELOOP, EINVAL) for anything else."""
        ...

    def open_append(self, path: Path) -> WritableFile:
        """Opens an existing regular file to write at its end."""
        ...

    def create(self, path: Path) -> WritableFile:
        """Creates a new file with mode 0600; FileExistsError when the name is taken."""
        ...

    def make_dir(self, path: Path) -> None:
        """Creates one directory with mode 0700; no error when it is there already."""
        ...

    def rename(self, source: Path, target: Path) -> None:
        """Moves a file over another name atomically."""
        ...

    def unlink(self, path: Path) -> None:
        """Removes a file; no error when it is gone already."""
        ...

    def remove_dir(self, path: Path) -> None:
        """Removes an empty directory; no error when it is gone already."""
        ...

    def sync_dir(self, path: Path) -> None:
        """Returns when the names in a directory are on stable storage."""
        ...


def make_dirs(disk: Disk, path: Path) -> None:
    """Creates `path` and its missing parents, each made durable in its own parent."""
    missing = []
    while disk.stat(path) is None:
        missing.append(path)
        path = path.parent
    _sync_found(disk, path.parent)
    for directory in reversed(missing):
        disk.make_dir(directory)
        disk.sync_dir(directory.parent)


def _sync_found(disk: Disk, path: Path) -> None:
    """Makes durable what a process may have made just before it was killed.

    It may also stand in a directory that we may not open or sync, and then it is not ours.
    """
    try:
        disk.sync_dir(path)
    except OSError as error:
        if error.errno in _TROUBLE:
            raise


def read_file(disk: Disk, path: Path, size_max: int) -> bytes:
    """Returns a whole small file. Raises OSError (EFBIG) when it is larger than `size_max`."""
    with disk.open_read(path) as file:
        data = file.read_at(0, size_max + 1)
    if len(data) > size_max:
        raise OSError(errno.EFBIG, "file too large", str(path))
    return data


def remove_tree(disk: Disk, path: Path) -> None:
    """Removes a directory and all that is in it; links are removed and never followed.

    Whatever was removed when it breaks off is gone; doing it again goes on from there.
    """
    if disk.stat(path) is None:
        return
    for entry in disk.list_dir(path):
        if entry.kind is EntryKind.DIRECTORY:
            remove_tree(disk, path / entry.name)
        else:
            disk.unlink(path / entry.name)
    disk.remove_dir(path)


class _Descriptor:
    """What reading and writing handles of the real disk share."""

    def __init__(self, descriptor: int) -> None:
        self._descriptor = descriptor
        self._lock = threading.Lock()
        self._users = 0
        self._is_closed = False

    @contextmanager
    def _in_use(self) -> Iterator[int]:
        """Keeps the descriptor open: its number would stand for another file's at once."""
        with self._lock:
            if self._is_closed:
                raise OSError(errno.EBADF, os.strerror(errno.EBADF))
            self._users += 1
        try:
            yield self._descriptor
        finally:
            with self._lock:
                self._users -= 1
                if self._is_free():
                    os.close(self._descriptor)

    def stat(self) -> FileStat:
        """Returns the facts of the open file."""
        with self._in_use() as descriptor:
            return _facts(os.fstat(descriptor))

    def size(self) -> int:
        """Returns the file's size in bytes."""
        with self._in_use() as descriptor:
            return os.fstat(descriptor).st_size

    def read_at(self, offset: int, size: int) -> bytes:
        """Reads at a position without moving one."""
        parts = []
        with self._in_use() as descriptor:
            os.lseek(descriptor, offset, os.SEEK_SET)
            while size > 0:
                part = os.read(descriptor, min(size, _CHUNK_BYTES))
                if not part:
                    break
                parts.append(part)
                size -= len(part)
        return b"".join(parts)

    def write(self, data: bytes) -> None:
        """Appends everything, through as many system calls as it takes."""
        view = memoryview(data)
        with self._in_use() as descriptor:
            while view:
                view = view[os.write(descriptor, view) :]

    def sync(self) -> None:
        """Asks for stable storage; on macOS also past the drive's cache."""
        with self._in_use() as descriptor:
            if sys.platform == "darwin":
                fcntl.fcntl(descriptor, fcntl.F_FULLFSYNC)
            else:
                os.fsync(descriptor)

    def close(self) -> None:
        """Closes the descriptor, once what still runs on another thread is done with it."""
        with self._lock:
            is_last = not self._is_closed and not self._users
            self._is_closed = True
        if is_last:
            os.close(self._descriptor)

    def _is_free(self) -> bool:
        return self._is_closed and not self._users

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self,
        kind: type[BaseException] | None,
        error: BaseException | None,
        traceback: TracebackType | None,
    ) -> None:
        self.close()


class _ReadDescriptor(_Descriptor):
    """A handle to read."""

    def sync(self) -> None:
        """Hands what others wrote to the drive, where the platform lets a reader do so.

        The drive's own cache is not waited for: a first scan asks this of thousands of files.
        """
        if os.name == "posix":
            with self._in_use() as descriptor:
                os.fsync(descriptor)


class SystemDisk:
    """The machine's file systems."""

    def stat(self, path: Path) -> FileStat | None:
        """Asks lstat."""
        try:
            return _facts(os.lstat(path))
        except (FileNotFoundError, NotADirectoryError):
            return None

    def list_dir(self, path: Path) -> list[DirEntry]:
        """Lists without opening anything."""
        entries = []
        with os.scandir(path) as found:
            for entry in found:
                if entry.is_symlink():
                    kind = EntryKind.OTHER
                elif entry.is_dir(follow_symlinks=False):
                    kind = EntryKind.DIRECTORY
                elif entry.is_file(follow_symlinks=False):
                    kind = EntryKind.FILE
                else:
                    kind = EntryKind.OTHER
                entries.append(DirEntry(entry.name, kind))
        return sorted(entries, key=lambda entry: entry.name)

    def open_read(self, path: Path) -> _ReadDescriptor:
        """Opens without following links and without waiting for a FIFO's writer."""
        return _ReadDescriptor(self._open(path, os.O_RDONLY | _NON_BLOCKING))

    def open_append(self, path: Path) -> _Descriptor:
        """Opens for writing at the end."""
        return _Descriptor(self._open(path, os.O_RDWR | os.O_APPEND | _NON_BLOCKING))

    def create(self, path: Path) -> _Descriptor:
        """Creates exclusively."""
        return _Descriptor(self._open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL))

    def make_dir(self, path: Path) -> None:
        """Creates one directory."""
        try:
            os.mkdir(path, 0o700)
        except FileExistsError:
            if not stat_module.S_ISDIR(os.lstat(path).st_mode):
                raise

    def rename(self, source: Path, target: Path) -> None:
        """Replaces atomically, on every platform."""
        os.replace(source, target)

    def unlink(self, path: Path) -> None:
        """Removes one name."""
        path.unlink(missing_ok=True)

    def remove_dir(self, path: Path) -> None:
        """Removes the directory."""
        try:
            os.rmdir(path)
        except FileNotFoundError:
            pass

    def sync_dir(self, path: Path) -> None:
        """Syncs the directory where the platform can."""
        if os.name != "posix":
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        finally:
            os.close(descriptor)

    def _open(self, path: Path, flags: int) -> int:
        binary: int = getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags | _NO_FOLLOW | _CLOSE_ON_EXEC | binary, 0o600)
        if not stat_module.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return descriptor


_NON_BLOCKING: int = getattr(os, "O_NONBLOCK", 0)
_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_CLOSE_ON_EXEC: int = getattr(os, "O_CLOEXEC", 0)


def _facts(found: os.stat_result) -> FileStat:
    if stat_module.S_ISREG(found.st_mode):
        kind = EntryKind.FILE
    elif stat_module.S_ISDIR(found.st_mode):
        kind = EntryKind.DIRECTORY
    else:
        kind = EntryKind.OTHER
    return FileStat(kind, found.st_size, found.st_ino, found.st_dev, found.st_mtime_ns)
