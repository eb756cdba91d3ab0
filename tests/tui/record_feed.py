"""Records what a real daemon tells a screen, to be fed to the session again by tests.

usage: python -m tests.tui.record_feed

Makes the sample space in a place of its own, does with it what a person might, and writes each
answer to `daemon.status` and each event, with its moment, to `recorded_feed.jsonl`.
"""

from __future__ import annotations

import asyncio
import json
import tempfile
import time
from pathlib import Path
from typing import Any

from sila_daemon.control.client import ControlClient
from sila_daemon.paths import user_paths
from tests.daemon.machine import Machine

RECORDING = Path(__file__).parent / "recorded_feed.jsonl"
HOME = "/home/anna"
"""What stands for the place that it was recorded in."""
QUIET_S = 0.5
"""So long without an event a step is over."""


class Recorder:
    """Asks the daemon, and keeps what it says."""

    def __init__(self, client: ControlClient, place: str) -> None:
        self.lines: list[str] = []
        self._client = client
        self._place = place

    async def step(self, name: str, method: str, /, **params: Any) -> Any:
        """Does one thing; keeps the events that come of it and the status after it."""
        self._note("step", name)
        answer = await self._client.call(method, **params)
        await asyncio.sleep(QUIET_S)
        self._note("status", await self._client.call("daemon.status"))
        return answer

    async def follow(self) -> None:
        """Keeps events as they come, until cancelled."""
        async for event in self._client.events(after=0):
            if event["kind"] != "subscribed":
                self._note("event", event)

    def _note(self, kind: str, said: Any) -> None:
        line = json.dumps({"at": time.time(), kind: said}, ensure_ascii=False)
        self.lines.append(line.replace(self._place, HOME))


async def record(machine: Machine, folder: Path) -> list[str]:
    """Goes through the steps; returns the lines of the recording."""
    async with await ControlClient.connect(user_paths(machine.env).socket) as client:
        recorder = Recorder(client, str(folder.parent))
        following = asyncio.create_task(recorder.follow())
        added = await recorder.step("add", "space.add", path=str(folder))
        space = added["id"]
        await recorder.step("sync", "space.sync", space=space)
        chat = await recorder.step("chat", "chat.new", space=space, name="Plans")
        for text in ("first", "second"):
            await recorder.step("send", "chat.send", space=space, tree=chat["tree"], text=text)
        await recorder.step("pause", "space.pause", space=space)
        await recorder.step("resume", "space.resume", space=space)
        await recorder.step("remove", "space.remove", space=space)
        following.cancel()
        await asyncio.gather(following, return_exceptions=True)
        return recorder.lines


def main() -> None:
    """Writes the recording anew."""
    with tempfile.TemporaryDirectory(prefix="sila-") as place:
        machine, folder = Machine(Path(place, "home")), Path(place, "Sample")
        machine.data("space", "sample", str(folder))
        with machine.daemon():
            lines = asyncio.run(record(machine, folder))
    RECORDING.write_text("\n".join(lines) + "\n", encoding="utf-8")


if __name__ == "__main__":
    main()
