"""The command itself in processes of its own: exit codes, the lock, the admin socket, kill -9."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import socket
import stat
import subprocess
import sys
import tempfile
import zipfile
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest
import socketio

from sila_daemon.server.commands.admin_client import socket_path
from tests.server.world_fixture import TREE

FIXTURES = Path(__file__).parents[1] / "fixtures" / "spaces"
PYTHON = [sys.executable, "-m", "sila_daemon.server.cli"]


@pytest.fixture
def data() -> Iterator[Path]:
    # Not tmp_path: its name may be too long for a Unix socket.
    with tempfile.TemporaryDirectory(prefix="sila-") as folder:
        yield Path(folder) / "data"


def run(*args: str | Path, stdin: str = "", env: dict[str, str] | None = None) -> tuple[int, str]:
    """Runs a command; returns exit code and stdout."""
    done = subprocess.run(
        [*PYTHON, *map(str, args)],
        input=stdin,
        capture_output=True,
        text=True,
        env={**os.environ, **(env or {})},
        timeout=60,
    )
    assert "Traceback" not in done.stderr, done.stderr
    return done.returncode, done.stdout


def data_of(*args: str | Path, stdin: str = "") -> Any:
    """Runs a command with --json and returns its data."""
    code, out = run(*args, "--json", stdin=stdin)
    answer = json.loads(out)
    assert code == 0 and answer["ok"] is True, answer
    return answer["data"]


@asynccontextmanager
async def serving(data: Path) -> AsyncIterator[tuple[asyncio.subprocess.Process, str]]:
    """Starts `serve`; yields the process and its URL."""
    process = await asyncio.create_subprocess_exec(
        *PYTHON, "serve", "--data", str(data), "--port", "0", stdout=asyncio.subprocess.PIPE
    )
    try:
        assert process.stdout is not None
        line = await asyncio.wait_for(process.stdout.readline(), 60)
        yield process, line.decode().strip()
    finally:
        if process.returncode is None:
            process.kill()
        await process.wait()


@asynccontextmanager
async def joined(url: str, space: str, token: str) -> AsyncIterator[Any]:
    """Connects to a space."""
    sio = socketio.AsyncClient(reconnection=False)
    namespace = f"/spaces/{space}"
    await sio.connect(
        url, auth={"token": token, "protocol": 2}, namespaces=[namespace], wait_timeout=10
    )
    try:
        yield sio
    finally:
        await sio.disconnect()
        if sio.eio.http is not None:
            await sio.eio.http.close()


def sent(first: int, last: int) -> dict[str, Any]:
    """Makes a payload of `ops:send`."""
    ops = [
        {"id": {"counter": counter, "peerId": "p1"}, "targetId": f"v{counter}", "parentId": None}
        for counter in range(first, last + 1)
    ]
    return {"treeId": TREE, "ops": ops}


def test_users_and_spaces_without_a_server(data: Path) -> None:
    added = data_of("--data", data, "user", "add", "A@b.co", "--password-stdin", stdin="password\n")
    assert (added["email"], added["admin"]) == ("a@b.co", False)
    assert data_of("user", "add", "c@d.co", "--admin", "--data", data)["admin"] is True
    assert [user["email"] for user in data_of("user", "list", "--data", data)] == [
        "a@b.co", "c@d.co",
    ]  # fmt: skip
    code, out = run("user", "token", "a@b.co", "--data", data)
    assert code == 0 and out.splitlines()[-1].count(".") == 2
    made = data_of("space", "create", "--name", "Mine", "--owner", "a@b.co", "--data", data)
    shared = data_of("space", "share", "Mine", "c@d.co", "--role", "viewer", "--data", data)
    assert shared["space"] == made["id"]
    members = data_of("space", "members", made["id"][:6], "--data", data)
    assert [member["role"] for member in members] == ["owner", "viewer"]
    assert [space["name"] for space in data_of("space", "list", "--data", data)] == ["Mine"]
    assert stat.S_IMODE((data / "signing.key").stat().st_mode) == 0o600


def test_nobody_else_reads_the_data_even_in_an_open_folder(data: Path) -> None:
    data.mkdir(mode=0o755)
    run("user", "add", "a@b.co", "--data", data)
    for path in data.iterdir():
        assert stat.S_IMODE(path.stat().st_mode) & 0o077 == 0, path


def test_commands_wait_for_each_other(data: Path) -> None:
    data.mkdir()
    begun = [
        subprocess.Popen(
            [*PYTHON, "user", "add", f"u{number}@b.co", "--data", str(data)],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
        )
        for number in range(5)
    ]
    assert [process.wait(60) for process in begun] == [0] * 5
    assert len(data_of("user", "list", "--data", data)) == 5


def test_a_port_that_cannot_be_is_wrong_usage(data: Path) -> None:
    assert run("serve", "--data", data, "--port", "70000")[0] == 2
    assert run("serve", "--data", data, "--port", "0", "--allow-origin", "a/b")[0] == 2


async def test_a_silent_admin_connection_does_not_keep_the_server(data: Path) -> None:
    async with serving(data) as (process, _):
        reader, writer = await asyncio.open_unix_connection(str(data / "admin.sock"))
        process.send_signal(signal.SIGTERM)
        answer = json.loads(await asyncio.wait_for(reader.readline(), 10))
        assert answer["error"]["message"] == "the server is stopping"
        assert await asyncio.wait_for(process.wait(), 10) == 0
        writer.close()


async def test_a_data_folder_may_have_a_long_path(tmp_path: Path) -> None:
    data = tmp_path / ("long" * 30) / "data"
    data.parent.mkdir()
    async with serving(data) as (process, _):
        added = await asyncio.to_thread(
            data_of, "user", "add", "a@b.co", "--password-stdin", "--data", data, stdin="password"
        )
        assert added["email"] == "a@b.co"
        place = socket_path(data).parent
        assert stat.S_IMODE(place.stat().st_mode) == 0o700
        process.terminate()
        assert await process.wait() == 0
    assert not place.exists()


async def test_a_second_server_is_refused(data: Path) -> None:
    async with serving(data) as (process, _):
        code, out = await asyncio.to_thread(run, "serve", "--data", data, "--port", "0", "--json")
        assert (code, json.loads(out)["error"]["code"]) == (3, "already_running")
        assert process.returncode is None
        assert stat.S_IMODE((data / "admin.sock").stat().st_mode) == 0o600


def test_exit_codes(data: Path) -> None:
    run("user", "add", "a@b.co", "--data", data)
    cases: list[tuple[int, str, list[str]]] = [
        (4, "not_found", ["user", "token", "nobody@b.co"]),
        (4, "not_found", ["space", "members", "nowhere"]),
        (6, "taken", ["user", "add", "A@B.co"]),
        (2, "bad_email", ["user", "add", "not an address"]),
        (2, "usage", ["user", "token", "a@b.co", "--days", "0"]),
        (2, "usage", ["user", "password", "a@b.co"]),
        (2, "bad_name", ["space", "create", "--name", "x" * 81, "--owner", "a@b.co"]),
    ]
    for expected, error, args in cases:
        code, out = run(*args, "--data", data, "--json")
        answer = json.loads(out)
        assert (code, answer["ok"], answer["error"]["code"]) == (expected, False, error), args
        assert set(answer["error"]) == {"code", "message", "hint"}
    assert run("user", "add", "x@y.co", "--password-stdin", "--data", data, stdin="short\n")[0] == 2
    assert run("user", "frobnicate")[0] == 2
    blocked = data.with_name("file")
    blocked.touch()
    assert run("user", "list", "--data", blocked)[0] == 7
    assert run("user", "list", env={"SILA_SERVER_DATA": str(data)})[0] == 0


def test_a_space_goes_in_and_comes_out_as_it_was(data: Path) -> None:
    run("user", "add", "a@b.co", "--data", data)
    folder = FIXTURES / "workspace-main"
    taken = data_of("space", "import", folder, "--owner", "a@b.co", "--data", data)
    assert taken["ops"] > 500 and taken["files"] > 5 and taken["problems"] == []
    code, out = run("space", "import", folder, "--owner", "a@b.co", "--data", data, "--json")
    assert (code, json.loads(out)["error"]["code"]) == (6, "taken")
    out_zip = data.with_name("out.zip")
    written = data_of("space", "export", taken["id"], out_zip, "--data", data)
    assert (written["ops"], written["files"]) == (taken["ops"], taken["files"])
    with zipfile.ZipFile(out_zip) as archive:
        archive.extractall(data.with_name("again"))
    expected = json.loads((FIXTURES / "workspace-main.expected.json").read_text())
    from sila_daemon.folder.blobs import BlobFolder
    from sila_daemon.folder.secrets import read_secrets
    from sila_daemon.folder.space_folder import SpaceFolder
    from sila_daemon.folder.tree_loader import load_tree
    from sila_daemon.ports.disk import SystemDisk
    from sila_daemon.ports.randomness import SystemRandomness

    def state(root: Path) -> Any:
        disk = SystemDisk()
        opened = SpaceFolder.open(root, disk)
        trees = {}
        for tree_id, files in opened.scan().by_tree().items():
            tree = load_tree(opened, tree_id, files).tree
            trees[tree_id] = {
                vertex_id: (vertex.parent.id if vertex.parent else None, vertex.properties)
                for vertex_id in tree.vertex_ids()
                if (vertex := tree.vertex(vertex_id)) is not None
            }
        blobs = BlobFolder(opened.layout.files_dir, disk, SystemRandomness())
        secrets = read_secrets(disk, opened.layout.secrets, taken["id"])
        assert secrets is not None
        static = sorted(blob.hash for blob in blobs.list_static())
        var = [(uuid, blobs.stat_var(uuid).sha256) for uuid in blobs.list_var()]
        return trees, secrets.values, static, var

    assert state(data.with_name("again")) == state(folder)
    assert expected
    assert run("space", "export", taken["id"], out_zip, "--data", data)[0] == 6


async def test_commands_beside_a_running_server(data: Path) -> None:
    run("user", "add", "a@b.co", "--data", data)
    async with serving(data) as (process, url):
        assert url.startswith("http://127.0.0.1:")
        assert stat.S_IMODE((data / "admin.sock").stat().st_mode) == 0o600
        made = await asyncio.to_thread(
            data_of, "space", "create", "--name", "S", "--owner", "a@b.co", "--data", data
        )
        token = (await asyncio.to_thread(data_of, "user", "token", "a@b.co", "--data", data))[
            "token"
        ]
        async with joined(url, made["id"], token) as sio:
            ack = await sio.call("ops:send", sent(1, 3), namespace=f"/spaces/{made['id']}")
            assert ack["accepted"] == 3
        code, out = await asyncio.to_thread(
            run, "user", "token", "x@y.co", "--data", data, "--json"
        )
        assert (code, json.loads(out)["error"]["code"]) == (4, "not_found")
        second = await asyncio.to_thread(run, "serve", "--data", data, "--port", "0", "--json")
        assert second[0] == 3
        process.send_signal(signal.SIGTERM)
        assert await asyncio.wait_for(process.wait(), 10) == 0
    assert not (data / "admin.sock").exists()


async def test_an_acknowledged_op_survives_kill_9(data: Path) -> None:
    run("user", "add", "a@b.co", "--data", data)
    made = data_of("space", "create", "--name", "S", "--owner", "a@b.co", "--data", data)
    token = data_of("user", "token", "a@b.co", "--data", data)["token"]
    namespace = f"/spaces/{made['id']}"
    async with serving(data) as (process, url), joined(url, made["id"], token) as sio:
        acked = 0
        for batch in range(20):
            ack = await sio.call(
                "ops:send", sent(batch * 10 + 1, batch * 10 + 10), namespace=namespace
            )
            acked += ack["accepted"]
        process.kill()
        await process.wait()
    assert acked == 200
    async with serving(data) as (_, url), joined(url, made["id"], token) as sio:
        heard: asyncio.Queue[tuple[str, Any]] = asyncio.Queue()

        async def hear(event: str, payload: Any) -> None:
            heard.put_nowait((event, payload))

        sio.on("*", hear, namespace=namespace)
        again = await sio.call("ops:send", sent(1, 200), namespace=namespace)
        assert (again["accepted"], again["duplicates"]) == (0, 200)
        since = {**again["cursor"], "seq": 0, "tag": ""}
        await sio.emit("ops:state", {"since": since}, namespace=namespace)
        counters: list[int] = []
        while True:
            event, payload = await asyncio.wait_for(heard.get(), 10)
            if event == "ops:sync:done":
                break
            if event == "ops:sync" and payload["treeId"] == TREE:
                counters += [op["id"]["counter"] for op in payload["ops"]]
        assert counters == list(range(1, 201))


@pytest.mark.parametrize("transport", ["polling", "websocket"])
async def test_stopping_with_clients_connected(data: Path, transport: str) -> None:
    run("user", "add", "a@b.co", "--data", data)
    made = data_of("space", "create", "--name", "S", "--owner", "a@b.co", "--data", data)
    token = data_of("user", "token", "a@b.co", "--data", data)["token"]
    async with serving(data) as (process, url):
        sio = socketio.AsyncClient(reconnection=False)
        namespace = f"/spaces/{made['id']}"
        ended = asyncio.Event()
        sio.on("disconnect", lambda *_: ended.set(), namespace=namespace)
        await sio.connect(
            url, auth={"token": token}, namespaces=[namespace], transports=[transport],
            wait_timeout=10,
        )  # fmt: skip
        started = asyncio.get_running_loop().time()
        process.send_signal(signal.SIGINT)
        assert await asyncio.wait_for(process.wait(), 10) == 0
        assert asyncio.get_running_loop().time() - started < 6
        await asyncio.wait_for(ended.wait(), 10)
        await sio.disconnect()
        if sio.eio.http is not None:
            await sio.eio.http.close()


async def test_garbage_on_the_socket_ends_only_its_connection(data: Path) -> None:
    async with serving(data) as (process, url):
        host, _, port = url.removeprefix("http://").rpartition(":")
        reader, writer = await asyncio.open_connection(host, int(port))
        writer.write(
            b"GET /socket.io/?EIO=4&transport=websocket HTTP/1.1\r\nHost: x\r\n"
            b"Upgrade: websocket\r\nConnection: Upgrade\r\nSec-WebSocket-Version: 13\r\n"
            b"Sec-WebSocket-Key: dGhlIHNhbXBsZSBub25jZQ==\r\n\r\n"
        )
        await reader.readuntil(b"\r\n\r\n")
        for text in (b"4" + b"[" * 100_000, b"42" + b"[" * 100_000, b"x", b"4\xff", b"49{}"):
            frame = b"\x81\xff" + len(text).to_bytes(8) + bytes(4) + text
            writer.write(frame)
        await asyncio.wait_for(reader.read(), 30)
        writer.close()
        with socket.create_connection((host, int(port)), timeout=5) as plain:
            plain.sendall(b"GET /health HTTP/1.0\r\n\r\n")
            assert b'{"ok":true}' in plain.recv(4096) + plain.recv(4096)
        assert process.returncode is None


def test_accounts_and_spaces_are_deleted_and_brought_back(data: Path) -> None:
    for email in ("a@b.co", "c@d.co"):
        data_of("user", "add", email, "--data", data)
    alone = data_of("space", "create", "--name", "Alone", "--owner", "a@b.co", "--data", data)
    shared = data_of("space", "create", "--name", "Shared", "--owner", "a@b.co", "--data", data)
    data_of("space", "share", "Shared", "c@d.co", "--role", "editor", "--data", data)
    code, out = run("user", "remove", "a@b.co", "--json", "--data", data)
    refusal = json.loads(out)["error"]
    assert (code, refusal["code"]) == (6, "last_owner") and "--force" in refusal["hint"]
    data_of("space", "share", "Shared", "c@d.co", "--role", "owner", "--data", data)
    removed = data_of("user", "remove", "a@b.co", "--data", data)
    assert (removed["spacesDeleted"], removed["state"]) == ([alone["id"]], "deleted")
    assert run("user", "token", "a@b.co", "--data", data)[0] == 6
    restored = data_of("user", "restore", "a@b.co", "--data", data)
    assert (restored["spacesRestored"], restored["state"]) == ([alone["id"]], "active")
    assert data_of("user", "disable", "c@d.co", "--data", data)["state"] == "disabled"
    assert data_of("user", "enable", "c@d.co", "--data", data)["state"] == "active"
    deleted = data_of("space", "delete", "Alone", "--data", data)
    assert deleted["state"] == "deleted" and run("space", "delete", "Alone", "--data", data)[0] == 4
    assert data_of("space", "undelete", "Alone", "--data", data)["state"] == "active"
    data_of("space", "delete", "Alone", "--data", data)
    assert data_of("space", "delete", "Alone", "--now", "--data", data)["state"] == "removed"
    assert [space["id"] for space in data_of("space", "list", "--data", data)] == [shared["id"]]
    assert not (data / "spaces" / alone["id"][:2] / alone["id"]).exists()
    assert data_of("user", "remove", "a@b.co", "--now", "--data", data)["state"] == "removed"
    assert [user["email"] for user in data_of("user", "list", "--data", data)] == ["c@d.co"]
    actions = [entry["action"] for entry in data_of("audit", "list", "--data", data)]
    assert actions[:2] == ["user_purged", "user_deleted"] and "space_purged" in actions
    assert run("audit", "list", "--limit", "0", "--data", data)[0] == 2


async def test_commands_beside_a_server_bite_at_once(data: Path) -> None:
    async with serving(data) as (_, url):
        ask = asyncio.to_thread
        await ask(data_of, "user", "add", "a@b.co", "--data", data)
        made = await ask(
            data_of, "space", "create", "--name", "x", "--owner", "a@b.co", "--data", data
        )
        for end in (
            ("user", "sign-out", "a@b.co"), ("user", "disable", "a@b.co"),
            ("key", "rotate", "--leaked"), ("space", "delete", made["id"], "--now"),
        ):  # fmt: skip
            token = (await ask(data_of, "user", "token", "a@b.co", "--data", data))["token"]
            async with joined(url, made["id"], token) as sio:
                ended = asyncio.Event()
                heard: list[Any] = []
                namespace = f"/spaces/{made['id']}"
                sio.on("auth:expired", heard.append, namespace=namespace)
                sio.on("disconnect", lambda *_: ended.set(), namespace=namespace)  # noqa: B023
                rotated = await ask(data_of, "key", "rotate", "--data", data)
                assert len(rotated["accepted"]) >= 2
                await ask(data_of, *end, "--data", data)
                await asyncio.wait_for(ended.wait(), 10)
                code = "not_permitted" if end[0] == "space" else "revoked"
                assert heard == [{"code": code}], end
            await ask(data_of, "user", "enable", "a@b.co", "--data", data)
        assert not (data / "spaces" / made["id"][:2] / made["id"]).exists()
