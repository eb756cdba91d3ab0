"""python-socketio's client, as our daemon uses it, against our server over websocket."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from pathlib import Path
from typing import Any

import pytest
import socketio

from tests.server.world_fixture import SPACE, TREE, Server, eventually, running_server

NAMESPACE = f"/spaces/{SPACE}"


class Client:
    """One connection and everything it heard."""

    def __init__(self) -> None:
        options = {"max_msg_size": 0}
        self.sio: Any = socketio.AsyncClient(reconnection=False, websocket_extra_options=options)
        self.heard: list[tuple[str, Any]] = []
        self.sio.on("*", self._hear, namespace=NAMESPACE)
        self.sio.on("disconnect", self._end, namespace=NAMESPACE)
        self.ended = asyncio.Event()

    async def _hear(self, event: str, *args: Any) -> None:
        self.heard.append((event, args[0] if args else None))

    async def _end(self, *_: Any) -> None:
        self.ended.set()

    async def join(
        self,
        server: Server,
        token: str | None = None,
        transports: Sequence[str] = ("websocket",),
        **auth: Any,
    ) -> None:
        """Connects with protocol 2."""
        await self.sio.connect(
            server.url,
            auth={"token": token or server.token, "protocol": 2, **auth},
            namespaces=[NAMESPACE],
            transports=list(transports),
            wait_timeout=10,
        )
        await self.comes("ready")

    def events(self, name: str) -> list[Any]:
        """Payloads of one event."""
        return [payload for event, payload in self.heard if event == name]

    async def comes(self, name: str, count: int = 1) -> list[Any]:
        """Waits for that many events."""
        await eventually(lambda: len(self.events(name)) >= count, name)
        return self.events(name)

    async def send(self, first: int, last: int, size: int = 1) -> Any:
        """Sends property ops and returns the acknowledgement."""
        ops = [
            {"id": {"counter": counter, "peerId": "p1"}, "targetId": "v", "key": "k",
             "value": "x" * size}
            for counter in range(first, last + 1)
        ]  # fmt: skip
        payload = {"treeId": TREE, "ops": ops}
        return await self.sio.call("ops:send", payload, namespace=NAMESPACE, timeout=20)


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running_server(tmp_path / "data") as running:
        yield running


@pytest.fixture
async def clients() -> AsyncIterator[list[Client]]:
    made = [Client(), Client()]
    yield made
    for client in made:
        await client.sio.disconnect()
        if client.sio.eio.http is not None:
            await client.sio.eio.http.close()


async def test_pushing_and_pulling_many_ops(server: Server, clients: list[Client]) -> None:
    writer, reader = clients
    await writer.join(server)
    origin = writer.events("ready")[0]["cursor"]
    acks = await asyncio.gather(*(writer.send(n * 2500 + 1, n * 2500 + 2500) for n in range(10)))
    assert sum(ack["accepted"] for ack in acks) == 25_000
    await reader.join(server)
    assert await reader.sio.call("ops:state", {"since": origin}, namespace=NAMESPACE)
    (done,) = await reader.comes("ops:sync:done")
    chunks = reader.events("ops:sync")
    at = origin
    for chunk in chunks:
        assert chunk["prev"] == at and len(chunk["ops"]) <= 10_000
        at = chunk["cursor"]
    assert at == done["cursor"] and sum(len(chunk["ops"]) for chunk in chunks) == 25_000
    await reader.sio.emit("ops:state", {"trees": {TREE: None}}, namespace=NAMESPACE)
    await reader.comes("ops:sync:done", 2)
    pulled = reader.events("ops:sync")[len(chunks) :]
    counters = [op["id"]["counter"] for chunk in pulled for op in chunk["ops"]]
    assert counters == list(range(1, 25_001))


@pytest.mark.parametrize(
    "transports", [["polling"], ["websocket"], ["polling", "websocket"]], ids="+".join
)
async def test_what_many_send_at_once_comes_in_order_over_every_transport(
    server: Server, clients: list[Client], transports: list[str]
) -> None:
    sender, hearer = clients
    await sender.join(server, transports=transports)
    await hearer.join(server, transports=transports)
    answers = await asyncio.gather(*(sender.send(first, first + 9) for first in range(1, 301, 10)))
    assert [answer["accepted"] for answer in answers] == [10] * 30

    def heard() -> list[int]:
        parts = hearer.events("ops:receive")
        return [op["id"]["counter"] for part in parts for op in part["ops"]]

    await eventually(lambda: len(heard()) >= 300)
    assert heard() == list(range(1, 301))
    steps = [(part["prev"]["seq"], part["cursor"]["seq"]) for part in hearer.events("ops:receive")]
    assert [start for start, _ in steps[1:]] == [end for _, end in steps[:-1]]


async def test_a_frame_of_fifteen_megabytes(server: Server, clients: list[Client]) -> None:
    writer, reader = clients
    await writer.join(server)
    await reader.join(server)
    ack = await writer.send(1, 30, size=500_000)
    assert ack["accepted"] == 30

    def counters() -> list[int]:
        messages = reader.events("ops:receive")
        return [op["id"]["counter"] for message in messages for op in message["ops"]]

    await eventually(lambda: len(counters()) >= 30)
    assert counters() == list(range(1, 31))
    assert len(reader.events("ops:receive")) >= 10, "cut into chunks"


async def test_an_expired_token_is_told_and_disconnected(
    server: Server, clients: list[Client]
) -> None:
    client, other = clients
    await client.join(server)
    server.clock.ahead = 8 * 86_400
    token = await server.world.accounts.make_token(server.user.email, 1)
    await client.comes("auth:expired")
    await asyncio.wait_for(client.ended.wait(), 5)
    await other.join(server, token)
    assert (await other.send(1, 1))["ok"]


async def test_news_of_files_and_secrets(server: Server, clients: list[Client]) -> None:
    import aiohttp

    client = clients[0]
    await client.join(server)
    blob_hash = "2cf24dba5fb0a30e26e83b2ac5b9e29e1b161e5c1fa7425e73043362938b9824"
    headers = {"Authorization": f"Bearer {server.token}"}
    async with aiohttp.ClientSession(headers=headers) as http:
        base = f"{server.url}{NAMESPACE}"
        async with http.put(f"{base}/files/static/{blob_hash}", data=b"hello") as answer:
            assert answer.status == 201
        new = {"If-None-Match": "*"}
        async with http.put(f"{base}/files/var/{'1' * 32}", data=b"x", headers=new) as answer:
            revision = (await answer.json())["revision"]
        async with http.get(f"{base}/secrets") as answer:
            seen, body = answer.headers["ETag"], {"sealed": (await answer.json())["sealed"]}
        async with http.put(f"{base}/secrets", json=body, headers={"If-Match": seen}) as answer:
            etag = (await answer.json())["etag"]
    assert await client.comes("files:changed", 2) == [
        {"static": [blob_hash], "var": []},
        {"static": [], "var": [{"id": "1" * 32, "revision": revision}]},
    ]
    assert await client.comes("secrets:changed") == [{"etag": etag}]


async def test_sessions_are_let_go_when_the_transport_ends(
    server: Server, clients: list[Client]
) -> None:
    for client in clients:
        await client.join(server)
    assert len(server.world.connections.living) == 2
    for client in clients:
        await client.sio.disconnect()
    await eventually(lambda: not server.world.connections.living)
    assert server.world.spaces.open_spaces[SPACE].users == 0
