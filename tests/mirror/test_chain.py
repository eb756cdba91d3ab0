"""The whole chain with nothing made up: folder, mirror, server process, mirror, folder."""

from __future__ import annotations

import asyncio
import hashlib
import io
import json
import os
import random
import shutil
import signal
import subprocess
import sys
import urllib.request
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.folder.dump import dump_space
from sila_daemon.folder.secrets import read_secrets
from sila_daemon.folder.space_folder import SpaceFolder, create_space_folder
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.mirror.socketio_connector import SocketIoConnector
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from tests.mirror.bench import SPACE, Bench, FixedTokens, current, until, until_async

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.space_mirror import SpaceMirror

EMAIL = "owner@example.org"
ROOT = Path(__file__).parents[2]


class ServerProcess:
    """`sila-server` in a process of its own, on one data folder and port."""

    def __init__(self, data: Path) -> None:
        self.data = data
        self.url = ""
        self.token = ""
        self._process: asyncio.subprocess.Process | None = None
        self._port = "0"

    async def command(self, *arguments: str, stdin: str = "") -> str:
        process = await asyncio.create_subprocess_exec(
            *_python("sila_daemon.server.cli"), "--data", str(self.data), *arguments,
            stdin=asyncio.subprocess.PIPE, stdout=asyncio.subprocess.PIPE,
            stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        out, err = await process.communicate(stdin.encode())
        assert process.returncode == 0, err.decode()
        return out.decode().strip()

    async def start(self) -> None:
        process = await asyncio.create_subprocess_exec(
            *_python("sila_daemon.server.cli"), "--data", str(self.data), "serve",
            "--port", self._port, stdout=asyncio.subprocess.PIPE,
        )  # fmt: skip
        assert process.stdout is not None
        self._process = process
        self.url = (await process.stdout.readline()).decode().strip()
        assert self.url.startswith("http://"), "the server says where it is"
        self._port = self.url.rpartition(":")[2]

    async def stop(self, number: int = signal.SIGTERM) -> None:
        assert self._process is not None
        self._process.send_signal(number)
        await self._process.communicate()
        self._process = None

    async def make_space(self, space_id: str) -> None:
        request = urllib.request.Request(
            f"{self.url}/spaces",
            json.dumps({"name": "Ours", "id": space_id}).encode(),
            {"Authorization": f"Bearer {self.token}", "Content-Type": "application/json"},
        )
        await asyncio.to_thread(lambda: urllib.request.urlopen(request, timeout=10).close())


def _python(module: str) -> list[str]:
    return [sys.executable, "-c", f"import sys; from {module} import main; sys.exit(main())"]


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, str]:
    """A data folder with one account, and a token for it: made once, copied for each test."""
    data = tmp_path_factory.mktemp("prepared") / "server"
    command = [*_python("sila_daemon.server.cli"), "--data", str(data)]
    password = "correct horse battery\n"
    subprocess.run(
        [*command, "user", "add", EMAIL, "--password-stdin"], input=password, text=True, check=True
    )
    told = subprocess.run(
        [*command, "--json", "user", "token", EMAIL], capture_output=True, check=True
    )
    return data, json.loads(told.stdout)["data"]["token"]


@pytest.fixture
async def server(tmp_path: Path, prepared: tuple[Path, str]) -> AsyncIterator[ServerProcess]:
    data = tmp_path / "server"
    shutil.copytree(prepared[0], data)
    server = ServerProcess(data)
    server.token = prepared[1]
    await server.start()
    try:
        await server.make_space(SPACE)
        yield server
    finally:
        await server.stop()


@pytest.fixture
async def bench(tmp_path: Path, server: ServerProcess) -> AsyncIterator[Bench]:
    connector = SocketIoConnector()
    bench = Bench(tmp_path, connector)
    bench.tokens = FixedTokens(server.token)
    yield bench
    await connector.close()
    bench.close()


def servers(server: ServerProcess) -> tuple[ServerRecord, ...]:
    return (ServerRecord(server.url, "mirror"),)


def dumped(root: Path) -> object:
    """What a folder holds, problems and its own path apart."""
    folder = SpaceFolder.open(root, SystemDisk())
    found = dump_space(folder, SystemRandomness(), io.BytesIO())
    dump: dict[str, object] = json.loads(b"".join(found.render(with_secrets=True)))
    del dump["problems"]
    return dump


async def grow(mirror: SpaceMirror, seed: int, count: int) -> None:
    """Makes random edits, some of them with files."""
    chance = random.Random(seed)

    async def bytes_of(text: str) -> AsyncIterator[bytes]:
        yield text.encode()

    for number in range(count):
        blob_hash, _ = await mirror.put_blob(bytes_of(f"file {seed} {number}"))

        def change(tree: RepTree, number: int = number, blob_hash: str = blob_hash) -> None:
            assert tree.root is not None
            vertices = [v for v in map(tree.vertex, list(tree.vertex_ids())) if v is not None]
            above = chance.choice([v for v in vertices if not v.is_deleted])
            above.new_child({"name": f"{seed}-{number} \ud83d", "hash": blob_hash})

        await mirror.edit(SPACE, change)


async def equal_folders(*roots: Path) -> None:
    async def is_equal() -> bool:
        dumps = [await asyncio.to_thread(dumped, root) for root in roots]
        return all(dump == dumps[0] for dump in dumps)

    await until_async(is_equal, 20)


@pytest.mark.slow
async def test_two_folders_a_server_and_restarts_in_between(
    bench: Bench, server: ServerProcess
) -> None:
    one, two = bench.folder("one"), bench.folder("two")
    to = servers(server)
    async with bench.mirror("a", folder=one, servers=to) as a:
        await a.create_space("Ours")
        await grow(a, 1, 5)
        await a.set_secret("api-key", "sk-1")
        await current(a)
        async with bench.mirror("b", folder=two, servers=to) as b:
            await until(lambda: b.status()["ops"] == a.status()["ops"])
            await current(b)
            await grow(b, 2, 5)
            await current(b)
            await server.stop(signal.SIGKILL)
            await until(lambda: a.status()["state"] == b.status()["state"] == "offline")
            await grow(a, 3, 3)
            await grow(b, 4, 3)
            await server.start()
            await current(a, b)
            await until(lambda: a.status()["ops"] == b.status()["ops"])
        await grow(a, 5, 3)
        async with bench.mirror("b", folder=two, servers=to) as b:
            await until(lambda: a.status()["ops"] == b.status()["ops"])
            await current(a, b)
            await a.sync_now()
            await b.sync_now()
            await equal_folders(one, two)
    opened = read_secrets(SystemDisk(), two / "space-v1" / "secrets", SPACE)
    assert opened is not None
    assert opened.values == {"api-key": "sk-1"}


@pytest.mark.slow
async def test_a_large_value_and_a_large_file_go_through(
    bench: Bench, server: ServerProcess
) -> None:
    one, two = bench.folder("one"), bench.folder("two")
    data = os.urandom(7 << 20)
    text = "ü" * (1 << 20)

    async def chunks() -> AsyncIterator[bytes]:
        yield data

    async with (
        bench.mirror("a", folder=one, servers=servers(server)) as a,
        bench.mirror("b", folder=two, servers=servers(server)) as b,
    ):
        await a.create_space("Ours")
        blob_hash, _ = await a.put_blob(chunks())

        def change(tree: RepTree) -> None:
            assert tree.root is not None
            tree.root.new_child({"hash": blob_hash, "text": text})

        await a.edit(SPACE, change)
        await current(a)
        await until(lambda: b.status()["files"] == 1)
        await current(b)
    static = two / "space-v1/files/static/sha256" / blob_hash[:2] / blob_hash[2:]
    assert hashlib.sha256(static.read_bytes()).hexdigest() == blob_hash


@pytest.mark.slow
async def test_a_wrong_token_and_a_foreign_space_are_told(
    bench: Bench, server: ServerProcess
) -> None:
    bench.tokens = FixedTokens("nonsense")
    async with bench.mirror("a", servers=servers(server)) as a:
        await until(lambda: a.status()["state"] == "needs_you")
    await server.command(
        "user", "add", "x@example.org", "--password-stdin", stdin="horse battery\n"
    )
    token = json.loads(await server.command("--json", "user", "token", "x@example.org"))["data"]
    bench.tokens = FixedTokens(token["token"])
    async with bench.mirror("a", servers=servers(server)) as a:
        await until(lambda: a.status()["state"] == "needs_you")
        assert "may not" in a.status()["reason"]


class MirrorProcess:
    """A mirror that can be killed."""

    def __init__(self, *arguments: str) -> None:
        self._arguments = arguments
        self._process: asyncio.subprocess.Process | None = None

    async def start(self) -> None:
        self._process = await asyncio.create_subprocess_exec(
            sys.executable, "-m", "tests.mirror.mirror_process", *self._arguments,
            stdout=asyncio.subprocess.PIPE, cwd=ROOT, limit=1 << 22,
        )  # fmt: skip

    async def kill(self) -> None:
        assert self._process is not None
        self._process.kill()
        await self._process.communicate()

    async def until_current(self, ops: int) -> None:
        assert self._process is not None
        assert self._process.stdout is not None
        async with asyncio.timeout(30):
            while line := await self._process.stdout.readline():
                status = json.loads(line).get("status")
                if status and status["state"] == "current" and status["ops"] >= ops:
                    return
        raise AssertionError("the mirror ended by itself")


@pytest.mark.slow
async def test_a_killed_daemon_loses_nothing_and_repeats_nothing(
    tmp_path: Path, server: ServerProcess
) -> None:
    """The other app keeps writing while one daemon after the other is killed at random."""
    one, two = tmp_path / "one", tmp_path / "two"
    for root in (one, two):
        create_space_folder(root, SystemDisk(), SystemRandomness(), SPACE)
    chance = random.Random(7)
    mirrors = [
        MirrorProcess(
            SPACE, str(tmp_path / f"home-{root.name}"), str(root), server.url, server.token
        )
        for root in (one, two)
    ]
    for mirror in mirrors:
        await mirror.start()
    counters = dict.fromkeys((one, two), 0)

    def write(root: Path, count: int) -> None:
        peer = hashlib.md5(root.name.encode()).hexdigest()
        day = root / "space-v1" / "ops" / SPACE[:2] / SPACE[2:] / "2026" / "11" / "21"
        day.mkdir(parents=True, exist_ok=True)
        with (day / f"{peer}-m.jsonl").open("a") as file:
            for _ in range(count):
                counters[root] += 1
                file.write(
                    json.dumps([counters[root], f"{root.name}-{counters[root]}", None]) + "\n"
                )

    for _ in range(6):
        for root in (one, two):
            write(root, chance.randrange(1, 40))
        await asyncio.sleep(chance.uniform(0.05, 0.9))
        victim = chance.choice(mirrors)
        await victim.kill()
        await victim.start()
    write(one, 3)
    total = sum(counters.values())
    for mirror in mirrors:
        await mirror.until_current(total)
    for mirror in mirrors:
        await mirror.kill()
    assert dumped(one) == dumped(two)
    folder = SpaceFolder.open(one, SystemDisk())
    assert folder.space_id == SPACE
    lines = [line for path in two.rglob("*.jsonl") for line in path.read_bytes().splitlines()]
    assert len(lines) >= total


@pytest.mark.slow
async def test_a_fixture_of_the_original_app_is_mirrored_whole(
    bench: Bench, server: ServerProcess
) -> None:
    fixture = ROOT / "tests" / "fixtures" / "spaces" / "workspace-main"
    one = bench.tmp_path / "one"
    shutil.copytree(fixture, one)
    space_id = json.loads((one / "space-v1" / "space.json").read_text())["id"]
    if space_id != SPACE:
        await server.make_space(space_id)
    two = bench.tmp_path / "two"
    create_space_folder(two, SystemDisk(), SystemRandomness(), space_id)
    async with (
        bench.mirror("a", folder=one, servers=servers(server), space_id=space_id) as a,
        bench.mirror("b", folder=two, servers=servers(server), space_id=space_id) as b,
    ):
        await until(lambda: a.status()["remotes"][0]["state"] == "current")
        await until(lambda: a.status()["ops"] == b.status()["ops"])
        await until(lambda: b.status()["remotes"][0]["state"] == "current")
        await until(lambda: b.status()["folder"]["pendingOps"] == 0)
        await b.sync_now()
        await equal_folders(one, two)
        assert b.status()["trees"] > 3, "all of them, not only the space's own"
