"""Readers that stop: what they cost a real process, and what they hear when they read on."""

from __future__ import annotations

import asyncio
import json
import random
from pathlib import Path

from tests.benchmarks.wire_client import WireClient
from tests.server.sync.test_event_fuzz import memory_kb
from tests.server.test_process import data, data_of, run, serving
from tests.server.world_fixture import TREE, eventually

__all__ = ["data"]

READERS = 10
BATCHES = 100
BATCH_BYTES = 500_000
GROWTH_KB_MAX = 64 << 10
"""Fifty megabytes are sent to each of ten readers."""


class Pushing:
    """A client that sends large values, eight at a time."""

    def __init__(self) -> None:
        self.answered = 0
        self._roomy = asyncio.Semaphore(8)

    def hear(self, text: bytes) -> None:
        """Counts acknowledgements."""
        if text.startswith(b"43"):
            assert b'"accepted":1' in text, text
            self.answered += 1
            self._roomy.release()

    async def push(self, client: WireClient) -> None:
        """Sends every batch; returns when all were acknowledged."""
        rng = random.Random(1)
        for counter in range(1, BATCHES + 1):
            async with asyncio.timeout(60):
                await self._roomy.acquire()
            value = rng.randbytes(BATCH_BYTES // 2).hex()
            op = {"id": {"counter": counter, "peerId": "p"}, "targetId": "v", "key": "k",
                  "value": value}  # fmt: skip
            payload = json.dumps({"treeId": TREE, "ops": [op]}).encode()
            await client.send("ops:send", payload, counter)
        await eventually(lambda: self.answered == BATCHES, "all are answered", 60)


async def test_readers_who_stop_cost_next_to_nothing_and_miss_nothing(data: Path) -> None:
    run("user", "add", "a@b.co", "--data", data)
    made = data_of("space", "create", "--name", "S", "--owner", "a@b.co", "--data", data)
    token = data_of("user", "token", "a@b.co", "--data", data)["token"]
    heard: list[tuple[int, int]] = []
    counters: list[int] = []

    def hear(text: bytes) -> None:
        name, payload = json.loads(text[text.index(b"[") :])
        if name == "ops:receive":
            heard.append((payload["prev"]["seq"], payload["cursor"]["seq"]))
            counters.extend(op["id"]["counter"] for op in payload["ops"])

    async with serving(data) as (process, url):
        readers = [await WireClient.connect(url, made["id"], token, hear)]
        readers += [
            await WireClient.connect(url, made["id"], token, lambda _: None)
            for _ in range(READERS - 1)
        ]
        for reader in readers:
            reader.stop_reading()
        pushing = Pushing()
        writer = await WireClient.connect(url, made["id"], token, pushing.hear)
        before = memory_kb(process.pid)
        await pushing.push(writer)
        assert memory_kb(process.pid) - before < GROWTH_KB_MAX
        readers[0].read_on()
        await eventually(lambda: len(counters) == BATCHES, "everything is heard", 60)
        assert counters == list(range(1, BATCHES + 1))
        assert [start for start, _ in heard[1:]] == [end for _, end in heard[:-1]]
        for reader in readers:
            reader.close()
