"""Daemons and a server as processes, with everything at its defaults, and the spaces they share."""

from __future__ import annotations

import asyncio
import signal
import time
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

from tests.soak.programs import EMAIL, PASSWORD, Device, Server

WAIT_S_MAX = 600.0
LOOK_S = 0.05


class Stage:
    """A server and devices that are signed in there."""

    def __init__(self, place: Path) -> None:
        self.place = place
        self.server = Server(place / "server")
        self.devices: list[Device] = []

    @property
    def url(self) -> str:
        """Where the server listens."""
        return f"http://127.0.0.1:{self.server.port}"

    async def device(self, name: str) -> Device:
        """Starts a device and signs it in."""
        device = Device(name, self.place / name, settings="")
        await device.start()
        self.devices.append(device)
        await device.run("login", self.url, "--email", EMAIL, "--password-stdin", given=PASSWORD)
        return device


@asynccontextmanager
async def stage(place: Path | None = None) -> AsyncIterator[Stage]:
    """A running server in an empty place; all programs are ended on the way out.

    The place is removed then, unless it is the caller's.
    """
    with TemporaryDirectory(prefix="sila-bench-") as folder:
        made = Stage(place or Path(folder))
        await made.server.prepare()
        await made.server.start()
        try:
            yield made
        finally:
            for device in made.devices:
                await device.hang_up()
                await device.end(signal.SIGTERM)
            await made.server.end(signal.SIGTERM)


async def until(is_so: Callable[[], Awaitable[bool]], *, look_s: float = LOOK_S) -> None:
    """Asks again and again until it is so."""
    deadline = time.monotonic() + WAIT_S_MAX
    while not await is_so():
        if time.monotonic() > deadline:
            raise SystemExit("waited in vain")
        await asyncio.sleep(look_s)


async def until_current(device: Device, space: str) -> None:
    """Returns when a device calls a space current."""

    async def is_current() -> bool:
        (found,) = (await device.call("daemon.status", space=space))["spaces"]
        return bool(found["state"] == "current")

    await until(is_current)
