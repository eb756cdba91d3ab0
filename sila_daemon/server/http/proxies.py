"""Who really asks, when a proxy stands before the server.

What a proxy says about a client counts only if the proxy is one of those that were named. From
anybody else the same headers are taken away, so that nothing behind this can believe them.
"""

from __future__ import annotations

import ipaddress
import re
from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from starlette.types import Scope

_FORWARDED = (b"forwarded", b"x-forwarded-", b"x-real-ip")
_REQUEST_ID = re.compile(r"[A-Za-z0-9_.:-]{1,64}\Z")
_ADDRESSES_MAX = 20

_Network = ipaddress.IPv4Network | ipaddress.IPv6Network


@dataclass(frozen=True, slots=True)
class Asker:
    """Where a request comes from."""

    address: str
    scheme: str
    request_id: str | None
    """As a trusted proxy calls the request."""
    is_direct: bool
    """Whether nobody stands between the client and this server, as far as can be seen."""


class TrustedProxies:
    """The proxies whose word counts."""

    def __init__(self, networks: Sequence[str] = ()) -> None:
        self._networks: list[_Network] = [
            ipaddress.ip_network(network, strict=False) for network in networks
        ]

    def trusts(self, address: str) -> bool:
        """Tells whether an address is one of a trusted proxy."""
        try:
            found = ipaddress.ip_address(address)
        except ValueError:
            return False
        if isinstance(found, ipaddress.IPv6Address) and found.ipv4_mapped:
            found = found.ipv4_mapped
        return any(found in network for network in self._networks)

    def asker(self, scope: Scope) -> Asker:
        """Tells who asks, and rewrites `scope` to say the same."""
        client = scope.get("client") or ("", 0)
        peer, scheme = str(client[0]), str(scope.get("scheme", "http"))
        headers: list[tuple[bytes, bytes]] = list(scope["headers"])
        is_forwarded = any(name.startswith(_FORWARDED) for name, _ in headers)
        if not self.trusts(peer):
            scope["headers"] = [
                (name, value) for name, value in headers if not name.startswith(_FORWARDED)
            ]
            return Asker(peer, scheme, None, not is_forwarded)
        address = self._client(headers, peer)
        told = _last(headers, b"x-forwarded-proto").lower()
        if told in ("http", "https"):
            is_socket = scope["type"] == "websocket"
            scheme = told.replace("http", "ws") if is_socket else told
        request_id = _last(headers, b"x-request-id")
        scope["client"] = (address, 0)
        scope["scheme"] = scheme
        known = request_id if _REQUEST_ID.match(request_id) else None
        return Asker(address, scheme, known, False)

    def _client(self, headers: list[tuple[bytes, bytes]], peer: str) -> str:
        """Returns the last address of the chain that is not itself a trusted proxy's."""
        chain = [
            part.strip()
            for name, value in headers
            if name == b"x-forwarded-for"
            for part in value.decode("latin-1").split(",")
        ]
        address = peer
        for part in reversed(chain[-_ADDRESSES_MAX:]):
            bare = _without_port(part)
            if bare is None:
                break
            address = bare
            if not self.trusts(bare):
                break
        return address


def _without_port(text: str) -> str | None:
    """Returns an address as some proxies write it, with a port or brackets; None for nonsense."""
    if text.startswith("["):
        text = text[1:].partition("]")[0]
    elif text.count(":") == 1:
        text = text.partition(":")[0]
    try:
        return str(ipaddress.ip_address(text))
    except ValueError:
        return None


def _last(headers: list[tuple[bytes, bytes]], wanted: bytes) -> str:
    """Returns the last value of a header: the one that the nearest proxy wrote."""
    values = [value for name, value in headers if name == wanted]
    return values[-1].decode("latin-1").rpartition(",")[2].strip() if values else ""
