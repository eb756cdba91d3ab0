"""kill -9 in the midst of commits: every op that was acknowledged is there afterwards."""

from __future__ import annotations

import asyncio
import json
import random
from contextlib import suppress
from pathlib import Path
from typing import Any

from tests.benchmarks.wire_client import WireClient
from tests.server.test_process import data, data_of, run, serving
from tests.server.world_fixture import TREE, eventually

__all__ = ["data"]

ROUNDS = 3
SPACES = 3
CLIENTS_EACH = 2
ACKS_BEFORE_KILL = 40


class Pusher:
    """Sends small batches without waiting, and notes which of them were acknowledged."""

    def __init__(self, peer: str) -> None:
        self.peer = peer
        self.acknowledged: set[int] = set()
        """Counters."""
        self.next_counter = 1
        self._under_way: dict[int, range] = {}
        self._roomy = asyncio.Semaphore(8)
        self.acks = 0

    async def push(self, url: str, space: str, token: str) -> None:
        """Sends until the connection ends."""
        client = await WireClient.connect(url, space, token, self._hear)
        self._roomy = asyncio.Semaphore(8)
        self._under_way.clear()
        for number in range(1_000_000):
            async with asyncio.timeout(30):
                await self._roomy.acquire()
            counters = range(self.next_counter, self.next_counter + random.randint(1, 40))
            self.next_counter = counters.stop
            self._under_way[number] = counters
            await client.send("ops:send", self._payload(counters), number)

    def _payload(self, counters: range) -> bytes:
        ops = [
            {"id": {"counter": counter, "peerId": self.peer}, "targetId": f"v{counter}",
             "key": "k", "value": "x" * 50}
            for counter in counters
        ]  # fmt: skip
        return json.dumps({"treeId": TREE, "ops": ops}).encode()

    def _hear(self, text: bytes) -> None:
        if text.startswith(b"43"):
            number, _, answer = text.partition(b",")[2].partition(b"[")
            ack = json.loads(b"[" + answer)[0]
            assert ack["ok"] is True and ack["rejected"] == [], ack
            self.acknowledged |= set(self._under_way.pop(int(number)))
            self.acks += 1
            self._roomy.release()


async def everything(url: str, space: str, token: str) -> dict[str, list[int]]:
    """Returns the counters of all ops of a tree, by peer, in the order of their commits."""
    counters: dict[str, list[int]] = {}
    seqs: list[tuple[int, int]] = []
    ended = asyncio.Event()
    epochs: list[Any] = []

    def hear(text: bytes) -> None:
        name, payload = json.loads(text[text.index(b"[") :])
        if name == "ops:have":
            epochs.append(payload["cursor"])
        elif name == "ops:sync":
            seqs.append((payload["prev"]["seq"], payload["cursor"]["seq"]))
            for op in payload["ops"]:
                if payload["treeId"] == TREE:
                    counters.setdefault(op["id"]["peerId"], []).append(op["id"]["counter"])
        elif name == "ops:sync:done":
            ended.set()

    client = await WireClient.connect(url, space, token, hear)
    await client.send("ops:have", b'{"trees":[]}')
    await eventually(lambda: epochs)
    since = {"since": {**epochs[0], "seq": 0, "tag": ""}}
    await client.send("ops:state", json.dumps(since).encode())
    await asyncio.wait_for(ended.wait(), 30)
    client.close()
    assert [start for start, _ in seqs] == [0, *(end for _, end in seqs[:-1])], "no gap"
    return counters


async def test_nothing_acknowledged_is_lost_to_kill_9_under_load(data: Path) -> None:
    run("user", "add", "a@b.co", "--data", data)
    spaces = [
        data_of("space", "create", "--name", f"S{n}", "--owner", "a@b.co", "--data", data)["id"]
        for n in range(SPACES)
    ]
    token = data_of("user", "token", "a@b.co", "--data", data)["token"]
    pushers = {
        space: [Pusher(f"peer{number}") for number in range(CLIENTS_EACH)] for space in spaces
    }
    everybody = [pusher for some in pushers.values() for pusher in some]
    for number in range(1, ROUNDS + 1):
        enough = number * ACKS_BEFORE_KILL
        async with serving(data) as (process, url):
            tasks = [
                asyncio.create_task(pusher.push(url, space, token))
                for space, some in pushers.items()
                for pusher in some
            ]
            await eventually(lambda: min(p.acks for p in everybody) >= enough, "acks", 60)  # noqa: B023
            process.kill()
            await process.wait()
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task
        async with serving(data) as (process, url):
            for space, some in pushers.items():
                held = await everything(url, space, token)
                for pusher in some:
                    found = held[pusher.peer]
                    assert pusher.acknowledged <= set(found)
                    assert len(found) == len(set(found)), "an op is stored once"
    assert sum(len(pusher.acknowledged) for pusher in everybody) > 1000
