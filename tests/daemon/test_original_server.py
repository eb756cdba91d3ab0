"""A daemon and a process of the original kind: signed in, cloned, refused, never current."""

from __future__ import annotations

import contextlib
import json
import subprocess
import sys
import time
from typing import TYPE_CHECKING, Any

import jwt
import pytest

from sila_daemon.credentials.account import token_expiry
from tests.daemon.machine import Machine, wait_until
from tests.original_server.running import EMAIL, KEY, USER
from tests.original_server.space_files import FolderFiles, ops_in

if TYPE_CHECKING:
    from collections.abc import Iterator
    from pathlib import Path

pytestmark = pytest.mark.slow

SPACE = "25f87e271fb347078ec4fbaad528d1b8"


@contextlib.contextmanager
def original(data: Path, port: int = 0) -> Iterator[tuple[str, subprocess.Popen[str]]]:
    """Runs a server of the original's kind with one space; yields its URL."""
    (data / SPACE).mkdir(parents=True, exist_ok=True)
    words = [str(data), KEY, USER, EMAIL, str(port)]
    command = [sys.executable, "-m", "tests.original_server", *words]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip(), process
        finally:
            process.kill()


def token(seconds: int = 7 * 24 * 3600) -> str:
    now = int(time.time())
    claims = {"sub": USER, "email": EMAIL, "iat": now, "exp": now + seconds}
    return jwt.encode(claims, KEY, algorithm="HS256")


def is_all_seen(machine: Machine) -> bool:
    [remote] = machine.status(SPACE)["remotes"]
    return str(remote["reason"]).startswith("everything was seen there")


def listed(machine: Machine, url: str) -> list[str]:
    """The ids of the spaces of the account there."""
    return [one["id"] for one in machine.data("space", "list", "--remote", url)["spaces"]]


def test_a_space_of_an_original_server(machine: Machine, tmp_path: Path) -> None:
    data, folder = tmp_path / "original", tmp_path / "folder"
    with original(data) as (url, _):
        port = int(url.rpartition(":")[2])
        assert machine.refusal("login", url, "--email", EMAIL, "--token-stdin", stdin="x")[0] == 5
        machine.data("login", url, "--email", EMAIL, "--token-stdin", stdin=token())
        assert listed(machine, url) == [SPACE]
        assert machine.refusal("space", "clone", url, "b" * 32, str(folder))[0] == 4
        added = machine.data("space", "clone", url, SPACE, str(folder))
        assert added["id"] == SPACE
        wait_until(lambda: machine.status(SPACE)["name"] == SPACE)
        new = machine.data("vertex", "new", SPACE, "space", "--set", "name=Made here")
        wait_until(lambda: is_all_seen(machine))
        status: dict[str, Any] = machine.status(SPACE)
        assert (status["state"], status["remotes"][0]["assurance"]) == ("syncing", "seen")
        text = machine.sila("status", SPACE).stdout
        assert "everything was seen on a server that confirms nothing" in text
        assert "files and secrets do not go there" in text
        machine.data("space", "sync", SPACE)
    wait_until(lambda: machine.status(SPACE)["state"] == "offline")
    machine.data("vertex", "set", SPACE, "space", new["vertex"], "name", "Changed offline")
    with original(data, port):
        wait_until(lambda: is_all_seen(machine))
        files = FolderFiles(data / SPACE / "space-v1" / "ops")
        written = [op for _, op in ops_in(files)]
        assert "Changed offline" in {op.get("value") for op in written}
        ids = [(op["id"]["counter"], op["id"]["peerId"]) for op in written]
        assert len(ids) == len(set(ids)), "nothing was sent twice"


def test_a_space_that_was_not_made_there_is_refused_and_nothing_is_made(
    machine: Machine, space: str, tmp_path: Path
) -> None:
    with original(tmp_path / "original") as (url, _):
        machine.data("login", url, "--email", EMAIL, "--token-stdin", stdin=token())
        assert machine.refusal("space", "server", "add", space, url) == (6, "not_supported")
        refused = machine.refusal(
            "space", "create", str(tmp_path / "other"), "--name", "Other", "--server", url
        )
        assert refused == (6, "not_supported")
        assert listed(machine, url) == [SPACE], "no other space was made"
        assert machine.status(space)["remotes"] == []


def test_a_token_that_ends_is_renewed_there(machine: Machine, tmp_path: Path) -> None:
    with original(tmp_path / "original") as (url, _):
        machine.data("login", url, "--email", EMAIL, "--token-stdin", stdin=token(30))
        assert listed(machine, url) == [SPACE]
        [kept] = machine.home.rglob("credentials.json")
        account = json.loads(kept.read_text(encoding="utf-8"))["accounts"][url]["account"]
        assert (token_expiry(account["access"]) or 0) > time.time() + 6 * 24 * 3600
