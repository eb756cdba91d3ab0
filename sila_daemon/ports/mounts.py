"""Which file system a path is on: some bring no events of what other machines write."""

from __future__ import annotations

import os
import re
import sys
from pathlib import Path
from typing import Protocol

_MOUNTINFO = Path("/proc/self/mountinfo")
_ESCAPED = re.compile(r"\\([0-7]{3})")
_DARWIN_TYPE = slice(72, 88)
"""Where `struct statfs` of macOS has the name of the file system, after 64-bit inodes came."""

_DARWIN_STATFS_BYTES = 2168


class Mounts(Protocol):
    """Tells file systems apart."""

    def kind(self, path: Path) -> str:
        """Returns the type of file system, such as `nfs4`; empty where it is not known."""
        ...


class SystemMounts:
    """The machine's mounts, as they are at the moment."""

    def kind(self, path: Path) -> str:
        """Asks Linux's list of mounts, or macOS; nobody elsewhere."""
        try:
            if sys.platform == "darwin":
                return _darwin_kind(path)
            if sys.platform == "linux":
                return kind_in(_MOUNTINFO.read_text(errors="surrogateescape"), path.resolve())
        except (OSError, RuntimeError):  # A loop of links, or no such list.
            pass
        return ""


def kind_in(mountinfo: str, path: Path) -> str:
    """Returns the type of the mount that a path is on, by the text of `mountinfo`."""
    found, depth = "", -1
    for line in mountinfo.splitlines():
        before, separator, after = line.partition(" - ")
        fields = before.split(" ")
        if not separator or len(fields) < 5:
            continue
        point = Path(_ESCAPED.sub(lambda match: chr(int(match[1], 8)), fields[4]))
        # A later mount in the same place covers an earlier one.
        if path.is_relative_to(point) and len(point.parts) >= depth:
            found, depth = after.split(" ")[0], len(point.parts)
    return found


def _darwin_kind(path: Path) -> str:
    import ctypes

    library = ctypes.CDLL(None, use_errno=True)
    # On Intel the plain name is that of the older layout.
    statfs = getattr(library, "statfs$INODE64", None) or library.statfs
    buffer = ctypes.create_string_buffer(_DARWIN_STATFS_BYTES)
    if statfs(os.fsencode(path), buffer) != 0:
        return ""
    return darwin_type(buffer.raw)


def darwin_type(statfs: bytes) -> str:
    """Returns the type that a `struct statfs` of macOS names."""
    return statfs[_DARWIN_TYPE].split(b"\0")[0].decode("ascii", "replace")
