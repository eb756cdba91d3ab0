"""What is wrong in a space folder: told with place and reason, never raised half-way."""

from __future__ import annotations

import errno
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core import ids
from sila_daemon.core.errors import StorageError, StorageFullError
from sila_daemon.ports.disk import EntryKind

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.ports.disk import Disk

FULL_ERRNOS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG})
"""What the disk says when it, a quota or a file has no room left."""

NO_HANDLE_ERRNOS = frozenset({errno.EMFILE, errno.ENFILE})
"""What the system says when too much is open: of opening alone, before anything was tried."""


@dataclass(frozen=True, slots=True)
class Problem:
    """One thing that could not be read, or was read and is odd; the rest was read."""

    path: str
    """Below the space's root, parted by `/`; printable ASCII where the name was not Unicode."""
    line: int | None
    """Counted from 1; None when the whole file or directory is meant."""
    code: str
    message: str

    @property
    def sort_key(self) -> tuple[str, int, str, str]:
        """Sorts problems the same everywhere."""
        return self.path, self.line or 0, self.code, self.message

    def to_json(self) -> dict[str, str | int | None]:
        """Returns the form that the commands promise."""
        return {
            "path": self.path,
            "line": self.line,
            "code": self.code,
            "message": self.message,
        }


UNREADABLE = "unreadable"
NOT_FOLLOWED = "neither a file nor a folder (a link, a pipe or a device): not followed"


def not_a_directory(disk: Disk, path: Path, relative: str) -> Problem | None:
    """Tells what stands where a directory belongs; None when one does, or nothing at all."""
    try:
        found = disk.stat(path)
    except OSError as error:
        return unreadable(relative, error)
    if found is None or found.kind is EntryKind.DIRECTORY:
        return None
    if found.kind is EntryKind.FILE:
        return Problem(relative, None, "misplaced_file", "a file where a folder belongs")
    return Problem(relative, None, "not_regular", NOT_FOLLOWED)


def unreadable(path: str, error: OSError) -> Problem:
    """Makes the problem of something that the disk does not give."""
    return Problem(path, None, UNREADABLE, f"cannot be read: {error.strerror or error}")


def printable(relative: str) -> str:
    """Returns a path for a report; names that are not Unicode become escapes."""
    try:
        relative.encode()
    except UnicodeEncodeError:
        return ids.shortened(relative, 400)
    return relative


@contextmanager
def storage_errors(action: str) -> Iterator[None]:
    """Turns OSError into StorageError or StorageFullError: "cannot <action>: <reason>"."""
    try:
        yield
    except OSError as error:
        reason = error.strerror or str(error)
        if error.errno in FULL_ERRNOS:
            hint = "Free some space; nothing was half-done and the work goes on by itself."
            raise StorageFullError(f"cannot {action}: {reason}", hint=hint) from error
        hint = "Check the disk and the rights of the folder, then try again."
        raise StorageError(f"cannot {action}: {reason}", hint=hint) from error
