"""Whose word about a client counts."""

from __future__ import annotations

from typing import Any

import pytest

from sila_daemon.server.http.proxies import TrustedProxies


def scope_of(peer: str, **headers: str) -> dict[str, Any]:
    """Makes a request as the server gets it."""
    pairs = [(k.replace("_", "-").encode(), v.encode("latin-1")) for k, v in headers.items()]
    return {"type": "http", "client": (peer, 1), "scheme": "http", "headers": pairs}


@pytest.mark.parametrize(
    ("peer", "forwarded", "address"),
    [
        ("10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "1.2.3.4, 203.0.113.7", "203.0.113.7"),  # The first one is the client's claim.
        ("10.0.0.1", "1.2.3.4, 203.0.113.7, 10.0.0.9", "203.0.113.7"),
        ("10.0.0.1", "10.0.0.2, 10.0.0.3", "10.0.0.2"),
        ("10.0.0.1", "203.0.113.7:555", "203.0.113.7"),
        ("10.0.0.1", "[2001:db8::1]:555", "2001:db8::1"),
        ("10.0.0.1", "nonsense", "10.0.0.1"),
        ("10.0.0.1", "x, 203.0.113.7", "203.0.113.7"),
        ("10.0.0.1", "", "10.0.0.1"),
        ("::ffff:10.0.0.1", "203.0.113.7", "203.0.113.7"),
        ("192.0.2.1", "203.0.113.7", "192.0.2.1"),
        ("", "203.0.113.7", ""),
    ],
)
def test_the_address(peer: str, forwarded: str, address: str) -> None:
    scope = scope_of(peer, x_forwarded_for=forwarded)
    asker = TrustedProxies(["10.0.0.0/8"]).asker(scope)
    assert (asker.address, asker.is_direct) == (address, False)
    assert scope["client"][0] == address


def test_scheme_and_request_id_come_from_trusted_proxies_alone() -> None:
    told = {"x_forwarded_proto": "https", "x_request_id": "abc-1", "x_forwarded_host": "evil"}
    proxies = TrustedProxies(["127.0.0.1"])
    scope = scope_of("127.0.0.1", **told)
    asker = proxies.asker(scope)
    assert (asker.scheme, asker.request_id, scope["scheme"]) == ("https", "abc-1", "https")
    scope = scope_of("192.0.2.1", **told)
    asker = proxies.asker(scope)
    assert (asker.scheme, asker.request_id, scope["scheme"]) == ("http", None, "http")
    assert [name for name, _ in scope["headers"]] == [b"x-request-id"], "nobody believes it later"
    for bad in ("a b", "x" * 65, "a\nb", "ä", ""):
        assert proxies.asker(scope_of("127.0.0.1", x_request_id=bad)).request_id is None, bad
    socket = scope_of("127.0.0.1", **told) | {"type": "websocket", "scheme": "ws"}
    assert proxies.asker(socket).scheme == "wss"


def test_who_is_direct() -> None:
    proxies = TrustedProxies()
    assert proxies.asker(scope_of("127.0.0.1")).is_direct
    for header in ("x_forwarded_for", "forwarded", "x_real_ip", "x_forwarded_proto"):
        assert not proxies.asker(scope_of("127.0.0.1", **{header: "x"})).is_direct, header
