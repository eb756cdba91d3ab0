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
_CUT_OFF = {errno.ECONNRESET, errno.ECONNABORTED, errno.EPIPE}


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
        found = inner if isinstance(inner, BaseException) else found.__cause__ or found.__context__


def _said(error: BaseException) -> str | None:
    if isinstance(error, ssl.SSLCertVerificationError):
        why = error.verify_message or error.reason
        return f"its certificate is not accepted: {why}"
    if isinstance(error, ssl.SSLError):
        return "it does not speak TLS there as it should"
    if isinstance(error, socket.gaierror):
        is_unknown = error.errno in (socket.EAI_NONAME, getattr(socket, "EAI_NODATA", None))
        return "no machine has that name" if is_unknown else "its name cannot be looked up now"
    if isinstance(error, TimeoutError):
        return "no answer in time"
    if isinstance(error, OSError):
        return _said_by_system(error.errno)
    if type(error).__name__ == "ServerDisconnectedError":  # aiohttp's; importing it takes long.
        return "it ended the connection"
    status = getattr(error, "status", None)  # Of a web server that is no Sila server, or a proxy.
    if isinstance(status, int) and status >= HTTPStatus.MULTIPLE_CHOICES:
        return f"it answers {_named(status)}"
    return None


def _said_by_system(number: int | None) -> str | None:
    if number == errno.ECONNREFUSED:
        return "nothing listens there"
    if number in _NO_WAY:
        return "no network leads there"
    if number in _CUT_OFF:
        return "it ended the connection"
    return None if number is None else os.strerror(number)


def _named(status: int) -> str:
    try:
        return f"{status} {HTTPStatus(status).phrase}"
    except ValueError:
        return str(status)
