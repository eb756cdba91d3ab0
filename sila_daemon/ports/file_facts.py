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
    changed_ns: int
    """When anything about it changed last; no program can put this back."""
    is_dataless: bool = False
    """Whether its bytes stand with a cloud tool only: who reads them has them brought here."""

    @property
    def identity(self) -> tuple[int, int]:
        """What tells one entry from another that has its name later."""
        return self.device, self.inode

    def is_taken_away(self, known: FileStat) -> bool:
        """Tells whether all that happened since is that a cloud tool keeps the bytes elsewhere."""
        return self.is_dataless and (known.identity, known.size, known.modified_ns) == (
            self.identity, self.size, self.modified_ns
        )  # fmt: skip


class DirEntry(NamedTuple):
    """One name in a directory."""

    name: str
    kind: EntryKind


def facts_of(found: os.stat_result) -> FileStat:
    """Returns what the operating system says of an entry."""
    return FileStat(
        _KINDS.get(stat_module.S_IFMT(found.st_mode), EntryKind.OTHER),
        found.st_size,
        found.st_ino,
        found.st_dev,
        found.st_mtime_ns,
        found.st_ctime_ns,
        _HAS_FLAGS and bool(getattr(found, "st_flags", 0) & _SF_DATALESS),
    )


_HAS_FLAGS = hasattr(os.stat_result, "st_flags")
_SF_DATALESS = 0x40000000
"""Of macOS; a name for it is in no Python yet."""
_KINDS = {stat_module.S_IFREG: EntryKind.FILE, stat_module.S_IFDIR: EntryKind.DIRECTORY}
