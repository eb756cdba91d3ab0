"""Addresses of servers: one spelling for each, and none that sends tokens in the clear."""

from __future__ import annotations

import ipaddress
from urllib.parse import urlsplit

from sila_daemon.core.errors import ProtectionError, UsageError

_PORTS = {"http": 80, "https": 443}


def server_url(text: str) -> str:
    """Returns the address in its one spelling, without a slash at its end. Raises UsageError."""
    try:
        parts = urlsplit(text.strip())
        port = parts.port
    except ValueError as error:
        raise _bad(text, str(error)) from error
    if parts.scheme not in _PORTS or not parts.hostname:
        raise _bad(text, "it begins with http:// or https:// and names a host")
    if parts.username is not None or parts.query or parts.fragment:
        raise _bad(text, "it has no user, no ? and no # in it")
    host = f"[{parts.hostname}]" if ":" in parts.hostname else parts.hostname
    where = host if port in (None, _PORTS[parts.scheme]) else f"{host}:{port}"
    return f"{parts.scheme}://{where}{parts.path.rstrip('/')}"


def split_space_url(text: str) -> tuple[str, str | None]:
    """Splits `<server>/spaces/<id>` into server and space id; the id may be missing."""
    address = server_url(text)
    server, separator, space_id = address.rpartition("/spaces/")
    return (server_url(server), space_id) if separator else (address, None)


def check_transport(url: str, *, insecure: bool) -> None:
    """Raises ProtectionError when tokens and data would cross a network unencrypted."""
    parts = urlsplit(url)
    if parts.scheme == "https" or insecure or _is_loopback(parts.hostname or ""):
        return
    raise ProtectionError(
        f"{url} is not encrypted: anyone on the way could read your data and your password",
        code="insecure_url",
        hint="use https://, or sign in with --insecure if you trust the network",
    )


def _is_loopback(host: str) -> bool:
    if host == "localhost":
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


def _bad(text: str, why: str) -> UsageError:
    return UsageError(f"not the address of a server: {text!a:.80}", code="bad_url", hint=why)
