"""Two Syncthing processes that keep folders equal, for comparison in the same run."""

from __future__ import annotations

import asyncio
import os
import re
import shutil
import socket
from pathlib import Path
from xml.sax.saxutils import quoteattr

NAMES = ("one", "two")
START_S_MAX = 60.0


def is_installed() -> bool:
    """Whether there is a `syncthing` to compare with."""
    return shutil.which("syncthing") is not None


class SyncthingPair:
    """Two devices on loopback, with the shortest delay that Syncthing takes."""

    def __init__(self, place: Path, folder_count: int = 1) -> None:
        self._place = place
        self._processes: list[asyncio.subprocess.Process] = []
        self._folders = [f"folder-{number}" for number in range(folder_count)]

    def folder(self, name: str, number: int = 0) -> Path:
        """Returns a folder of one device."""
        return self._place / name / self._folders[number]

    @property
    def pids(self) -> list[int]:
        """The processes."""
        return [process.pid for process in self._processes]

    async def start(self) -> None:
        """Makes both devices, starts them, and returns when something went through."""
        ids, ports = {}, {}
        for name in NAMES:
            home = self._place / name / "home"
            for number in range(len(self._folders)):
                marker = self.folder(name, number) / ".stfolder"
                marker.mkdir(parents=True, exist_ok=True)
            await _done("syncthing", "generate", "--home", str(home), "--no-default-folder")
            ids[name] = (await _done("syncthing", "--home", str(home), "--device-id")).strip()
            ports[name] = free_port()
        for name in NAMES:
            home = self._place / name / "home"
            config = home / "config.xml"
            version = re.search(r'<configuration version="(\d+)"', config.read_text())
            assert version is not None
            config.write_text(self._config(version[1], name, ids, ports))
            # Said to be looked after, it does the work itself, and no child of it.
            environment = {**os.environ, "STMONITORED": "1", "STNOUPGRADE": "1"}
            process = await asyncio.create_subprocess_exec(
                "syncthing", "serve", "--home", str(home), "--no-browser",
                env=environment,
                stdout=asyncio.subprocess.DEVNULL, stderr=asyncio.subprocess.DEVNULL,
            )  # fmt: skip
            self._processes.append(process)
        (self.folder("one") / "first").write_text("here")
        async with asyncio.timeout(START_S_MAX):
            while not (self.folder("two") / "first").exists():  # noqa: ASYNC110
                await asyncio.sleep(0.1)

    async def end(self) -> None:
        """Ends both."""
        for process in self._processes:
            process.terminate()
        await asyncio.gather(*(process.wait() for process in self._processes))

    def _config(self, version: str, name: str, ids: dict[str, str], ports: dict[str, int]) -> str:
        devices = "".join(
            f'<device id="{ids[other]}" name="{other}" compression="metadata">'
            f"<address>tcp://127.0.0.1:{ports[other]}</address></device>"
            for other in NAMES
        )
        members = "".join(f'<device id="{ids[other]}"/>' for other in NAMES)
        folders = "".join(
            f'<folder id="{label}" path={quoteattr(str(self._place / name / label))}'
            ' type="sendreceive" rescanIntervalS="3600" fsWatcherEnabled="true"'
            f' fsWatcherDelayS="1">{members}</folder>'
            for label in self._folders
        )
        return (
            f'<configuration version="{version}">{folders}{devices}'
            f'<gui enabled="true"><address>127.0.0.1:{free_port()}</address></gui><options>'
            f"<listenAddress>tcp://127.0.0.1:{ports[name]}</listenAddress>"
            "<globalAnnounceEnabled>false</globalAnnounceEnabled>"
            "<localAnnounceEnabled>false</localAnnounceEnabled>"
            "<relaysEnabled>false</relaysEnabled><natEnabled>false</natEnabled>"
            "<urAccepted>-1</urAccepted><autoUpgradeIntervalH>0</autoUpgradeIntervalH>"
            "<crashReportingEnabled>false</crashReportingEnabled>"
            "<startBrowser>false</startBrowser></options></configuration>"
        )


def free_port() -> int:
    """Returns a port of this machine that nobody listens on."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])


async def _done(*command: str) -> str:
    process = await asyncio.create_subprocess_exec(
        *command, stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.DEVNULL
    )
    said, _ = await process.communicate()
    if process.returncode:
        raise SystemExit(f"{' '.join(command)} failed")
    return said.decode()
