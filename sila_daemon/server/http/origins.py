"""Which web pages and desktop apps may talk to this server: who asks is in the Origin header.

A browser sends it for every page that asks, and a page cannot change it. Requests without it come
from programs, which no rule about pages concerns. A token is needed in any case.
"""

from __future__ import annotations

import re
from collections.abc import Sequence
from typing import Any

from sila_daemon.core.errors import UsageError

ANY = "*"

_ORIGIN = re.compile(r"(?:null|[a-z][a-z0-9+.-]*://[^/?#\s,]*)\Z", re.IGNORECASE)


class OriginRule:
    """Allows this server's own origin, and those that were named; `*` allows all."""

    def __init__(self, allowed: Sequence[str] = ()) -> None:
        self.allowed = [checked_origin(origin) for origin in allowed]

    def allows(self, origin: str | None, environ: dict[str, Any]) -> bool:
        """Tells whether a request with this Origin header is answered."""
        if origin is None:
            return True
        return ANY in self.allowed or origin.lower() in self.allowed or origin in _own(environ)


def checked_origin(origin: str) -> str:
    """Returns an origin as browsers write it. Raises UsageError."""
    text = origin.strip().rstrip("/").lower() if "://" in origin.rstrip("/") else origin.strip()
    if text == ANY or _ORIGIN.match(text):
        return text
    raise UsageError(
        f"not an origin: {origin}",
        code="bad_origin",
        hint="Write it as in https://example.org, tauri://localhost, file:// or null.",
    )


def _own(environ: dict[str, Any]) -> set[str]:
    """Returns the origins under which this request reached the server."""
    scheme, host = environ.get("wsgi.url_scheme", "http"), environ.get("HTTP_HOST", "")
    own = {f"{scheme}://{host}"}
    forwarded = environ.get("HTTP_X_FORWARDED_HOST", "")
    if forwarded or "HTTP_X_FORWARDED_PROTO" in environ:
        first_scheme, first_host = (
            text.split(",")[0].strip() for text in (scheme, forwarded or host)
        )
        own.add(f"{first_scheme}://{first_host}")
    return own
