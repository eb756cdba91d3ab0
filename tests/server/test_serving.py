"""`serve` and `config` in processes of their own: certificates, settings, the end."""

from __future__ import annotations

import asyncio
import json
import signal
import ssl
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import aiohttp
import pytest

from tests.server.certificates import write_certificate
from tests.server.test_process import PYTHON, data, data_of, joined, run, serving

__all__ = ["data"]


@asynccontextmanager
async def secure(data: Path, *flags: str) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Starts `serve` with flags; yields the process and its URL."""
    process = await asyncio.create_subprocess_exec(
        *PYTHON, "serve", "--data", str(data), "--port", "0", *flags,
        stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
    )  # fmt: skip
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 30)
        yield process, line.decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@pytest.fixture
def certificate(tmp_path: Path) -> Iterator[tuple[Path, Path]]:
    yield write_certificate(tmp_path)


async def fingerprint(url: str) -> bytes:
    """Returns the certificate that a server shows."""
    host, _, port = url.removeprefix("https://").rpartition(":")
    context = ssl.SSLContext(ssl.PROTOCOL_TLS_CLIENT)
    context.check_hostname, context.verify_mode = False, ssl.CERT_NONE
    _, writer = await asyncio.open_connection(host, int(port), ssl=context)
    shown: bytes = writer.get_extra_info("ssl_object").getpeercert(True)
    writer.close()
    return shown


async def test_https_and_a_renewed_certificate(data: Path, certificate: tuple[Path, Path]) -> None:
    cert, key = certificate
    async with secure(data, "--tls-cert", str(cert), "--tls-key", str(key)) as (process, url):
        assert url.startswith("https://127.0.0.1:")
        trusted = ssl.create_default_context(cafile=str(cert))
        async with (
            aiohttp.ClientSession() as session,
            session.get(f"{url}/health", ssl=trusted) as answer,
        ):
            assert await answer.json() == {"ok": True}
        before = await fingerprint(url)
        write_certificate(cert.parent)
        process.send_signal(signal.SIGHUP)
        assert process.stderr is not None
        while b"read again" not in await asyncio.wait_for(process.stderr.readline(), 10):
            pass
        assert await fingerprint(url) != before
        key.write_text("nonsense")
        after = await fingerprint(url)
        process.send_signal(signal.SIGHUP)
        while b"stays the old one" not in await asyncio.wait_for(process.stderr.readline(), 10):
            pass
        assert await fingerprint(url) == after


def test_a_certificate_that_cannot_be_used_is_told(data: Path, tmp_path: Path) -> None:
    missing = ("--tls-cert", str(tmp_path / "no.pem"), "--tls-key", str(tmp_path / "no.pem"))
    code, out = run("serve", "--data", data, "--json", *missing)
    assert (code, json.loads(out)["error"]["code"]) == (2, "bad_certificate")
    assert run("serve", "--data", data, "--tls-cert", "x")[0] == 2


def test_settings_are_shown_and_wrong_ones_stop_everything(data: Path) -> None:
    data.mkdir()
    (data / "server.toml").write_text(
        "[listen]\nport = 7000\n[metrics]\ntoken = 'x1x2x3x4x5x6x7x8'"
    )
    shown = data_of("config", "--data", data, "--host", "0.0.0.0")
    assert (shown["listen.port"], shown["listen.host"]) == (7000, "0.0.0.0")
    assert shown["metrics.token"] == "(set)"
    (data / "server.toml").write_text("[listen]\nprot = 7000\n")
    for command in (["config"], ["serve"]):
        code, out = run(*command, "--data", data, "--json")
        error = json.loads(out)["error"]
        assert (code, error["code"], error["hint"]) == (
            2, "bad_config", "did you mean listen.port?",
        )  # fmt: skip


@pytest.mark.slow
async def test_the_end_comes_within_ten_seconds_whatever_is_going_on(data: Path) -> None:
    run("user", "add", "a@b.co", "--data", data)
    space = data_of("space", "create", "--name", "S", "--owner", "a@b.co", "--data", data)["id"]
    token = run("user", "token", "a@b.co", "--data", data)[1].strip()
    async with serving(data) as (process, url), joined(url, space, token) as sio:
        gone = asyncio.Event()
        sio.on("disconnect", lambda *_: gone.set(), namespace=f"/spaces/{space}")
        host, _, port = url.removeprefix("http://").rpartition(":")
        _, writer = await asyncio.open_connection(host, int(port))
        place = f"/spaces/{space}/files/static/{'0' * 64}"
        writer.write(
            f"PUT {place} HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {token}\r\n"
            "Content-Length: 1000000\r\n\r\nbegun".encode()
        )
        await writer.drain()
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
        await asyncio.wait_for(gone.wait(), 5)
        writer.close()
