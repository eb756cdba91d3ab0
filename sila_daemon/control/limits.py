"""How long a request may be; known to both ends, and cheap to import."""

from __future__ import annotations

from sila_daemon.core.errors import UsageError

LINE_BYTES_MAX = 1 << 20
"""Of one request, its newline not counted."""


def checked_request(line: bytes) -> bytes:
    """Returns a request that the daemon will read to its end. Raises UsageError.

    The daemon hangs up on a longer one, and its reason is often lost with the connection.
    """
    if len(line) > LINE_BYTES_MAX:
        raise UsageError(
            f"that is too much for one call: {len(line)} bytes, and at most {LINE_BYTES_MAX} go",
            code="line_too_long",
            hint="keep it as a file of the space instead",
        )
    return line
