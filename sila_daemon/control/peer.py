"""Who is at the other end of a local socket: the kernel knows, and cannot be lied to."""

from __future__ import annotations

import socket
import struct
import sys

_CREDENTIALS = {
    # Linux: SO_PEERCRED answers pid, uid, gid.
    "linux": (socket.SOL_SOCKET, 17, "3i"),
    # macOS: LOCAL_PEERCRED answers a struct xucred: version, uid, groups.
    "darwin": (0, 1, "=iI68x"),
}


def peer_uid(connection: socket.socket) -> int | None:
    """Returns the user id of the process that opened the other end; None when unknown."""
    level, option, layout = _CREDENTIALS.get(sys.platform, (0, 0, ""))
    if not layout:
        return None
    try:
        found = connection.getsockopt(level, option, struct.calcsize(layout))
        return int(struct.unpack(layout, found)[1])
    except (OSError, struct.error):
        return None
