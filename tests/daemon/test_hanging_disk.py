"""A disk that does not answer holds up its own spaces only, and not the end of the process."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pytest

from tests.daemon.hanging_daemon import HANGING_HASH, HANGING_PEER, HANGS_DIR
from tests.daemon.machine import Machine, wait_until

pytestmark = pytest.mark.slow

FILES = Path("space-v1", "files", "static", "sha256")
SPACES = 6
"""More than the daemon has threads for disks."""


class MachineWithHangingDisk(Machine):
    """A machine whose daemon has such a disk."""

    def command(self, *words: str) -> list[str]:
        if words == ("run",):
            return [sys.executable, "-m", "tests.daemon.hanging_daemon", *words]
        return super().command(*words)


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    made = MachineWithHangingDisk(tmp_path / "home")
    (made.home / HANGS_DIR).mkdir(parents=True)
    return made


def until_it_hangs(machine: Machine, threads: int) -> None:
    wait_until(lambda: len(list((machine.home / HANGS_DIR).iterdir())) >= threads)


def until_it_ends(machine: Machine, daemon: subprocess.Popen[bytes]) -> tuple[int, str]:
    """Asks the daemon to end; returns its exit code and what it wrote to its log."""
    daemon.send_signal(signal.SIGTERM)
    code = daemon.wait(15)
    return code, (machine.home / "logs" / "daemon.log").read_text(encoding="utf-8")


def test_other_spaces_go_on_and_the_process_ends_in_time(machine: Machine, tmp_path: Path) -> None:
    with machine.daemon() as daemon:
        for number in range(SPACES):
            root = tmp_path / f"space-{number}"
            machine.data("space", "create", str(root), "--name", f"Space {number}")
        machine.data("space", "create", str(tmp_path / "well"), "--name", "Well")
        for number in range(SPACES):
            days = next((tmp_path / f"space-{number}" / "space-v1" / "ops").glob("*/*/*/*/*"))
            (days / f"{HANGING_PEER}-m.jsonl").write_text('[1,"v",null]\n')
        until_it_hangs(machine, SPACES)

        machine.data("vertex", "new", "Well", "space", "--set", "color=green")
        machine.until_current("Well")
        written = [
            path for path in (tmp_path / "well").rglob("*.jsonl") if "green" in path.read_text()
        ]
        assert written, "it came to the folder"
        code, log = until_it_ends(machine, daemon)
        assert code == 70
        assert "could not flush in time" in log


def test_a_file_that_never_comes_does_not_keep_the_process_either(
    machine: Machine, tmp_path: Path
) -> None:
    """Nobody but a thread waits for it: the loop itself would wait for that thread."""
    with machine.daemon() as daemon:
        machine.data("space", "create", str(tmp_path / "space"), "--name", "Space")
        path = tmp_path / "space" / FILES / HANGING_HASH[:2] / HANGING_HASH[2:]
        path.parent.mkdir(parents=True)
        path.write_bytes(b"somewhere else")
        until_it_hangs(machine, 1)
        code, log = until_it_ends(machine, daemon)
        assert code == 70
        assert "could not flush in time" in log
