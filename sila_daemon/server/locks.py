"""The lock of a data folder: one process has its databases open."""

from __future__ import annotations

import os
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from sila_daemon.core.errors import AlreadyRunningError
from sila_daemon.folder.problems import storage_errors


@contextmanager
def data_lock(data: Path) -> Iterator[None]:
    """Holds the lock of a data folder, making the folder if need be.

    Raises AlreadyRunningError, StorageError. The lock ends with the process, however that ends.
    """
    with storage_errors(f"lock {data}"):
        data.mkdir(mode=0o700, parents=True, exist_ok=True)
        descriptor = os.open(data / "server.lock", os.O_RDWR | os.O_CREAT | os.O_CLOEXEC, 0o600)
    try:
        if not _try_lock(descriptor):
            raise AlreadyRunningError(
                f"another sila-server uses {data}", hint="Stop it first, or use another --data."
            )
        yield
    finally:
        os.close(descriptor)


def _try_lock(descriptor: int) -> bool:
    try:
        if os.name == "posix":
            import fcntl

            fcntl.flock(descriptor, fcntl.LOCK_EX | fcntl.LOCK_NB)
        else:
            import msvcrt

            msvcrt.locking(descriptor, msvcrt.LK_NBLCK, 1)  # type: ignore[attr-defined,unused-ignore]
    except OSError:
        return False
    return True
