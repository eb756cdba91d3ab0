"""The daemon as a process: one at a time, stopped cleanly, started again after anything."""

from __future__ import annotations

import json
import os
import signal
import stat
import subprocess
import time
from pathlib import Path

import pytest

from tests.daemon.machine import Machine, wait_until

pytestmark = pytest.mark.slow


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    """A machine where nothing has been done yet."""
    return Machine(tmp_path / "home")


@pytest.mark.parametrize(
    "words",
    [
        ["status"],
        ["stop"],
        ["space", "list"],
        ["space", "sync", "Work"],
        ["tree", "Work"],
        ["events"],
        ["whoami"],
        ["secret", "get", "Work", "key"],
    ],
)
def test_without_a_daemon_one_is_told_how_to_start_it(machine: Machine, words: list[str]) -> None:
    done = machine.sila(*words)
    assert done.returncode == 3
    assert done.stderr == "The daemon is not running\nStart it with: sila-daemon start\n"
    assert machine.refusal(*words) == (3, "daemon_not_running")


def test_the_second_daemon_ends_at_once_and_harms_nothing(machine: Machine) -> None:
    with machine.daemon() as first:
        second = machine.sila("run")
        assert second.returncode == 3
        assert str(first.pid) in second.stderr
        assert machine.sila("start").returncode == 3
        assert machine.data("status")["daemon"]["pid"] == first.pid


def test_what_is_private_is_private(machine: Machine) -> None:
    with machine.daemon():
        machine.data("space", "create", "local://", "--name", "Notes")
        for path in machine.home.rglob("*"):
            assert stat.S_IMODE(path.lstat().st_mode) & 0o077 == 0, path


def test_after_a_kill_the_next_one_starts_and_nothing_is_lost(
    machine: Machine, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    with machine.daemon() as daemon:
        machine.data("space", "create", str(folder), "--name", "Work")
        vertex = machine.data("vertex", "new", "Work", "space", "--set", "color=red")["vertex"]
        daemon.kill()
        daemon.wait()
    assert machine.sila("status").returncode == 3
    with machine.daemon():
        properties = machine.data("vertex", "get", "Work", "space", vertex)["properties"]
        assert properties["color"] == "red"
        machine.until_current("Work")
    assert "red" in json.dumps(dump(machine, folder))


def test_sigterm_flushes_what_was_just_edited(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with machine.daemon() as daemon:
        machine.data("space", "create", str(folder), "--name", "Work")
        machine.data("vertex", "new", "Work", "space", "--set", "color=blue")
        machine.data("secret", "set", "Work", "key", "--stdin", stdin="sesame")
        began = time.monotonic()
        daemon.send_signal(signal.SIGTERM)
        assert daemon.wait(10) == 0
        assert time.monotonic() - began < 10
    assert "blue" in json.dumps(dump(machine, folder))
    assert dump(machine, folder, "--secrets")["secrets"] == {"key": "sesame"}
    assert not list((machine.home / "run").glob("*.sock"))


def test_start_stop_and_restart(machine: Machine) -> None:
    first = machine.data("start")["pid"]
    try:
        assert machine.refusal("start") == (3, "already_running")
        second = machine.data("restart")["pid"]
        assert second != first
    finally:
        machine.data("stop")
    assert machine.refusal("stop") == (3, "daemon_not_running")
    wait_until(lambda: not is_alive(second))


def test_what_keeps_it_from_starting_is_said(machine: Machine) -> None:
    (machine.home / "config").mkdir(parents=True)
    (machine.home / "config" / "config.toml").write_text("[folder]\nscan_intervall_s = 3\n")
    done = machine.sila("start")
    assert done.returncode == 2
    assert "scan_intervall_s" in done.stderr and "folder.scan_interval_s" in done.stderr
    assert machine.sila("run").returncode == 2


def test_a_socket_that_cannot_be_made_is_said(machine: Machine) -> None:
    (machine.home / "run" / "daemon.sock").mkdir(parents=True)
    done = machine.sila("run")
    assert done.returncode == 7
    assert "cannot make the control socket" in done.stderr.lower()


def test_a_damaged_registry_is_refused_and_kept(machine: Machine) -> None:
    (machine.home / "data").mkdir(parents=True)
    registry = machine.home / "data" / "spaces.json"
    registry.write_text('{"version": 1, "spaces": [{"id": "../../etc"}]}')
    assert machine.sila("run").returncode == 1
    assert "../../etc" in registry.read_text()


def test_damaged_accounts_are_moved_aside(machine: Machine) -> None:
    (machine.home / "data").mkdir(parents=True)
    (machine.home / "data" / "credentials.json").write_text("{")
    with machine.daemon():
        assert machine.data("whoami") == {"servers": []}
    assert list((machine.home / "data").glob("credentials.json.damaged-*"))


def test_settings_are_read_again_on_sighup(machine: Machine) -> None:
    with machine.daemon() as daemon:
        config = machine.home / "config" / "config.toml"
        config.parent.mkdir(exist_ok=True)
        config.write_text("[log]\nlevel = 'loud'\n")
        daemon.send_signal(signal.SIGHUP)
        wait_until(lambda: "the configuration is refused" in log_text(machine))
        config.write_text("[log]\nlevel = 'debug'\n[folder]\nscan_interval_s = 7\n")
        daemon.send_signal(signal.SIGHUP)
        wait_until(lambda: "configuration read" in log_text(machine))
        assert machine.data("config", "get", "folder.scan_interval_s") == {
            "folder.scan_interval_s": 7.0
        }
        assert machine.data("config", "set", "log.level", "warning") == {"log.level": "warning"}
        assert machine.sila("config", "set", "log.levle", "warning").returncode == 2
        assert machine.sila("status").returncode == 0


def test_a_command_loads_nothing_heavy(machine: Machine) -> None:
    """Loading is what a command's time goes to: 80 ms leave no room for these."""
    code = (
        "import sys; from sila_daemon.cli.main import main; main(['status']); "
        "main(['space', 'list']); "
        "print(*{name.partition('.')[0] for name in sys.modules})"
    )
    with machine.daemon():
        command = [machine.command()[0], "-c", code]
        done = subprocess.run(command, env=machine.env, capture_output=True, text=True, check=True)
    loaded = set(done.stdout.splitlines()[-1].split())
    assert "socket" in loaded
    assert not loaded & {"asyncio", "msgspec", "rich", "platformdirs", "typing_extensions"}
    assert not loaded & {"pathlib", "shutil", "threading", "subprocess", "tempfile", "hashlib"}
    assert not loaded & {"keyring", "apsw", "aiohttp", "socketio", "cryptography"}


def dump(machine: Machine, folder: Path, *options: str) -> dict[str, object]:
    """Everything that a folder holds."""
    done = machine.sila("space", "dump", str(folder), "--json", *options)
    assert done.returncode == 0, done.stderr
    found: dict[str, object] = json.loads(done.stdout)
    return found


def log_text(machine: Machine) -> str:
    """The daemon's log so far."""
    return (machine.home / "logs" / "daemon.log").read_text(encoding="utf-8")


def is_alive(pid: int) -> bool:
    """Whether a process is there and no zombie."""
    try:
        os.kill(pid, 0)
        state = Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except (ProcessLookupError, FileNotFoundError):
        return False
    return state != "Z"
