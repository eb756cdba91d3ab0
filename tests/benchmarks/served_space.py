"""A server with spaces to measure, and the ops to fill them with."""

from __future__ import annotations

import asyncio
import json
import os
import random
import subprocess
import sys
import time
import uuid
from collections import deque
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import TYPE_CHECKING, Any

from tests.benchmarks.wire_client import WireClient

if TYPE_CHECKING:
    from tests.benchmarks.wire_client import OnText

TREE = "b" * 32
_CLI = [sys.executable, "-m", "sila_daemon.server.cli"]
_EMAIL = "bench@example.org"


def op_texts(count: int, seed: int = 7) -> Iterator[bytes]:
    """Makes ops as a space has them: new vertices with name, date and text, edits, moves."""
    rng = random.Random(seed)

    def new_id() -> str:
        return uuid.UUID(int=rng.getrandbits(128)).hex

    peers, counter = [new_id() for _ in range(4)], 0
    ids = deque([new_id()], maxlen=2000)
    while counter < count:
        peer, vertex = rng.choice(peers), new_id()
        members = [
            f'"targetId":"{vertex}","parentId":"{rng.choice(ids)}"',
            f'"targetId":"{vertex}","key":"_c","value":"2026-01-01T00:00:00.000Z","transient":false',
            f'"targetId":"{vertex}","key":"name","value":"vertex {counter}","transient":false',
            f'"targetId":"{vertex}","key":"text","value":"Lorem ipsum dolor {counter} é— some text'
            ' that is a typical message body","transient":false',
        ]
        if rng.random() < 0.8:
            members.append(
                f'"targetId":"{rng.choice(ids)}","key":"text",'
                f'"value":"edit {counter}","transient":false'
            )
        ids.append(vertex)
        for text in members:
            counter += 1
            yield f'{{"id":{{"counter":{counter},"peerId":"{peer}"}},{text}}}'.encode()


def batches(count: int, bytes_max: int = 250_000) -> Iterator[tuple[bytes, int]]:
    """Makes payloads of `ops:send`, with how many ops are in each."""
    head, gathered, size = b'{"treeId":"%b","ops":[' % TREE.encode(), list[bytes](), 0
    for text in op_texts(count):
        if size + len(text) > bytes_max:
            yield head + b",".join(gathered) + b"]}", len(gathered)
            gathered, size = [], 0
        gathered.append(text)
        size += len(text) + 1
    if gathered:
        yield head + b",".join(gathered) + b"]}", len(gathered)


class Served:
    """A running server."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self._process: subprocess.Popen[str] | None = None
        self.url = ""
        self.other_space = ""
        self._command("user", "add", _EMAIL)
        self.token: str = self._command("user", "token", _EMAIL)["token"]

    def _command(self, *args: str) -> Any:
        done = subprocess.run(
            [*_CLI, *args, "--data", str(self.data), "--json"],
            capture_output=True, text=True, check=True, stdin=subprocess.DEVNULL,
        )  # fmt: skip
        return json.loads(done.stdout)["data"]

    def new_space(self) -> str:
        """Makes a space."""
        made = self._command("space", "create", "--name", "Bench", "--owner", _EMAIL)
        return str(made["id"])

    def start(self) -> None:
        """Starts the process and waits until it listens."""
        self._process = subprocess.Popen(
            [sys.executable, "-m", "tests.benchmarks.server_process", str(self.data)],
            stdout=subprocess.PIPE,
            text=True,
        )
        assert self._process.stdout is not None
        self.url = self._process.stdout.readline().strip()
        assert self.url.startswith("http"), "the server did not start"

    def stop(self) -> None:
        """Ends the process."""
        if self._process is not None:
            self._process.terminate()
            self._process.wait(30)
            self._process = None

    def cpu_seconds(self) -> float:
        """What the server has computed so far."""
        assert self._process is not None
        fields = Path(f"/proc/{self._process.pid}/stat").read_text().rpartition(")")[2].split()
        return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")

    def memory_kb(self) -> int:
        """What the server holds in memory."""
        assert self._process is not None
        for line in Path(f"/proc/{self._process.pid}/status").read_text().splitlines():
            if line.startswith("VmRSS"):
                return int(line.split()[1])
        raise AssertionError("no VmRSS")

    async def stall_ms(self) -> float:
        """Returns the longest stall of the event loop since the last look."""
        page = self.data / "stall"
        await asyncio.sleep(0.6)
        longest = float(page.read_text() or "0")
        page.unlink()
        while not page.exists():  # noqa: ASYNC110
            await asyncio.sleep(0.05)
        return longest

    async def join(self, space_id: str, on_text: OnText, protocol: int = 2) -> WireClient:
        """Connects to a space."""
        return await WireClient.connect(self.url, space_id, self.token, on_text, protocol)


@contextmanager
def served() -> Iterator[Served]:
    """A server with an empty folder; it is not started."""
    with TemporaryDirectory(prefix="sila-bench-") as folder:
        server = Served(Path(folder) / "data")
        try:
            yield server
        finally:
            server.stop()


class Stopwatch:
    """Wall time and what the server computed in it."""

    def __init__(self, server: Served) -> None:
        self._server = server
        self._begun = time.perf_counter()
        self._cpu = server.cpu_seconds()

    @property
    def seconds(self) -> float:
        """Wall time."""
        return time.perf_counter() - self._begun

    @property
    def cpu_seconds(self) -> float:
        """Of the server."""
        return self._server.cpu_seconds() - self._cpu
