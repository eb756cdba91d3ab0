"""The programs of a soak, as processes that can be ended in every way."""

from __future__ import annotations

import asyncio
import contextlib
import json
import os
import signal
import sys
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

from sila_daemon.control.client import ControlClient
from sila_daemon.core.errors import SilaError
from sila_daemon.paths import user_paths

EMAIL, PASSWORD = "soak@example.org", "a long enough password"
NO_KEYRING = "keyring.backends.null.Keyring"
START_S_MAX = 60.0
_SERVER = (sys.executable, "-c",
           "import sys; from sila_daemon.server.cli import main; sys.exit(main())")  # fmt: skip

SETTINGS = "[guard]\nshare = 1.0\n\n[server]\nretry_delay_s_max = 2.0\n"
"""Random edits overwrite much within ten minutes, and an hour is short for long pauses."""


class Program:
    """One process that is started again and again."""

    def __init__(self, name: str) -> None:
        self.name = name
        self._process: asyncio.subprocess.Process | None = None

    @property
    def pid(self) -> int:
        """The number of the process that runs now."""
        assert self._process is not None
        return self._process.pid

    @property
    def exit_code(self) -> int | None:
        """How the process ended; None while it runs."""
        return None if self._process is None else self._process.returncode

    async def end(self, how: signal.Signals) -> None:
        """Sends a signal and waits for the end, which may have come by itself."""
        assert self._process is not None
        with contextlib.suppress(ProcessLookupError):
            self._process.send_signal(how)
        await self._process.wait()

    async def rss_mb(self) -> float:
        """Returns the memory that the process has now."""
        assert self._process is not None
        said = await _output("ps", "-o", "rss=", "-p", str(self._process.pid))
        return int(said) / 1024


class Server(Program):
    """A server on a port that stays the same."""

    def __init__(self, data: Path) -> None:
        super().__init__("server")
        self._data = data
        self.port = 0

    async def prepare(self) -> None:
        """Makes the account that both devices use."""
        await _output(
            *_SERVER, "--data", str(self._data), "user", "add", EMAIL, "--password-stdin",
            given=PASSWORD,
        )  # fmt: skip

    async def start(self) -> None:
        """Starts, and returns when it listens."""
        self._process = await asyncio.create_subprocess_exec(
            *_SERVER, "--data", str(self._data), "serve", "--port", str(self.port),
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL,
        )  # fmt: skip
        assert self._process.stdout is not None
        async with asyncio.timeout(START_S_MAX):
            url = (await self._process.stdout.readline()).decode().strip()
        self.port = int(url.rpartition(":")[2])


class Device(Program):
    """A daemon with a home and a folder of its own."""

    def __init__(self, name: str, home: Path, settings: str = SETTINGS) -> None:
        super().__init__(name)
        self._settings = settings
        self._said = home.with_suffix(".stderr")
        self.folder = home / "Space"
        self.environment = {
            **os.environ, "SILA_HOME": str(home / "sila"), "PYTHON_KEYRING_BACKEND": NO_KEYRING
        }  # fmt: skip
        self._paths = user_paths(self.environment)
        self._client: ControlClient | None = None

    async def start(self) -> None:
        """Starts, and returns when it answers."""
        self._paths.config_file.parent.mkdir(parents=True, exist_ok=True)
        self._paths.config_file.write_text(self._settings)
        with self._said.open("ab") as said:
            self._process = await asyncio.create_subprocess_exec(
                *self._command("run"), env=self.environment, stderr=said
            )
        async with asyncio.timeout(START_S_MAX):
            while True:
                try:
                    await self.call("daemon.version")
                    return
                except SilaError:
                    await asyncio.sleep(0.1)

    async def call(self, method: str, **params: Any) -> Any:
        """Asks the daemon, over a connection that is opened again when need be."""
        if self._client is None or self._client.is_lost:
            await self.hang_up()
            self._client = await ControlClient.connect(self._paths.socket)
        return await self._client.call(method, **params)

    async def events(self) -> AsyncIterator[dict[str, Any]]:
        """Yields what the daemon tells from now on."""
        async with await ControlClient.connect(self._paths.socket) as client:
            async for event in client.events():
                yield event

    async def hang_up(self) -> None:
        """Closes the connection."""
        if self._client is not None:
            await self._client.close()
            self._client = None

    async def run(self, *words: str, given: str = "") -> Any:
        """Runs a command to its end and returns its data."""
        said = await _output(
            *self._command(*words), "--json", given=given, environment=self.environment
        )
        return json.loads(said)["data"]

    async def dump(self) -> str:
        """Returns what the folder says, in the canonical form."""
        return await _output(
            *self._command("space", "dump", str(self.folder), "--json", "--secrets"),
            environment=self.environment,
        )

    def _command(self, *words: str) -> list[str]:
        return [sys.executable, "-m", "sila_daemon.cli", *words]


async def _output(*command: str, given: str = "", environment: dict[str, str] | None = None) -> str:
    process = await asyncio.create_subprocess_exec(
        *command,
        env=environment,
        stdin=asyncio.subprocess.PIPE,
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    said, wrong = await process.communicate(given.encode())
    if process.returncode:
        raise RuntimeError(f"{' '.join(command[-4:])}: {said.decode()}{wrong.decode()}")
    return said.decode()
