"""`outbox` against a running daemon and a real server that does not take a change."""

from __future__ import annotations

import json
import stat
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.daemon.machine import Machine, serving, wait_until

pytestmark = pytest.mark.slow

VALUE_BYTES = 5 << 20
"""A server takes values of up to 4 MiB."""


@pytest.fixture(scope="module")
def machine(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Machine]:
    """A machine whose daemon runs for all tests of this file."""
    machine = Machine(tmp_path_factory.mktemp("machine"))
    with machine.daemon():
        yield machine


def append(root: Path, space: str, counter: int, value: str) -> None:
    """Writes a property into the folder as another program does."""
    day = root / "space-v1" / "ops" / space[:2] / space[2:] / "2026" / "01" / "02"
    day.mkdir(parents=True, exist_ok=True)
    with (day / f"{'7' * 32}-p.jsonl").open("a") as file:
        file.write(json.dumps([counter, space, f"k{counter}", value]) + "\n")


def test_a_change_that_a_server_refuses_is_listed_exported_and_offered_again(
    machine: Machine, tmp_path: Path
) -> None:
    root, out = tmp_path / "space", tmp_path / "refused.jsonl"
    with serving(tmp_path / "server", "a@example.org", "correct horse") as url:
        login = ("login", url, "--email", "a@example.org", "--password-stdin")
        machine.data(*login, stdin="correct horse")
        added = machine.data("space", "create", str(root), "--name", "Mine", "--server", url)
        space = str(added["id"])
        machine.until_current(space)
        append(root, space, 1000, "x" * VALUE_BYTES)
        append(root, space, 1001, "small")
        wait_until(lambda: machine.status(space)["state"] == "needs_you")
        wait_until(lambda: machine.status(space)["remotes"][0]["pendingOps"] == 1)
        assert machine.sila("status", space).returncode == 1
        assert (
            "the server refuses 1 change; see: sila-daemon outbox"
            in machine.sila("status", space).stdout
        )
        listed = machine.data("outbox", space)
        assert listed == machine.data("outbox", "list", space) == machine.data("outbox")
        [entry], [op] = listed["waiting"], listed["ops"]
        assert (entry["to"], entry["ops"], entry["refused"], entry["setAside"]) == (url, 1, 1, 0)
        assert (op["way"], op["server"], op["code"]) == ("refused", url, "op_too_large")
        assert (op["vertex"], op["key"], op["counter"]) == (space, "k1000", 1000)
        assert op["message"] and op["at"] > 1e12 and listed["more"] == 0
        assert machine.refusal("space", "sync", space) == (1, "needs_you")
        said = machine.sila("outbox").stdout
        assert f"k1000 of {space}" in said and "sila-daemon outbox retry SPACE" in said
        done = machine.data("outbox", "export", space, str(out))
        assert (done["ops"], done["size"]) == (1, out.stat().st_size)
        assert stat.S_IMODE(out.stat().st_mode) == 0o600
        [line] = [json.loads(text) for text in out.read_text().splitlines()]
        assert line["op"] == ["p", 1000, space, "k1000", "x" * VALUE_BYTES]
        assert (line["peer"], line["tree"], line["code"]) == ("7" * 32, space, "op_too_large")
        export = ("outbox", "export", space, str(out))
        assert machine.refusal(*export) == (6, "exists")
        assert machine.data(*export, "--force", "--server", f"{url}/")["ops"] == 1
        assert machine.refusal(*export, "--server", "http://else.example") == (4, "no_server")
        again = machine.sila("outbox", "retry", space, "--server", url)
        assert (again.returncode, again.stdout) == (0, "1 change offered again.\n")
        wait_until(lambda: machine.status(space)["remotes"][0]["refusedOps"] == 1)
    assert machine.refusal("outbox", "retry", "nothing-like-it") == (4, "no_space")
    assert machine.refusal("outbox", "retry") == (2, "usage")
    machine.data("space", "remove", space)


def test_nothing_waits_where_there_is_no_server(machine: Machine, tmp_path: Path) -> None:
    space = machine.data("space", "create", str(tmp_path / "space"), "--name", "Alone")["id"]
    machine.until_current(space)
    assert machine.data("outbox", space) == {"waiting": [], "ops": [], "more": 0}
    assert machine.data("outbox", "retry", space) == {"offered": 0, "read": 0}
    out = tmp_path / "none.jsonl"
    assert machine.data("outbox", "export", space, str(out))["ops"] == 0
    assert out.read_bytes() == b""
