"""Open files of the real disk."""

from __future__ import annotations

import errno
import os
import sys
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from types import TracebackType
from typing import Self

from sila_daemon.ports.file_facts import FileStat, facts_of

if sys.platform == "darwin":
    import fcntl

_CHUNK_BYTES = 1 << 20


class Descriptor:
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
            return facts_of(os.fstat(descriptor))

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


class ReadDescriptor(Descriptor):
    """A handle to read."""

    def sync(self) -> None:
        """Hands what others wrote to the drive, where the platform lets a reader do so.

        The drive's own cache is not waited for: a first scan asks this of thousands of files.
        """
        if os.name == "posix":
            with self._in_use() as descriptor:
                os.fsync(descriptor)
