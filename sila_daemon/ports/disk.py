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
from pathlib import Path
from types import TracebackType
from typing import Protocol, Self

from sila_daemon.ports.descriptors import Descriptor, ReadDescriptor
from sila_daemon.ports.file_facts import DirEntry, EntryKind, FileStat, facts_of

__all__ = (
    "DirEntry",
    "Disk",
    "EntryKind",
    "FileStat",
    "ReadableFile",
    "SystemDisk",
    "WritableFile",
    "make_dirs",
    "read_file",
    "remove_tree",
)

_TROUBLE = {errno.EIO, errno.ENOSPC, errno.EDQUOT, errno.EMFILE, errno.ENFILE}


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

    def list_stats(self, path: Path) -> list[tuple[str, FileStat]]:
        """Returns the facts of each entry of a directory, by name."""
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


def _stats_in(directory: Path | int) -> list[tuple[str, FileStat]]:
    stats = []
    with os.scandir(directory) as found:
        for entry in found:
            try:
                stats.append((str(entry.name), facts_of(entry.stat(follow_symlinks=False))))
            except FileNotFoundError:
                continue
    return sorted(stats)


class SystemDisk:
    """The machine's file systems."""

    def stat(self, path: Path) -> FileStat | None:
        """Asks lstat."""
        try:
            return facts_of(os.lstat(path))
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

    def list_stats(self, path: Path) -> list[tuple[str, FileStat]]:
        """Asks lstat of each; what is gone by then is left out."""
        if os.scandir not in os.supports_fd:
            return _stats_in(path)
        # From the directory on, no entry's path is walked from the root.
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            return _stats_in(descriptor)
        finally:
            os.close(descriptor)

    def open_read(self, path: Path) -> ReadDescriptor:
        """Opens without following links and without waiting for a FIFO's writer."""
        return ReadDescriptor(self._open(path, os.O_RDONLY | _NON_BLOCKING))

    def open_append(self, path: Path) -> Descriptor:
        """Opens for writing at the end."""
        return Descriptor(self._open(path, os.O_RDWR | os.O_APPEND | _NON_BLOCKING))

    def create(self, path: Path) -> Descriptor:
        """Creates exclusively."""
        return Descriptor(self._open(path, os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_EXCL))

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
        """Syncs the directory where platform and file system can."""
        if os.name != "posix":
            return
        descriptor = os.open(path, os.O_RDONLY | os.O_DIRECTORY)
        try:
            os.fsync(descriptor)
        except OSError as error:
            if error.errno not in _NO_SUCH_SYNC:
                raise
        finally:
            os.close(descriptor)

    def _open(self, path: Path, flags: int) -> int:
        binary: int = getattr(os, "O_BINARY", 0)
        descriptor = os.open(path, flags | _NO_FOLLOW | _CLOSE_ON_EXEC | binary, 0o600)
        if not stat_module.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise OSError(errno.EINVAL, "not a regular file", str(path))
        return descriptor


_NO_SUCH_SYNC = frozenset({errno.EINVAL, errno.ENOTSUP})
"""What file systems say that know no sync of directories, as some of networks."""

_NON_BLOCKING: int = getattr(os, "O_NONBLOCK", 0)
_NO_FOLLOW: int = getattr(os, "O_NOFOLLOW", 0)
_CLOSE_ON_EXEC: int = getattr(os, "O_CLOEXEC", 0)
