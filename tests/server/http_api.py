"""A client of the HTTP routes that returns what came, nothing hidden."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Any

import aiohttp

from tests.server import conformance
from tests.server.world_fixture import running_server

if TYPE_CHECKING:
    from sila_daemon.server.settings import ServerSettings
    from tests.server.world_fixture import Server


class Api:
    """Asks a server and returns status, headers and JSON; every answer is one of the documented."""

    def __init__(self, server: Server, session: aiohttp.ClientSession) -> None:
        self.server = server
        self.session = session
        self.answered: set[tuple[str, str, str]] = set()
        """Method, path of the route, status: what was seen so far."""

    async def ask(
        self,
        method: str,
        path: str,
        body: Any = None,
        *,
        token: str | None = "",
        headers: dict[str, str] | None = None,
        data: Any = None,
    ) -> tuple[int, Any, Any]:
        """`token` None asks without one; the default is the owner's."""
        sent = dict(headers or {})
        if token is not None:
            sent["Authorization"] = f"Bearer {token or self.server.token}"
        url = self.server.url + path
        async with self.session.request(method, url, json=body, data=data, headers=sent) as answer:
            raw = await answer.read()
            conformance.check(method, answer.url.path, answer.status, answer.headers, raw)
            known = conformance.path_of(method, answer.url.path)
            self.answered.add((method, known or "", str(answer.status)))
            is_json = raw and answer.content_type == "application/json"
            return answer.status, answer.headers, json.loads(raw) if is_json else raw


@asynccontextmanager
async def running_api(data: Path, settings: ServerSettings | None = None) -> AsyncIterator[Api]:
    """A server on a fresh data folder, and a client of it."""
    async with (
        running_server(data, settings=settings) as server,
        aiohttp.ClientSession() as session,
    ):
        yield Api(server, session)
