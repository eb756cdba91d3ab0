"""The stand-in does what part 1 of the wire protocol says of the original, its faults included."""

from __future__ import annotations

from contextlib import asynccontextmanager
from typing import TYPE_CHECKING, Any

import aiohttp
import jwt
import pytest
import socketio

from tests.mirror.bench import SPACE, until
from tests.original_server.running import EMAIL, KEY, USER, RunningOriginal

if TYPE_CHECKING:
    from collections.abc import AsyncIterator
    from pathlib import Path

TREE = "66311b5732f44edab7e16ff76fa16666"


@pytest.fixture
async def original(tmp_path: Path) -> AsyncIterator[RunningOriginal]:
    original = RunningOriginal(tmp_path / "original", SPACE)
    await original.start()
    yield original
    await original.kill()


class Client:
    """A client that keeps what it is told."""

    def __init__(self, original: RunningOriginal, namespace: str) -> None:
        self.original = original
        self.namespace = namespace
        self.heard: list[tuple[str, Any]] = []
        self.is_gone = False
        self.io: Any = socketio.AsyncClient(reconnection=False)
        self.io.on("*", self._on_event, namespace=namespace)
        self.io.on("disconnect", self._on_end, namespace=namespace)

    async def _on_event(self, name: str, payload: Any = None) -> None:
        self.heard.append((name, payload))

    async def _on_end(self, *_: Any) -> None:
        self.is_gone = True

    async def send(self, name: str, payload: Any) -> None:
        await self.io.emit(name, payload, namespace=self.namespace)

    def told(self, name: str) -> list[Any]:
        return [payload for heard, payload in self.heard if heard == name]

    async def ask(self, trees: dict[str, Any]) -> dict[str, list[tuple[int, str]]]:
        """Asks, and returns the ids it was shown by tree."""
        before = len(self.told("ops:sync:done"))
        self.heard = [entry for entry in self.heard if entry[0] != "ops:sync"]
        await self.send("ops:state", {"trees": trees})
        await until(lambda: len(self.told("ops:sync:done")) > before)
        assert self.told("ops:sync:done")[-1] == {"treeIds": [*trees]}
        return {
            sync["treeId"]: [(op["id"]["counter"], op["id"]["peerId"]) for op in sync["ops"]]
            for sync in self.told("ops:sync")
        }


@asynccontextmanager
async def joined(
    original: RunningOriginal, namespace: str = f"/spaces/{SPACE}", auth: Any = None
) -> AsyncIterator[Client]:
    client = Client(original, namespace)
    given = {"token": original.token()} if auth is None else auth
    await client.io.connect(
        original.url, auth=given, namespaces=[namespace], transports=["websocket"]
    )
    try:
        yield client
    finally:
        await client.io.disconnect()


def move(counter: int, target: str, parent: str | None = None, peer: str = "aa") -> dict[str, Any]:
    return {"id": {"counter": counter, "peerId": peer}, "targetId": target, "parentId": parent}


def prop(counter: int, target: str, value: Any, peer: str = "aa", **more: Any) -> dict[str, Any]:
    op = {"id": {"counter": counter, "peerId": peer}, "targetId": target, "key": "k"}
    return op | {"value": value, "transient": False} | more


@pytest.mark.parametrize(
    ("namespace", "auth", "message"),
    [
        (f"/spaces/{SPACE}", {"token": "x"}, "unauthorized"),
        (f"/spaces/{SPACE}", {}, "unauthorized"),
        (f"/spaces/{'b' * 32}", None, "forbidden"),
        ("/other", None, "Invalid namespace"),
    ],
)
async def test_refusals(original: RunningOriginal, namespace: str, auth: Any, message: str) -> None:
    client = Client(original, namespace)
    found: list[Any] = []

    async def refused(data: Any) -> None:
        found.append(data)

    client.io.on("connect_error", refused, namespace=namespace)
    given = {"token": original.token()} if auth is None else auth
    with pytest.raises(socketio.exceptions.ConnectionError):
        await client.io.connect(
            original.url, auth=given, namespaces=[namespace], transports=["websocket"]
        )
    assert found == [{"message": message}]


async def test_what_it_lets_in_that_it_should_not(original: RunningOriginal) -> None:
    async with joined(original, "/", {}) as client:
        assert client.io.connected, "without a token, where no space is"
    for namespace in (f"/spaces/{SPACE}/x", f"/spaces//{SPACE}"):
        async with joined(original, namespace) as client:
            await until(lambda c=client: bool(c.told("ready")))  # type: ignore[misc]
            assert client.told("ready") == [{"spaceId": SPACE}]


async def test_ops_are_broadcast_to_others_kept_and_never_acknowledged(
    original: RunningOriginal,
) -> None:
    async with joined(original) as a, joined(original) as b:
        await until(lambda: bool(a.told("ready") and b.told("ready")))
        payload = {"treeId": TREE, "ops": [move(1, "x"), prop(2, "x", None)]}
        with pytest.raises(socketio.exceptions.TimeoutError):
            await a.io.call("ops:send", payload, namespace=a.namespace, timeout=0.3)
        await until(lambda: b.told("ops:receive") == [payload])
        assert a.told("ops:receive") == []
        live = prop(3, "x", 1, transient=True)
        await a.send("ops:send", {"treeId": TREE, "ops": [live]})
        await until(lambda: len(b.told("ops:receive")) == 2)
        assert await b.ask({TREE: None, "unknown": None}) == {TREE: [(1, "aa"), (2, "aa")]}
        assert await b.ask({TREE: {"aa": [[1, 2]]}}) == {}
    assert original.ends == []


async def test_losers_and_what_waits_are_shown_as_the_original_does(
    original: RunningOriginal,
) -> None:
    async with joined(original) as client:
        ops = [move(1, "x"), prop(5, "x", "newer"), prop(4, "x", "older"), move(6, "y", "nobody")]
        await client.send("ops:send", {"treeId": TREE, "ops": ops})
        assert await client.ask({TREE: {}}) == {TREE: [(1, "aa"), (5, "aa")]}
        assert await client.ask({TREE: None}) == {TREE: [(1, "aa"), (5, "aa"), (4, "aa")]}
        await client.send("ops:send", {"treeId": TREE, "ops": [move(7, "nobody")]})
        assert (6, "aa") in (await client.ask({TREE: {}}))[TREE]


async def test_resends_are_appended_again_and_the_last_half_second_is_lost(
    original: RunningOriginal,
) -> None:
    async with joined(original) as client:
        for _ in range(2):
            await client.send("ops:send", {"treeId": TREE, "ops": [move(1, "x")]})
        await until(lambda: sum(op["targetId"] == "x" for op in original.written()) == 2)
        await client.send("ops:send", {"treeId": TREE, "ops": [move(2, "late")]})
        assert (2, "aa") in (await client.ask({TREE: None}))[TREE]
        await original.kill()
        await until(lambda: client.is_gone)
    await original.start()
    async with joined(original) as client:
        assert await client.ask({TREE: None}) == {TREE: [(1, "aa")]}


@pytest.mark.parametrize(
    ("name", "payload"),
    [
        ("ops:send", {"treeId": TREE, "ops": [None]}),
        ("ops:send", {"treeId": TREE, "ops": ["text"]}),
        ("ops:send", {"treeId": TREE, "ops": [{"targetId": "x", "parentId": None}]}),
        ("ops:state", {"trees": {SPACE: "text"}}),
        ("ops:state", {"trees": {SPACE: {"aa": [1, 2]}}}),
    ],
)
async def test_what_ends_its_process(original: RunningOriginal, name: str, payload: Any) -> None:
    async with joined(original) as client:
        await client.send(name, payload)
        await until(lambda: client.is_gone)
    assert len(original.ends) == 1


async def test_a_frame_above_its_limit_ends_the_connection_without_a_reason(
    original: RunningOriginal,
) -> None:
    async with joined(original) as client:
        await until(lambda: client.told("ready") != [])
        await client.send("ops:send", {"treeId": TREE, "ops": [prop(1, "x", "z" * 1_000_001)]})
        await until(lambda: client.is_gone)
        assert client.told("error") == []
    assert original.ends == [] and TREE not in original.space.trees


async def test_its_routes(original: RunningOriginal) -> None:
    headers = {"Authorization": f"Bearer {original.token()}"}
    async with aiohttp.ClientSession(original.url) as http:

        async def ask(verb: str, path: str, body: Any = None, **more: Any) -> tuple[int, Any]:
            async with http.request(verb, path, json=body, **more) as answer:
                return answer.status, await answer.json(content_type=None)

        assert await ask("GET", "/health") == (200, {"ok": True})
        assert await ask("GET", "/spaces") == (401, {"ok": False, "error": "unauthorized"})
        shown = {"id": SPACE, "name": "Ours"}
        listed = await ask("GET", "/spaces", headers=headers)
        assert listed == (200, {"ok": True, "spaces": [shown]})
        other = await ask("GET", "/spaces/" + "b" * 32, headers=headers)
        assert other == (404, {"ok": False, "error": "not found"})
        made = await ask("POST", "/spaces", {"id": "c" * 32, "name": "Mine"}, headers=headers)
        assert made[1]["space"]["id"] != "c" * 32, "it takes no id"
        where = await ask("POST", f"/spaces/{SPACE}/connect", headers=headers)
        assert where[1]["connect"] == {"namespace": f"/spaces/{SPACE}", "path": "/socket.io"}
        assert (await ask("GET", "/auth/me", headers=headers))[1]["email"] == EMAIL
        status, fresh = await ask("POST", "/auth/refresh", {"refresh_token": original.token()})
        assert (status, fresh["expires_in"]) == (200, 7 * 24 * 3600)
        claims = jwt.decode(fresh["access_token"], KEY, algorithms=["HS256"])
        assert (claims["sub"], claims["exp"] - claims["iat"]) == (USER, 7 * 24 * 3600)
        for path in (f"/spaces/{SPACE}/secrets", f"/spaces/{SPACE}/files/missing", "/ready"):
            async with http.get(path, headers=headers) as answer:
                assert answer.status == 404


async def test_what_comes_while_a_tree_is_written_is_missing_until_the_next_start(
    original: RunningOriginal,
) -> None:
    original.server.writing_s = 0.4
    async with joined(original) as client:
        await client.send("ops:send", {"treeId": TREE, "ops": [move(1, "x")]})
        await until(lambda: TREE in original.space.being_written)
        await client.send("ops:send", {"treeId": TREE, "ops": [move(2, "y")]})
        assert await client.ask({TREE: None}) == {TREE: [(1, "aa")]}
        await until(lambda: any(op["targetId"] == "y" for op in original.written()))
        assert await client.ask({TREE: None}) == {TREE: [(1, "aa")]}
        await original.kill()
    await original.start()
    async with joined(original) as client:
        assert await client.ask({TREE: None}) == {TREE: [(1, "aa"), (2, "aa")]}
