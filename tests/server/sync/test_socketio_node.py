"""The original's client library, npm's socket.io-client 4, against our server."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from tests.interop.node_env import ensure, node
from tests.server.world_fixture import SPACE, TREE, Server, running_server

SCRIPT = Path(__file__).with_name("client.mjs")
TRANSPORTS = [["polling"], ["websocket"], ["polling", "websocket"]]


class Node:
    """A node process with any number of clients, and what they have reported."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self._process = process
        self._news = asyncio.Condition()
        self.reports: list[list[Any]] = []

    async def read(self) -> None:
        """Collects reports until the process ends."""
        assert self._process.stdout is not None
        async for line in self._process.stdout:
            async with self._news:
                self.reports.append(json.loads(line))
                self._news.notify_all()

    def tell(self, *command: Any) -> None:
        """Gives a command."""
        assert self._process.stdin is not None
        self._process.stdin.write(json.dumps(command).encode() + b"\n")

    def of(self, name: str, event: str) -> list[Any]:
        """What a client reported of one event."""
        return [report[2:] for report in self.reports if report[:2] == [name, event]]

    async def comes(self, name: str, event: str, count: int = 1) -> list[Any]:
        """Waits for that many reports of an event."""
        return await self.until(lambda: self.of(name, event), count)

    async def until(self, found: Callable[[], list[Any]], count: int = 1) -> list[Any]:
        """Waits until so many things are found."""
        async with asyncio.timeout(20), self._news:
            await self._news.wait_for(lambda: len(found()) >= count)
        return found()


@asynccontextmanager
async def node_clients() -> AsyncIterator[Node]:
    """Starts node."""
    folder = await asyncio.to_thread(ensure, ["socket.io-client@4"])
    process = await asyncio.create_subprocess_exec(
        node(), str(SCRIPT), str(folder),
        stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE, limit=64 << 20,
    )  # fmt: skip
    clients = Node(process)
    reading = asyncio.create_task(clients.read())
    try:
        yield clients
    finally:
        assert process.stdin is not None
        process.stdin.close()
        await process.wait()
        await reading


@pytest.fixture
async def server(tmp_path: Path) -> AsyncIterator[Server]:
    async with running_server(tmp_path / "data") as running:
        yield running


@pytest.fixture
async def clients() -> AsyncIterator[Node]:
    async with node_clients() as running:
        yield running


def op(counter: int, **members: Any) -> dict[str, Any]:
    """Makes an op in the wire form."""
    return {"id": {"counter": counter, "peerId": "p1"}, "targetId": "v", **members}


@pytest.mark.timeout(300)
@pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)
async def test_the_original_client_works_unchanged(
    server: Server, clients: Node, transports: list[str]
) -> None:
    namespace = f"/spaces/{SPACE}"
    for name in ("one", "two"):
        clients.tell("connect", name, server.url, namespace, server.token, transports)
        assert await clients.comes(name, "ready") == [[{"spaceId": SPACE}]]
    if len(transports) == 2:
        await clients.comes("one", "upgrade")
    ops = [
        op(1, parentId=None),
        op(2, key="a", value={"b": [1.5, None]}, transient=False),
        op(3, key="a", value=None, transient=False),
        op(4, key="a", transient=False),
        op(5, key="title", value="\ud83d", transient=False),
    ]
    clients.tell("emit", "one", "ops:send", {"treeId": TREE, "ops": ops})
    assert await clients.comes("two", "ops:receive") == [[{"treeId": TREE, "ops": ops}]]
    clients.tell("emit", "two", "ops:state", {"trees": {TREE: None, "unknown": None}})
    assert await clients.comes("two", "ops:sync:done") == [[{"treeIds": [TREE, "unknown"]}]]
    assert clients.of("two", "ops:sync") == [[{"treeId": TREE, "ops": ops}]]
    clients.tell("emit", "two", "ops:state", {"trees": {TREE: {"p1": [[1, 4]]}}})
    await clients.comes("two", "ops:sync:done", 2)
    assert clients.of("two", "ops:sync")[1] == [{"treeId": TREE, "ops": ops[4:]}]
    live = op(9, key="typing", value=True, transient=True)
    clients.tell("emit", "two", "ops:send", {"treeId": TREE, "ops": [live]})
    assert await clients.comes("one", "ops:receive") == [[{"treeId": TREE, "ops": [live]}]]
    assert clients.of("two", "ops:receive")[1:] == []


@pytest.mark.timeout(300)
@pytest.mark.parametrize("transports", TRANSPORTS, ids="+".join)
async def test_a_burst_arrives_whole_and_in_order(
    server: Server, clients: Node, transports: list[str]
) -> None:
    namespace = f"/spaces/{SPACE}"
    for name in ("one", "two"):
        clients.tell("connect", name, server.url, namespace, server.token, transports)
        await clients.comes(name, "ready")
    for counter in range(1, 301):
        payload = {"treeId": TREE, "ops": [op(counter, parentId=None)]}
        clients.tell("emit", "one", "ops:send", payload)
    received = await clients.comes("two", "ops:receive", 300)
    counters = [o["id"]["counter"] for (message,) in received for o in message["ops"]]
    assert counters == list(range(1, 301))


@pytest.mark.timeout(300)
@pytest.mark.parametrize("transports", [["polling"], ["websocket"]], ids="+".join)
async def test_garbage_is_survived(server: Server, clients: Node, transports: list[str]) -> None:
    namespace = f"/spaces/{SPACE}"
    clients.tell("connect", "bad", server.url, namespace, server.token, transports)
    clients.tell("connect", "good", server.url, namespace, server.token, transports)
    await clients.comes("bad", "ready")
    await clients.comes("good", "ready")
    payloads: list[Any] = [
        None, "x", 7, [], {}, {"treeId": "../../x", "ops": []},
        {"treeId": TREE, "ops": [None, "x", {}, {"id": None}]},
        {"trees": {TREE: {"p1": "x"}}}, {"trees": 7},
    ]  # fmt: skip
    for event in ("ops:send", "ops:state", "ops:have", "nothing"):
        for payload in payloads:
            clients.tell("emit", "bad", event, payload)
    mixed = [None, op(1, parentId=None), "x"]
    clients.tell("call", "bad", "ops:send", {"treeId": TREE, "ops": mixed})
    ((ack,),) = await clients.comes("bad", "ack")
    assert (ack["accepted"], len(ack["rejected"])) == (1, 2)
    await clients.comes("good", "ops:receive")
    assert not clients.of("bad", "disconnect") and not clients.of("good", "disconnect")


@pytest.mark.timeout(300)
@pytest.mark.parametrize("transports", [["polling"], ["websocket"]], ids="+".join)
async def test_refusals_have_the_messages_of_the_original(
    server: Server, clients: Node, transports: list[str]
) -> None:
    space = f"/spaces/{SPACE}"
    _, stranger = await server.another_user("stranger@example.org")
    expired = server.world.accounts.sessions._tokens.access(server.user.id, "", "f" * 32, -5)
    cases = {
        "missing": (space, None, "unauthorized"),
        "malformed": (space, "x", "unauthorized"),
        "as header": (space, f"Bearer {server.token}", "unauthorized"),
        "an object": (space, {"a": 1}, "unauthorized"),
        "expired": (space, expired, "unauthorized"),
        "stranger": (space, stranger, "forbidden"),
        "nowhere": ("/spaces/nowhere", server.token, "forbidden"),
        "root": ("/", server.token, "Invalid namespace"),
        "deeper": (f"{space}/x", server.token, "Invalid namespace"),
        "doubled": (f"/spaces//{SPACE}", server.token, "Invalid namespace"),
        "trailing": (f"{space}/", server.token, "Invalid namespace"),
        "dots": ("/spaces/../x", server.token, "Invalid namespace"),
        "other": ("/other", server.token, "Invalid namespace"),
    }
    for name, (namespace, token, _) in cases.items():
        clients.tell("connect", name, server.url, namespace, token, transports)
    for name, (_, _, message) in cases.items():
        assert (await clients.comes(name, "connect_error"))[0] == [message], name
        assert not clients.of(name, "ready")
    assert not server.world.connections.living


@pytest.mark.timeout(300)
async def test_a_frame_beyond_the_limit_is_refused_with_a_reason(
    server: Server, clients: Node
) -> None:
    namespace = f"/spaces/{SPACE}"
    clients.tell("connect", "big", server.url, namespace, server.token, ["websocket"])
    await clients.comes("big", "ready")
    value = "x" * ((16 << 20) + 1000)
    ops = [op(1, key="k", value=value)]
    clients.tell("emit", "big", "ops:send", {"treeId": TREE, "ops": ops})
    assert (await clients.comes("big", "error"))[0] == [{"code": "too_large"}]
    await clients.comes("big", "disconnect")
