"""Says in a few words why another machine was not reached, for people.

The libraries wrap what the system says several times over, and some drop it from their own text.
"""

from __future__ import annotations

import errno
import os
import socket
import ssl
from http import HTTPStatus
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Iterator

_CHAIN_MAX = 16

_NO_WAY = {errno.ENETUNREACH, errno.EHOSTUNREACH, errno.ENETDOWN, errno.EHOSTDOWN}
_OF_FILES = {errno.ENOENT, errno.EEXIST, errno.ENOTDIR, errno.EISDIR}
"""What was being handled when a request failed, it may be: nothing to do with the network."""

_ENDED = "it ended the connection"
# aiohttp's own, by name: importing it takes long, and not everybody who asks has done so.
_ENDING = {
    "ServerDisconnectedError",
    "ClientPayloadError",
    "ContentLengthError",
    "TransferEncodingError",
    "PayloadEncodingError",
}
_NO_HTTP = "aiohttp.http_exceptions"


def network_reason(error: BaseException) -> str:
    """Returns why a connection or request failed, from the innermost error that tells."""
    chain = list(_chain(error))
    for one in reversed(chain):
        if said := _said(one):
            return said
    return str(error) or type(error).__name__


def _chain(error: BaseException) -> Iterator[BaseException]:
    """Yields an error and what it came from, outermost first."""
    found: BaseException | None = error
    for _ in range(_CHAIN_MAX):
        if found is None:
            return
        yield found
        # aiohttp keeps the system's error as an attribute, too: not always as the cause.
        inner = getattr(found, "os_error", None) or getattr(found, "certificate_error", None)
        context = None if found.__suppress_context__ else found.__context__
        found = inner if isinstance(inner, BaseException) else found.__cause__ or context


def _said(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLError):
        return _said_of_tls(error)
    if isinstance(error, socket.gaierror):
        is_unknown = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None))
        return "no machine has that name" if is_unknown else "its name cannot be looked up now"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, ConnectionRefusedError):
        return "nothing listens there"
    if isinstance(error, ConnectionError) or type(error).__name__ in _ENDING:
        return _ENDED
    if isinstance(error, OSError):
        return _said_by_system(error.errno)
    if type(error).__module__ == _NO_HTTP:
        return "what answers there does not speak HTTP"
    status = getattr(error, "status", None)  # Of a web server that is no Sila server, or a proxy.
    if isinstance(status, int) and status >= HTTPStatus.MULTIPLE_CHOICES:
        return f"it answers {_named(status)}"
    return None


def _said_of_tls(error: ssl.SSLError) -> str:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = getattr(error, "verify_message", None) or "it is not valid"
        return f"its certificate is not accepted: {why}"
    if isinstance(error, (ssl.SSLEOFError, ssl.SSLZeroReturnError)):
        return _ENDED
    return "it does not speak TLS there as it should"


def _said_by_system(number: int | None) -> str | None:
    if number in _NO_WAY:
        return "no network leads there"
    return None if number is None or number in _OF_FILES else os.strerror(number)


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
