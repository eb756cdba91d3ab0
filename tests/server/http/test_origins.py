"""Pages and desktop apps from elsewhere: who may talk to the server, and who may not."""

from __future__ import annotations

from pathlib import Path

import aiohttp
import pytest

from sila_daemon.core.errors import UsageError
from sila_daemon.server.http.origins import OriginRule, checked_origin
from tests.server.sync.test_socketio_node import TRANSPORTS, node_clients
from tests.server.world_fixture import SPACE, running_server

TAURI = "tauri://localhost"


@pytest.mark.parametrize(
    "origin", ["https://a.example", "http://localhost:5173", TAURI, "file://", "null", "*"]
)
def test_an_origin_is_taken_as_browsers_write_it(origin: str) -> None:
    assert checked_origin(origin) == origin


@pytest.mark.parametrize("origin", ["", "a.example", "https://a/b", "https://a,https://b", "nullx"])
def test_what_no_browser_sends_is_refused(origin: str) -> None:
    with pytest.raises(UsageError):
        checked_origin(origin)


def test_the_own_origin_is_allowed_beside_named_ones() -> None:
    rule = OriginRule(["HTTPS://App.example/"])
    environ = {"wsgi.url_scheme": "http", "HTTP_HOST": "here:6001"}
    assert rule.allows("http://here:6001", environ)
    assert rule.allows("https://app.example", environ)
    assert not rule.allows("https://here:6001", environ)
    assert not OriginRule().allows(TAURI, environ)
    assert OriginRule(["*"]).allows(TAURI, environ)
    behind_proxy = {**environ, "wsgi.url_scheme": "https", "HTTP_X_FORWARDED_PROTO": "https"}
    assert rule.allows("https://here:6001", behind_proxy)


@pytest.mark.timeout(300)
@pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)
async def test_a_desktop_app_connects_where_it_is_allowed(
    tmp_path: Path, transports: list[str]
) -> None:
    from_app = {"Origin": TAURI}
    namespace = f"/spaces/{SPACE}"
    async with node_clients() as clients:
        async with running_server(tmp_path / "open", [TAURI]) as server:
            for name, headers in [("app", from_app), ("page", {"Origin": "https://evil.example"})]:
                clients.tell(
                    "connect", name, server.url, namespace, server.token, transports, headers
                )
            assert await clients.comes("app", "ready") == [[{"spaceId": SPACE}]]
            await clients.comes("page", "connect_error")
            assert not clients.of("page", "ready")
        async with running_server(tmp_path / "closed") as server:
            clients.tell(
                "connect", "shut", server.url, namespace, server.token, transports, from_app
            )
            await clients.comes("shut", "connect_error")
            clients.tell("connect", "plain", server.url, namespace, server.token, transports)
            await clients.comes("plain", "ready")


async def test_http_answers_may_be_read_by_named_origins_only(tmp_path: Path) -> None:
    asks = {
        "Origin": TAURI,
        "Access-Control-Request-Method": "PUT",
        "Access-Control-Request-Headers": "authorization,if-match,content-type",
    }
    async with aiohttp.ClientSession() as session:
        for allowed, is_open in ([[TAURI], True], [[], False], [["https://other"], False]):
            async with running_server(tmp_path / str(allowed), allowed) as server:  # type: ignore[arg-type]
                async with session.options(f"{server.url}/spaces", headers=asks) as answer:
                    assert (answer.status == 200) is is_open
                    assert (answer.headers.get("Access-Control-Allow-Origin") == TAURI) is is_open
                token = {"Origin": TAURI, "Authorization": f"Bearer {server.token}"}
                async with session.get(f"{server.url}/spaces", headers=token) as answer:
                    assert answer.status == 200
                    has = answer.headers.get("Access-Control-Allow-Origin") == TAURI
                    assert has is is_open
                async with session.get(f"{server.url}/spaces", headers={"Origin": TAURI}) as answer:
                    has = answer.headers.get("Access-Control-Allow-Origin") == TAURI
                    assert answer.status == 401 and has is is_open
