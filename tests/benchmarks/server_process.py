"""The server in a process of its own, with an eye on how long its event loop stands still.

usage: python -m tests.benchmarks.server_process DATA

Prints its URL when it listens. Every quarter of a second the longest stall since the last look is
written to DATA/stall in milliseconds; removing that file begins anew.
"""

from __future__ import annotations

import asyncio
import sys
import time
from pathlib import Path

from sila_daemon.ports import event_loop
from sila_daemon.server.limits.traffic import TrafficSettings
from sila_daemon.server.serving import serve
from sila_daemon.server.settings import ServerSettings

_BEAT_S = 0.002
_LOOK_S = 0.25


async def watch(page: Path) -> None:
    """Measures how late the loop comes to what it has to do."""
    longest, looked = 0.0, time.monotonic()
    _write(page, 0.0)
    while True:
        begun = time.monotonic()
        await asyncio.sleep(_BEAT_S)
        now = time.monotonic()
        longest = max(longest, now - begun - _BEAT_S)
        if now - looked >= _LOOK_S:
            longest = _write(page, longest)
            looked = time.monotonic()


def _write(page: Path, longest: float) -> float:
    """Tells the longest stall; returns it, or none when it was looked at meanwhile."""
    if not page.exists():
        longest = 0.0
    page.write_text(f"{longest * 1000:.1f}")
    return longest


async def run(data: Path) -> None:
    """Serves until it is asked to stop."""
    unlimited = TrafficSettings(0, 0, 0)
    settings = ServerSettings(traffic=unlimited)
    watching = asyncio.create_task(watch(data / "stall"))
    listen = settings.listen
    settings = ServerSettings(traffic=unlimited, listen=type(listen)(port=0))
    await serve(data, settings, lambda url: print(url, flush=True))
    watching.cancel()


if __name__ == "__main__":
    event_loop.run(run(Path(sys.argv[1])))
