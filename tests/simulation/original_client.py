"""A client of the original: part 1 of the wire protocol, without cursors and acknowledgements.

It downloads everything at each connection, finds the app trees by `tid` in the space tree, and
sends again what it made and did not see in the answer. It is never told that anything is safe.
"""

from __future__ import annotations

import asyncio
import json
from random import Random
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import SilaError
from tests.simulation.byzantine import line_of
from tests.simulation.device import SPACE
from tests.simulation.process import spawn_outside
from tests.simulation.raw_client import RawClient
from tests.simulation.record import ViolationError, fact_of

if TYPE_CHECKING:
    from tests.simulation.plan import Action
    from tests.simulation.reader import Line
    from tests.simulation.server import SimServer
    from tests.simulation.world import SimWorld

RETRY_S = 1.0


class OriginalClient:
    """The original's JS client, as one person's browser runs it."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._server = world.servers[(world.plan.seed // 7) % len(world.servers)]
        self._client = RawClient("original", world.network, self._server)
        self._random = Random(f"{world.plan.seed} original")
        self._peer = self._random.randbytes(16).hex()
        self._lines: set[Line] = set()
        self._trees: list[str] = []
        """Those that it asked for, in the order in which it heard of them."""
        self._own: list[tuple[Line, dict[str, Any]]] = []
        self._heard: set[Line] = set()
        """What the server said over this connection."""
        self._downloaded: set[str] = set()
        """Trees whose answer came whole over this connection."""
        self._is_member = False
        self._running: asyncio.Task[None] | None = None

    @property
    def is_at_rest(self) -> bool:
        """Whether it is connected, and has downloaded every tree that it knows."""
        is_whole = self._downloaded >= {SPACE, *self._trees}
        return self._running is None or (self._client.wire is not None and is_whole)

    async def act(self, action: Action) -> None:
        """Edits, offline too; the first time it signs in and stays."""
        if self._running is None:
            try:
                await self._join()
            except SilaError:
                return  # The server is down: it comes another time.
            self._running = spawn_outside(self._run())
        await self._edit(action)

    async def _join(self) -> None:
        if not self._is_member:
            await self._client.join_space("editor")
            self._is_member = True

    def went_back(self, held: set[Line]) -> None:
        """Is opened anew, without what nobody holds any more; its own edits it sends again."""
        self._lines &= held.union(line for line, _ in self._own)

    def server_restored(self, server: SimServer) -> None:
        """Its account may not be known there now."""
        self._is_member &= server is not self._server

    async def heal(self) -> None:
        """Connects anew: what a server could not store and never answered is sent again."""
        self._client.cut()

    async def _run(self) -> None:
        while True:
            try:
                await self._join()
                await self._client.connect(1)
                await self._work()
            except SilaError:
                self._client.connection = None
            await asyncio.sleep(RETRY_S)

    async def _work(self) -> None:
        known, self._trees = [SPACE, *self._trees], []
        self._downloaded, self._heard = set(), set()
        while True:
            what, payload = await self._client.receive()
            if what == "ready":
                if set(payload) != {"spaceId"}:
                    raise ViolationError(f"a client of the original is greeted with {payload}")
                for tree in known:
                    await self._ask_for(tree)
            elif what in ("ops:sync", "ops:receive"):
                if set(payload) != {"treeId", "ops"}:
                    raise ViolationError(f"a client of the original is told {sorted(payload)}")
                await self._merge(payload["treeId"], payload["ops"])
            elif what == "ops:sync:done":
                for tree in payload["treeIds"]:
                    self._downloaded.add(tree)
                    await self._send_again(tree)

    async def _ask_for(self, tree: str) -> None:
        if tree not in self._trees:
            self._trees.append(tree)
            await self._client.send("ops:state", {"trees": {tree: None}})

    async def _merge(self, tree: str, ops: list[Any]) -> None:
        for op in ops:
            if op.get("transient") is True:
                continue
            line = line_of(tree, op)
            self._lines.add(line)
            self._heard.add(line)
            await self._ask_for(tree)
            if tree == SPACE and line.key == "tid" and line.value is not None:
                found = json.loads(line.value)
                if isinstance(found, str):
                    await self._ask_for(found)

    async def _send_again(self, tree: str) -> None:
        lacking = [op for line, op in self._own if line.tree == tree and line not in self._heard]
        if lacking:
            await self._client.send("ops:send", {"treeId": tree, "ops": lacking})
            # Nothing is acknowledged to it: only another download shows whether it arrived.
            self._downloaded.discard(tree)
            await self._client.send("ops:state", {"trees": {tree: None}})

    async def _edit(self, action: Action) -> None:
        known = sorted({line.tree for line in self._lines})
        if not known:
            return
        tree = known[int(action.a * len(known))]
        here = [line for line in self._lines if line.tree == tree]
        vertices = sorted({line.target for line in here if line.key is None} - {"0"})
        if not vertices:
            return
        target = vertices[int(action.b * len(vertices))]
        counter = 1 + max(line.counter for line in here)
        op: dict[str, Any] = {"id": {"counter": counter, "peerId": self._peer}}
        if action.kind == "original_set":
            op |= {"targetId": target, "key": "text", "value": f"original {counter}"}
            op["transient"] = False
        elif action.kind == "original_create":
            op |= {"targetId": self._random.randbytes(16).hex(), "parentId": target}
        else:
            op |= {"targetId": target, "key": "gone"}  # A deletion has no value.
        line = line_of(tree, op)
        self._lines.add(line)
        self._own.append((line, op))
        self._world.record.add(self._client.name, fact_of(line))
        if tree in self._downloaded:
            await self._client.send("ops:send", {"treeId": tree, "ops": [op]})

    def check(self, held: dict[str, set[Line]]) -> None:
        """Requires that it sees every tree it can find as the server has it."""
        if not self._lines:
            return
        there = held[self._server.name]
        for tree in (SPACE, *self._trees):
            mine = {line for line in self._lines if line.tree == tree}
            theirs = {line for line in there if line.tree == tree}
            if mine != theirs:
                only = sorted(mine - theirs, key=str)[:2], sorted(theirs - mine, key=str)[:2]
                raise ViolationError(f"tree {tree} of the original's client differs: {only}")
