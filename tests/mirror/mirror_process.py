"""One mirror in a process of its own, to be killed: prints its status whenever it changes."""

from __future__ import annotations

import asyncio
import json
import sys
from pathlib import Path
from typing import Any

from sila_daemon.database.database import ThreadDatabases
from sila_daemon.mirror.record import (
    Device,
    MirrorPorts,
    MirrorSettings,
    ServerRecord,
    SpaceRecord,
)
from sila_daemon.mirror.root_watcher import RootWatcher
from sila_daemon.mirror.socketio_connector import SocketIoConnector
from sila_daemon.mirror.space_mirror import SpaceMirror
from sila_daemon.mirror.watchfiles_watcher import WatchfilesWatcher
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.mounts import SystemMounts
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.ports.workers import ThreadWorkers
from tests.mirror.bench import FixedTokens


def tell(event: dict[str, Any]) -> None:
    """Writes one line for whoever started this."""
    sys.stdout.write(json.dumps(event) + "\n")
    sys.stdout.flush()


async def main(space_id: str, home: str, folder: str, url: str, token: str) -> None:
    """Runs until killed."""
    clock, randomness = SystemClock(), SystemRandomness()
    disk, workers = SystemDisk(), ThreadWorkers(2, "worker")
    watcher = RootWatcher(
        WatchfilesWatcher(clock, randomness), SystemMounts(), clock, randomness, disk, workers
    )
    ports = MirrorPorts(
        clock=clock,
        disk=disk,
        randomness=randomness,
        workers=workers,
        databases=ThreadDatabases(1),
        connector=SocketIoConnector(),
        tokens=FixedTokens(token),
        watcher=watcher,
    )
    record = SpaceRecord(space_id, Path(folder), (ServerRecord(url, "mirror"),))
    settings = MirrorSettings(scan_interval_s=5, append_interval_s=0.1, retry_delay_s_max=0.5)
    mirror = SpaceMirror(record, ports, Path(home), Device("d", "d", "test"), settings)
    mirror.observe(lambda event: tell({**event, "status": mirror.status()}))
    async with asyncio.TaskGroup() as group:
        group.create_task(watcher.run())
        group.create_task(mirror.run())


if __name__ == "__main__":
    asyncio.run(main(*sys.argv[1:]))
