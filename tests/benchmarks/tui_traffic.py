"""Ops that arrive while somebody reads: an answer being written, vertices made and changed.

usage: python -m tests.benchmarks.tui_traffic SOCKET SPACE TREE CHAT

Says when it has begun, works until its input ends, then prints how many ops it made in how many
seconds.
"""

from __future__ import annotations

import asyncio
import json
import sys
import time
from itertools import count
from pathlib import Path
from typing import Any

from sila_daemon.control.client import ControlClient

BATCHES_PER_S = 20
_OPS_OF_A_NEW_VERTEX = 3
_SETS_OF_THE_CHAT, _SETS_OF_THE_TREE, _NEW = 12, 7, 2
OPS_PER_S = BATCHES_PER_S * (_SETS_OF_THE_CHAT + _SETS_OF_THE_TREE + _NEW * _OPS_OF_A_NEW_VERTEX)


async def make_ops(client: ControlClient, space: str, tree: str, chat: str) -> None:
    """Edits on and on, in even steps."""
    shown = (await client.call("chat.show", space=space, tree=chat))["messages"][-1]
    branches = (await client.call("vertex.children", space=space, tree=tree, limit=50))["children"]
    beginning = time.monotonic()
    for batch in count():
        answer = [_set(shown["id"], f"{batch}.{at} words") for at in range(_SETS_OF_THE_CHAT)]
        await client.call("edit.apply", space=space, tree=chat, edits=answer, force=True)
        changed = [
            _set(branches[(batch + at) % len(branches)]["id"], f"text {batch}")
            for at in range(_SETS_OF_THE_TREE)
        ]
        parent = branches[-1]["id"]
        made = [
            {"do": "new", "parent": parent, "properties": {"name": f"new {batch}.{at}"}}
            for at in range(_NEW)
        ]
        await client.call("edit.apply", space=space, tree=tree, edits=[*changed, *made], force=True)
        if batch == 0:
            print("begun", flush=True)
        await asyncio.sleep(max(0.0, beginning + (batch + 1) / BATCHES_PER_S - time.monotonic()))


def _set(vertex: str, text: str) -> dict[str, Any]:
    return {"do": "set", "vertex": vertex, "key": "text", "value": text}


async def run(socket: Path, space: str, tree: str, chat: str) -> dict[str, float]:
    """Edits until the input ends; counts by what the daemon holds."""
    async with await ControlClient.connect(socket) as client, asyncio.TaskGroup() as group:

        async def held() -> int:
            status = await client.call("daemon.status")
            return next(int(row["ops"]) for row in status["spaces"] if row["id"] == space)

        before, begun = await held(), time.monotonic()
        editing = group.create_task(make_ops(client, space, tree, chat), name="bench traffic")
        await asyncio.to_thread(sys.stdin.read)
        editing.cancel()
        seconds = time.monotonic() - begun
        return {"ops": await held() - before, "seconds": seconds}


if __name__ == "__main__":
    print(json.dumps(asyncio.run(run(Path(sys.argv[1]), *sys.argv[2:5]))))
