"""A place to run mirrors in: real disk, real databases, any connector, watch events by hand."""

from __future__ import annotations

import asyncio
from contextlib import asynccontextmanager
from typing import TYPE_CHECKING

from sila_daemon.core.errors import SignInNeededError
from sila_daemon.database.database import ThreadDatabases
from sila_daemon.folder.space_folder import create_space_folder
from sila_daemon.mirror.record import (
    Device,
    MirrorPorts,
    MirrorSettings,
    ServerRecord,
    SpaceRecord,
)
from sila_daemon.mirror.space_mirror import SpaceMirror
from sila_daemon.ports.clock import SystemClock
from sila_daemon.ports.disk import Disk, SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.ports.workers import ThreadWorkers
from sila_daemon.store.fetch_policy import FetchPolicy

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Awaitable, Callable
    from pathlib import Path

    from sila_daemon.mirror.connector import Connector
    from sila_daemon.mirror.watcher import OnHint, Polling

SPACE = "25f87e271fb347078ec4fbaad528d1b8"
SETTINGS = MirrorSettings(
    scan_interval_s=3600, append_interval_s=0.05, retry_delay_s_max=0.2, loss_grace_s=0.1
)


class FixedTokens:
    """One token for every server; a refused one is replaced by the next."""

    def __init__(self, *tokens: str) -> None:
        self.waiting = list(tokens)
        self.refusals = 0

    async def access_token(self, server_url: str) -> str:
        if not self.waiting:
            raise SignInNeededError("sign in")
        return self.waiting[0]

    async def refused(self, server_url: str) -> None:
        self.refusals += 1
        if len(self.waiting) > 1:
            del self.waiting[0]


class HandWatcher:
    """File events that a test makes."""

    def __init__(self) -> None:
        self.listeners: dict[Path, list[OnHint]] = {}
        self.polled: dict[Path, Polling] = {}

    def subscribe(self, root: Path, on_hint: OnHint) -> Callable[[], None]:
        self.listeners.setdefault(root, []).append(on_hint)
        return lambda: self.listeners[root].remove(on_hint)

    def polling(self, root: Path) -> Polling | None:
        return self.polled.get(root)

    def hint(self, *paths: Path) -> None:
        for root, listeners in self.listeners.items():
            below = frozenset(path for path in paths if path.is_relative_to(root))
            if below or not paths:
                for listener in tuple(listeners):
                    listener(below)


class Bench:
    """Ports that the mirrors of one test share."""

    def __init__(self, tmp_path: Path, connector: Connector, disk: Disk | None = None) -> None:
        self.tmp_path = tmp_path
        self.connector = connector
        self.watcher = HandWatcher()
        self.tokens = FixedTokens("good-token")
        self.disk = disk or SystemDisk()
        self.settings = SETTINGS
        self.databases = ThreadDatabases()
        self.workers = ThreadWorkers(2, "test")

    def close(self) -> None:
        self.databases.close()
        self.workers.close()

    def ports(self) -> MirrorPorts:
        return MirrorPorts(
            clock=SystemClock(),
            disk=self.disk,
            randomness=SystemRandomness(),
            workers=self.workers,
            databases=self.databases,
            connector=self.connector,
            tokens=self.tokens,
            watcher=self.watcher,
        )

    def folder(self, name: str) -> Path:
        """Makes an empty folder of the space."""
        root = self.tmp_path / name
        create_space_folder(root, SystemDisk(), SystemRandomness(), SPACE)
        return root

    @asynccontextmanager
    async def mirror(
        self,
        name: str,
        *,
        folder: Path | None = None,
        servers: tuple[ServerRecord, ...] = (),
        space_id: str = SPACE,
        fetch: FetchPolicy | None = None,
    ) -> AsyncIterator[SpaceMirror]:
        """Runs a mirror; its store lives on under `name`."""
        record = SpaceRecord(space_id, folder, servers, fetch=fetch or FetchPolicy())
        home = self.tmp_path / f"home-{name}"
        device = Device(name, name, "test")
        mirror = SpaceMirror(record, self.ports(), home, device, self.settings)
        running = asyncio.ensure_future(mirror.run())
        try:
            await mirror.ready()
            yield mirror
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)


async def until(condition: Callable[[], bool], what: str = "", timeout_s: float = 15) -> None:
    """Waits until something is so."""
    try:
        async with asyncio.timeout(timeout_s):
            while not condition():  # noqa: ASYNC110 - anything may change what is waited for.
                await asyncio.sleep(0.005)
    except TimeoutError:
        raise AssertionError(f"never so: {what or condition}") from None


async def until_async(condition: Callable[[], Awaitable[bool]], timeout_s: float = 15) -> None:
    """Waits until something is so that has to be asked for."""
    async with asyncio.timeout(timeout_s):
        while not await condition():  # noqa: ASYNC110 - likewise.
            await asyncio.sleep(0.005)


async def current(*mirrors: SpaceMirror) -> None:
    """Waits until all say `current`."""
    for mirror in mirrors:
        try:
            await until(lambda m=mirror: m.status()["state"] == "current")  # type: ignore[misc]
        except AssertionError:
            raise AssertionError(mirror.status()) from None
