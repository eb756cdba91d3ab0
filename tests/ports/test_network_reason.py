"""Why a machine was not reached, in words, from what the real libraries raise for real sockets."""

from __future__ import annotations

import asyncio
import datetime
import errno
import os
import socket
import ssl
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

import pytest
from cryptography import x509
from cryptography.hazmat.primitives import hashes, serialization
from cryptography.hazmat.primitives.asymmetric import ec
from cryptography.x509.oid import NameOID

from sila_daemon.core.errors import RemoteUnavailableError
from sila_daemon.credentials.auth_api import HttpAuthApi
from sila_daemon.mirror.socketio_connector import SocketIoConnector
from sila_daemon.ports.network_reason import network_reason
from tests.mirror.bench import SPACE

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

SSH = b"SSH-2.0-OpenSSH_9.6\r\n"
NOT_FOUND = b"HTTP/1.1 404 Not Found\r\nContent-Length: 0\r\n\r\n"
BAD_GATEWAY = b"HTTP/1.1 502 Bad Gateway\r\nContent-Length: 0\r\n\r\n"


@asynccontextmanager
async def answering(answer: bytes, tls: ssl.SSLContext | None = None) -> AsyncIterator[str]:
    """A server that gives every request this answer and hangs up; yields its address."""

    async def talk(reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            await reader.readuntil(b"\r\n\r\n")
            writer.write(answer)
            await writer.drain()
        except (asyncio.IncompleteReadError, OSError):
            pass
        finally:
            writer.close()

    server = await asyncio.start_server(talk, "127.0.0.1", 0, ssl=tls)
    port = server.sockets[0].getsockname()[1]
    try:
        yield f"{'http' if tls is None else 'https'}://127.0.0.1:{port}"
    finally:
        server.close()
        await server.wait_closed()


async def joining(url: str) -> str:
    """Tries to join a space, and returns what is said."""
    connector = SocketIoConnector()
    try:
        with pytest.raises(RemoteUnavailableError) as raised:
            await connector.connect(url, SPACE, {"token": "t"})
    finally:
        await connector.close()
    return raised.value.message


async def signing_in(url: str) -> str:
    """Tries to sign in, and returns what is said."""
    with pytest.raises(RemoteUnavailableError) as raised:
        await HttpAuthApi().refresh(url, "r")
    return raised.value.message


def self_signed(directory: Path) -> ssl.SSLContext:
    """Makes a certificate that nobody vouches for."""
    key = ec.generate_private_key(ec.SECP256R1())
    name = x509.Name([x509.NameAttribute(NameOID.COMMON_NAME, "127.0.0.1")])
    now = datetime.datetime.now(datetime.UTC)
    certificate = (
        x509.CertificateBuilder()
        .subject_name(name)
        .issuer_name(name)
        .public_key(key.public_key())
        .serial_number(1)
        .not_valid_before(now - datetime.timedelta(days=1))
        .not_valid_after(now + datetime.timedelta(days=1))
        .sign(key, hashes.SHA256())
    )
    pem = directory / "server.pem"
    pem.write_bytes(
        key.private_bytes(
            serialization.Encoding.PEM,
            serialization.PrivateFormat.PKCS8,
            serialization.NoEncryption(),
        )
        + certificate.public_bytes(serialization.Encoding.PEM)
    )
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)
    context.load_cert_chain(pem)
    return context


async def test_that_nothing_listens_is_said() -> None:
    with socket.socket() as bound:  # Bound and not listening: nobody else gets the port.
        bound.bind(("127.0.0.1", 0))
        url = f"http://127.0.0.1:{bound.getsockname()[1]}"
        said = f"{url} cannot be reached: nothing listens there"
        assert (await joining(url), await signing_in(url)) == (said, said)


async def test_a_proxy_without_its_server_is_told_from_a_server_that_is_off() -> None:
    async with answering(BAD_GATEWAY) as url:
        assert await joining(url) == f"{url} cannot be reached: it answers 502 Bad Gateway"


async def test_a_web_server_that_is_no_sila_server_is_said() -> None:
    async with answering(NOT_FOUND) as url:
        assert await joining(url) == f"{url} cannot be reached: it answers 404 Not Found"


async def test_what_speaks_no_http_is_said() -> None:
    async with answering(SSH) as url:
        said = f"{url} cannot be reached: what answers there does not speak HTTP"
        assert (await joining(url), await signing_in(url)) == (said, said)


def test_an_error_of_a_file_that_was_being_handled_is_not_the_reason() -> None:
    outer = RuntimeError("Connection error")
    outer.__context__ = FileNotFoundError(errno.ENOENT, "No such file or directory")
    assert network_reason(outer) == "Connection error"
    outer.__context__ = ConnectionRefusedError(errno.ECONNREFUSED, "x")
    assert network_reason(outer) == "nothing listens there"
    outer.__suppress_context__ = True
    assert network_reason(outer) == "Connection error"


async def test_a_connection_that_is_ended_at_once_is_said() -> None:
    async with answering(b"") as url:
        said = f"{url} cannot be reached: it ended the connection"
        assert (await joining(url), await signing_in(url)) == (said, said)


async def test_a_certificate_that_is_not_accepted_is_said_with_the_reason(tmp_path: Path) -> None:
    async with answering(b"", self_signed(tmp_path)) as url:
        said = f"{url} cannot be reached: its certificate is not accepted: self-signed certificate"
        told = [await joining(url), await signing_in(url)]
        # OpenSSL 1 writes two words.
        assert [one.replace("self signed", "self-signed") for one in told] == [said, said]


@pytest.mark.parametrize(
    ("error", "said"),
    [
        (socket.gaierror(socket.EAI_NONAME, "not known"), "no machine has that name"),
        (socket.gaierror(socket.EAI_AGAIN, "later"), "its name cannot be looked up now"),
        (OSError(errno.ENETUNREACH, "x"), "no network leads there"),
        (TimeoutError(), "no answer in time"),
        (ConnectionResetError("Connection lost"), "it ended the connection"),
        (ssl.SSLEOFError(8, "EOF"), "it ended the connection"),
        (ssl.SSLCertVerificationError("x"), "its certificate is not accepted: it is not valid"),
        (ConnectionResetError(errno.ECONNRESET, "x"), "it ended the connection"),
        (OSError(errno.EIO, "x"), os.strerror(errno.EIO)),
    ],
)  # fmt: skip
def test_what_the_system_says_is_put_in_words(error: BaseException, said: str) -> None:
    outer = RuntimeError("Connection error")
    outer.__cause__ = error
    assert (network_reason(error), network_reason(outer)) == (said, said)


def test_what_nobody_knows_is_said_as_it_is() -> None:
    assert network_reason(ValueError("odd")) == "odd"
    assert network_reason(ValueError()) == "ValueError"


def test_a_chain_that_goes_round_ends() -> None:
    one, other = RuntimeError("one"), RuntimeError("other")
    one.__cause__, other.__cause__ = other, one
    assert network_reason(one) == "one"
