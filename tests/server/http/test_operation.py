"""The server in operation: figures, logs, request ids, and clients that dawdle or send too much."""

from __future__ import annotations

import asyncio
import json
import logging
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sila_daemon.server.http import guarded_app
from sila_daemon.server.http import protocol as http_protocol
from sila_daemon.server.logs import configure
from sila_daemon.server.metrics import GAUGES
from sila_daemon.server.ops.op_store import Batch
from sila_daemon.server.settings import ListenSettings, LogSettings, MetricsSettings, ServerSettings
from tests.server.http_api import Api, running_api
from tests.server.world_fixture import SPACE, TREE, moves

TOKEN = "a token of twenty-some letters"
SETTINGS = ServerSettings(
    listen=ListenSettings(trusted_proxies=["127.0.0.1"]), metrics=MetricsSettings(token=TOKEN)
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path / "data") as api:
        yield api


async def raw(api: Api, sent: bytes, *, seconds: float = 15.0) -> bytes:
    """Sends bytes and returns everything that comes until the server closes."""
    host, _, port = api.server.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    try:
        writer.write(sent)
        async with asyncio.timeout(seconds):
            return await reader.read()
    except ConnectionError:
        return b""
    finally:
        writer.close()


async def test_figures_are_for_this_machine_or_with_the_token(tmp_path: Path, api: Api) -> None:
    status, headers, _ = await api.ask("GET", "/metrics", token=None)
    assert status == 200 and headers["Content-Type"].startswith("text/plain")
    through_proxy = {"X-Forwarded-For": "203.0.113.7"}
    status, _, answer = await api.ask("GET", "/metrics", token=None, headers=through_proxy)
    assert (status, answer["code"]) == (403, "not_permitted")
    async with running_api(tmp_path / "other", SETTINGS) as other:
        assert (await other.ask("GET", "/metrics", headers=through_proxy))[0] == 403
        right = {"Authorization": f"Bearer {TOKEN}"}
        for sent in (through_proxy | right, right):
            assert (await other.ask("GET", "/metrics", token=None, headers=sent))[0] == 200


async def test_figures_tell_what_happened(api: Api) -> None:
    async with api.server.world.spaces.use(SPACE) as space:
        await space.store.commit([Batch(TREE, moves(1, 7), "x")])
        await space.store.commit([Batch(TREE, moves(1, 2), "x")])
    await api.ask("GET", f"/spaces/{SPACE}")
    await api.ask("GET", "/nowhere")
    _, _, text = await api.ask("GET", "/metrics", token=None)
    lines = dict(line.rsplit(" ", 1) for line in text.decode().splitlines() if line[0] != "#")
    assert float(lines['sila_ops_total{outcome="duplicate"}']) == 2.0
    assert float(lines['sila_ops_total{outcome="accepted"}']) >= 7.0
    assert float(lines["sila_commit_seconds_count"]) >= 2.0
    route = 'method="GET",route="/spaces/{space_id}",status="200"'
    assert float(lines[f"sila_http_requests_total{{{route}}}"]) == 1.0
    assert 'sila_http_requests_total{method="other",route="(none)",status="404"}' in lines
    assert float(lines["process_resident_memory_bytes"]) > 1e6
    assert set(GAUGES) <= set(lines) and float(lines["sila_hubs"]) == 1.0
    assert SPACE not in text.decode(), "no figure for each space: there may be many"


async def test_ready_says_when_nothing_is_taken_any_more(api: Api) -> None:
    assert (await api.ask("GET", "/ready", token=None))[0] == 200
    api.server.world.is_stopping = True
    status, _, answer = await api.ask("GET", "/ready", token=None)
    assert (status, answer["code"]) == (503, "shutting_down")
    assert (await api.ask("GET", "/health", token=None))[0] == 200


async def test_every_answer_has_a_request_id(tmp_path: Path, api: Api) -> None:
    mine = {"X-Request-Id": "mine-1"}
    for path in ("/health", "/nowhere", "/socket.io/?EIO=4&transport=polling"):
        _, headers, _ = await api.ask("GET", path, headers=mine)
        assert len(headers["X-Request-Id"]) == 16, "a stranger's is not taken"
    async with running_api(tmp_path / "other", SETTINGS) as other:
        _, headers, _ = await other.ask("GET", "/health", headers=mine)
        assert headers["X-Request-Id"] == "mine-1"


async def test_logs_are_lines_of_json_without_secrets(
    api: Api, capsys: pytest.CaptureFixture[str]
) -> None:
    root = logging.getLogger()
    before = root.handlers, root.level
    configure(LogSettings(level="debug"))
    try:
        await api.server.world.accounts.add_user("a@example.org", "correct horse 17 battery")
        login = {"email": "a@example.org", "password": "correct horse 17 battery"}
        _, _, signed = await api.ask("POST", "/auth/login", login, token=None)
        _, headers, _ = await api.ask("GET", f"/spaces/{SPACE}", token=api.server.token)
        await api.ask("POST", "/invites/a-secret-invitation/accept", {})
    finally:
        root.handlers, root.level = before
    text = capsys.readouterr().err
    lines: list[dict[str, Any]] = [json.loads(line) for line in text.splitlines()]
    requests = [line for line in lines if line["message"] == "request"]
    one = next(line for line in requests if line["route"] == "/spaces/{space_id}")
    assert (one["status"], one["space"], one["user"]) == (200, SPACE, api.server.user.id)
    assert one["request"] == headers["X-Request-Id"] and one["ms"] >= 0
    secrets = (signed["access_token"], signed["refresh_token"], api.server.token)
    for secret in (*secrets, "correct horse", "a-secret-invitation"):
        assert secret not in text


@pytest.mark.parametrize(
    ("head", "status"),
    [
        (b"GET /health HTTP/1.1\r\nHost: x\r\nX: " + b"y" * 40_000 + b"\r\n\r\n", b"431"),
        (b"GET /health HTTP/1.1\r\n" + b"X: y\r\n" * 20_000 + b"\r\n", b"431"),
        (b"GET /" + b"y" * 10_000 + b" HTTP/1.1\r\nHost: x\r\n\r\n", b"414"),
        (b"GET /health HTTP/9.9\r\n\r\n", b"400"),
        (b"\x16\x03\x01\x00\xff" * 50, b"400"),
        (b"GET /health HTTP/1.1\r\nContent-Length: -5\r\n\r\n", b"400"),
    ],
)
async def test_heads_that_are_too_large_or_wrong(api: Api, head: bytes, status: bytes) -> None:
    answer = await raw(api, head)
    assert answer.startswith(b"HTTP/1.1 " + status), answer[:80]
    assert (await api.ask("GET", "/health", token=None))[0] == 200


async def test_who_dawdles_is_let_go(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_protocol, "HEADER_SECONDS_MAX", 0.2)
    monkeypatch.setattr(guarded_app, "BODY_SECONDS_MAX", 0.2)
    assert await raw(api, b"") == b""
    assert await raw(api, b"GET /health HTTP/1.1\r\nHost:") == b""
    begun = (
        f"PUT /spaces/{SPACE}/files/static/{'0' * 64} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {api.server.token}\r\nContent-Length: 100\r\n\r\nabc"
    )
    answer = await raw(api, begun.encode())
    assert answer.startswith(b"HTTP/1.1 400") and b'"incomplete"' in answer
    login = b"POST /auth/login HTTP/1.1\r\nHost: x\r\nContent-Length: 100\r\n\r\n{"
    assert (await raw(api, login)).startswith(b"HTTP/1.1 400")
    assert (await api.ask("GET", "/health", token=None))[0] == 200
    files = api.server.world.spaces.layout(SPACE).files_dir
    assert [path for path in files.rglob("*") if path.is_file()] == []


async def test_there_are_only_so_many_connections(tmp_path: Path) -> None:
    few = ServerSettings(listen=ListenSettings(connections_max=10))
    async with running_api(tmp_path / "data", few) as api:
        host, _, port = api.server.url.removeprefix("http://").rpartition(":")
        held = [await asyncio.open_connection(host, int(port)) for _ in range(10)]
        assert (await raw(api, b"GET /health HTTP/1.1\r\nHost: x\r\n\r\n")).startswith(
            b"HTTP/1.1 503"
        )
        for _, writer in held:
            writer.close()
        for _ in range(1000):
            await asyncio.sleep(0)
            answer = await raw(api, b"GET /health HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n")
            if b" 200 " in answer:
                break
        assert b" 200 " in answer
