"""Files that are whole or not there, and what crashes leave of those that were being made."""

from __future__ import annotations

import re
from contextlib import suppress
from typing import TYPE_CHECKING

from sila_daemon.ports.disk import EntryKind

if TYPE_CHECKING:
    from collections.abc import Callable
    from pathlib import Path

    from sila_daemon.ports.disk import Disk
    from sila_daemon.ports.randomness import Randomness

_TEMPORARY = re.compile(r"\.(sila-)?[0-9a-f]{16}\.tmp\Z")


def write_atomic(
    disk: Disk,
    path: Path,
    data: bytes,
    randomness: Randomness,
    may_replace: Callable[[], bool] = lambda: True,
) -> bool:
    """Replaces `path` by `data`: after a crash the old bytes or the new ones are there, whole.

    `may_replace` is asked at the last moment; tells what it said. A crash may leave a temporary
    file behind, for `remove_temporaries` at the next start.
    """
    temporary = path.with_name(temporary_name(randomness))
    try:
        with disk.create(temporary) as file:
            file.write(data)
            file.sync()
        if not may_replace():
            disk.unlink(temporary)
            return False
        disk.rename(temporary, path)
    except BaseException:
        with suppress(OSError):
            disk.unlink(temporary)
        raise
    disk.sync_dir(path.parent)
    return True


def make_durable(disk: Disk, path: Path) -> None:
    """Returns when a file and its name, whoever wrote it, are on stable storage.

    That it can be read proves nothing: what a killed process wrote is read from memory, and
    may be gone after a power cut.
    """
    with disk.open_read(path) as file:
        file.sync()
    disk.sync_dir(path.parent)


def temporary_name(randomness: Randomness, prefix: str = "") -> str:
    """Returns a name for what is not whole yet, unlike anything that others make."""
    return f".{prefix}{randomness.token(8).hex()}.tmp"


def is_temporary(name: str) -> bool:
    """Tells whether a name is one of those: nobody but who writes there has to know of it."""
    return _TEMPORARY.match(name) is not None


def remove_temporaries(disk: Disk, directory: Path, before_ns: int) -> int:
    """Removes temporary files last written before a moment (Unix ns); returns how many."""
    if disk.stat(directory) is None:
        return 0
    count = 0
    for entry in disk.list_dir(directory):
        if entry.kind is not EntryKind.FILE or not is_temporary(entry.name):
            continue
        found = disk.stat(directory / entry.name)
        if found is not None and found.modified_ns < before_ns:
            disk.unlink(directory / entry.name)
            count += 1
    return count
