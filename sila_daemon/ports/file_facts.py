"""What a file system says of its entries, links not followed."""

from __future__ import annotations

import os
import stat as stat_module
from enum import Enum
from typing import NamedTuple


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

    @property
    def identity(self) -> tuple[int, int]:
        """What tells one entry from another that has its name later."""
        return self.device, self.inode


class DirEntry(NamedTuple):
    """One name in a directory."""

    name: str
    kind: EntryKind


def facts_of(found: os.stat_result) -> FileStat:
    """Returns what the operating system says of an entry."""
    if stat_module.S_ISREG(found.st_mode):
        kind = EntryKind.FILE
    elif stat_module.S_ISDIR(found.st_mode):
        kind = EntryKind.DIRECTORY
    else:
        kind = EntryKind.OTHER
    return FileStat(kind, found.st_size, found.st_ino, found.st_dev, found.st_mtime_ns)
