"""Every event with payloads of every wrong shape, against a real process.

The process lives, keeps its memory, answers the others, and stores nothing but what it accepted.
"""

from __future__ import annotations

import asyncio
import json
import random
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from sila_daemon.server.sync.handlers import EVENT_RULES
from tests.benchmarks.wire_client import WireClient
from tests.server.test_process import data, data_of, run, serving
from tests.server.world_fixture import TREE, eventually

__all__ = ["data"]

FRAMES = 600
GROWTH_KB_MAX = 96 << 10
EVENTS = [*EVENT_RULES, "nothing", "", "connect", "disconnect", "\x00malformed"]

ODD_TEXTS = [
    "null", "true", "7", "-1", "1e999", "NaN", '""', '"x"', "[]", "{}", "[null]", '"\\ud83d"', "",
    "{", "]", '{"a":1,"a":2}', "9" * 5000,
    "[" * 3000 + "]" * 3000, '{"a":' * 3000 + "1" + "}" * 3000,
    '"' + "x" * 300_000 + '"', str(2**53), "\x00", "\u2028",
]  # fmt: skip
ODD_IDS: list[Any] = [
    None, 7, "", ".", "..", "../../x", "a/b", "a\x00b", "CON", "x" * 300, "é", "A" * 32, ["x"], {},
    "\u2028", "%2e%2e", "-x",
]  # fmt: skip
ODD_COUNTERS: list[Any] = [0, -1, 1.5, 2**53, 2**64, None, "1", True, [], 10**30]


def payloads(rng: random.Random) -> Iterator[str]:
    """Makes JSON, or what looks like it, for ever."""

    def op() -> Any:
        made: dict[str, Any] = {
            "id": {
                "counter": rng.choice([3, *ODD_COUNTERS]),
                "peerId": rng.choice(["p", *ODD_IDS]),
            },
            "targetId": rng.choice(["v", *ODD_IDS]),
            rng.choice(["parentId", "key", "x"]): rng.choice(["v", *ODD_IDS]),
        }
        if rng.random() < 0.5:
            made.update(key=rng.choice(["k", *ODD_IDS]), value=1, transient=rng.choice([0, True]))
        if rng.random() < 0.3:
            del made[rng.choice(list(made))]
        return rng.choice([made, made, made, None, "x", 7, [made]])

    def vector() -> Any:
        spans = [[1, 5], [5, 1], [0, 2**60], ["a", 2], [1], None, 7]
        return rng.choice([None, 7, "x", [], {"p": [rng.choice(spans) for _ in range(3)]}])

    while True:
        tree = rng.choice([TREE, *ODD_IDS])
        item: Any = rng.choice([
            {"treeId": tree, "ops": [op() for _ in range(rng.randint(0, 5))]},
            {"treeId": tree, "ops": op()},
            {"trees": rng.choice(["*", [tree], {str(tree): vector()}, 7])},
            {"trees": {f"t{number}": vector() for number in range(500)}},
            {"since": {"epoch": tree, "seq": rng.choice(ODD_COUNTERS), "tag": rng.choice(ODD_IDS)}},
            {"since": rng.choice(ODD_IDS)},
        ])  # fmt: skip
        text = json.dumps(item)
        if rng.random() < 0.3:
            cut = rng.randrange(len(text))
            text = text[:cut] + rng.choice(ODD_TEXTS) + text[cut + rng.randint(0, 3) :]
        yield rng.choice([text, text, text, rng.choice(ODD_TEXTS)])


def memory_kb(pid: int) -> int:
    """What a process holds."""
    for line in Path(f"/proc/{pid}/status").read_text().splitlines():
        if line.startswith("VmRSS"):
            return int(line.split()[1])
    raise AssertionError("no VmRSS")


class Honest:
    """A client that goes on as if nothing were the matter."""

    def __init__(self) -> None:
        self.heard: list[bytes] = []
        self.answers = 0
        self._counter = 1000

    def hear(self, text: bytes) -> None:
        """Notes what comes."""
        self.heard.append(text)
        if text.startswith(b"43"):
            assert b'"ok":true,"accepted":1' in text, text
            self.answers += 1

    async def edit(self, client: WireClient) -> None:
        """Sends an op; returns when it is acknowledged."""
        self._counter += 1
        op = {"id": {"counter": self._counter, "peerId": "honest"}, "targetId": "v",
              "parentId": None}  # fmt: skip
        before = self.answers
        payload = json.dumps({"treeId": TREE, "ops": [op]}).encode()
        await client.send("ops:send", payload, self._counter)
        await eventually(lambda: self.answers > before, "the honest client is answered")


@pytest.mark.timeout(300)
async def test_no_payload_of_any_event_ends_the_process_or_troubles_others(data: Path) -> None:
    rng = random.Random(4)
    run("user", "add", "a@b.co", "--data", data)
    made = data_of("space", "create", "--name", "S", "--owner", "a@b.co", "--data", data)
    token = data_of("user", "token", "a@b.co", "--data", data)["token"]
    async with serving(data) as (process, url):
        honest, made_up = Honest(), payloads(rng)
        good = await WireClient.connect(url, made["id"], token, honest.hear)
        bad = await WireClient.connect(url, made["id"], token, lambda _: None)
        await honest.edit(good)
        before = memory_kb(process.pid)
        for number in range(FRAMES):
            if bad.gone.is_set():
                bad = await WireClient.connect(url, made["id"], token, lambda _: None)
            ack = rng.choice([b"", b"%d" % number, b"99999999999999999999"])
            kind = rng.choice(
                [b"42", b"42", b"42", b"42", b"43", b"451-", b"49", b"4", b"9", b"40"]
            )
            name = json.dumps(rng.choice(EVENTS)).encode()
            body = b"[%b,%b]" % (name, next(made_up).encode())
            bad.send_text(kind + bad.namespace + ack + body)
            if number % 25 == 0:
                await honest.edit(good)
        await honest.edit(good)
        assert process.returncode is None
        assert not good.gone.is_set()
        assert memory_kb(process.pid) - before < GROWTH_KB_MAX
        bad.close()
        await asyncio.sleep(0)
        async with asyncio.timeout(20):
            reader = await WireClient.connect(url, made["id"], token, honest.hear)
            await honest.edit(reader)
        process.terminate()
        assert await asyncio.wait_for(process.wait(), 10) == 0
