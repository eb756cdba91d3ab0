"""Where a Unix socket can be: the kernel takes only short paths."""

from __future__ import annotations

import os
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

SOCKET_PATH_BYTES_MAX = 100
"""The kernel takes 103 bytes on macOS and 107 on Linux; the rest is room for a temporary name."""


def short_socket_path(usual: str) -> str | None:
    """Returns `usual`, or a short path that follows from it; None when there is no place.

    The short one is in a directory of its own, which must be made private before it is used.
    """
    if len(os.fsencode(usual)) <= SOCKET_PATH_BYTES_MAX:
        return usual
    import tempfile
    from hashlib import sha256

    directory, name = os.path.split(usual)
    digest = sha256(os.fsencode(directory)).hexdigest()[:16]
    for base in (os.environ.get("XDG_RUNTIME_DIR", ""), tempfile.gettempdir(), "/tmp"):
        short = os.path.join(base, f"sila-{digest}", name)
        if os.path.isabs(short) and len(os.fsencode(short)) <= SOCKET_PATH_BYTES_MAX:
            return short
    return None


def is_private_dir(path: Path) -> bool:
    """Makes a directory with mode 0700, or tells whether one that is there is ours alone.

    Its parent may be open to everybody, such as a directory for temporary files.
    """
    try:
        os.mkdir(path, 0o700)
    except FileExistsError:
        found = os.lstat(path)
        return found.st_uid == os.getuid() and found.st_mode & 0o170077 == 0o040000
    return True
