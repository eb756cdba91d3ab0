"""Reading and writing files of the local disk for a client, in chunks and off the event loop."""

from __future__ import annotations

import errno
from collections.abc import AsyncIterator
from contextlib import suppress
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.errors import (
    NotFoundError,
    ProtectionError,
    StorageError,
    StorageFullError,
    UsageError,
)
from sila_daemon.ports.durable_files import temporary_name

if TYPE_CHECKING:
    from sila_daemon.ports.disk import Disk
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.ports.workers import Workers

CHUNK_BYTES = 1 << 20
_NO_SPACE = (errno.ENOSPC, errno.EDQUOT)
_NOT_A_FILE = (errno.EISDIR, errno.ELOOP, errno.EINVAL)
"""A directory, a link, or what else is no regular file, as the disk tells it."""


class LocalFiles:
    """The disk, for files that a client names."""

    def __init__(self, disk: Disk, workers: Workers, randomness: Randomness) -> None:
        self._disk = disk
        self._workers = workers
        self._randomness = randomness

    async def chunks(self, path: Path) -> AsyncIterator[bytes]:
        """Yields the bytes of a file. Raises NotFoundError, StorageError."""
        try:
            file = await self._workers.run(lambda: self._disk.open_read(path))
        except FileNotFoundError:
            raise NotFoundError(f"there is no file {path}", code="no_local_file") from None
        except OSError as error:
            if error.errno in _NOT_A_FILE:
                raise UsageError(f"{path} is not a file", hint="put the files in it") from None
            raise _converted(path, error) from error
        offset = 0
        try:
            while chunk := await self._workers.run(partial(file.read_at, offset, CHUNK_BYTES)):
                offset += len(chunk)
                yield chunk
        except OSError as error:
            raise _converted(path, error) from error
        finally:
            file.close()

    async def write(self, path: Path, chunks: AsyncIterator[bytes], *, overwrite: bool) -> int:
        """Writes a file whole or not at all; returns its size in bytes."""
        self.check_free(path, overwrite=overwrite)
        temporary = path.with_name(temporary_name(self._randomness))
        size = 0
        try:
            with await self._workers.run(lambda: self._disk.create(temporary)) as file:
                try:
                    async for chunk in chunks:
                        await self._workers.run(partial(file.write, chunk))
                        size += len(chunk)
                    await self._workers.run(file.sync)
                    self.check_free(path, overwrite=overwrite)
                    self._disk.rename(temporary, path)
                except BaseException:
                    with suppress(OSError):
                        self._disk.unlink(temporary)
                    raise
            await self._workers.run(lambda: self._disk.sync_dir(path.parent))
        except OSError as error:
            raise _converted(path, error) from error
        return size

    def check_free(self, path: Path, *, overwrite: bool) -> None:
        """Raises ProtectionError where a file is that is not to be overwritten."""
        if not overwrite and self._disk.stat(path) is not None:
            raise ProtectionError(
                f"{path} exists already", code="exists", hint="overwrite it with --force"
            )


def _converted(path: Path, error: OSError) -> StorageError:
    kind = StorageFullError if error.errno in _NO_SPACE else StorageError
    return kind(f"{path}: {error.strerror}")
