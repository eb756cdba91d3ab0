"""`make demo` as a person runs it, and as one who changes his mind."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

COMMAND = [sys.executable, "-m", "sila_tui.demo"]


def started(place: Path) -> subprocess.Popen[str]:
    """The demo in a session of its own, with its temporary files in `place`."""
    environment = {**os.environ, "TMPDIR": str(place), "PYTHONUNBUFFERED": "1"}
    return subprocess.Popen(
        COMMAND,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env=environment,
        start_new_session=True,
    )


def left_running(place: Path) -> list[str]:
    """The processes that still work in `place`, by their arguments or their surroundings."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            facts = (process / "cmdline").read_bytes() + (process / "environ").read_bytes()
        except OSError:
            continue
        if os.fsencode(place) in facts:
            found.append(facts.replace(b"\0", b" ").decode(errors="replace")[:200])
    return found


def test_both_folders_end_the_same_and_nothing_is_left(tmp_path: Path) -> None:
    with started(tmp_path) as demo:
        said, _ = demo.communicate(timeout=120)
    assert demo.returncode == 0, said
    assert said.count("the two folders say the same, byte for byte") == 2
    assert said.endswith("Everything has been stopped and removed.\n")
    assert list(tmp_path.iterdir()) == []
    assert left_running(tmp_path) == []


@pytest.mark.parametrize(
    ("at", "number"),
    [
        ("A server", signal.SIGINT),
        ("A daemon on the laptop", signal.SIGTERM),
        ("A daemon on the home server", signal.SIGINT),
        ("The home server clones", signal.SIGHUP),
        ("Both sides edit", signal.SIGINT),
    ],
)
def test_interrupted_at_any_step_it_leaves_nothing(
    at: str, number: signal.Signals, tmp_path: Path
) -> None:
    with started(tmp_path) as demo:
        assert demo.stdout is not None
        assert any(at in line for line in demo.stdout)
        # As a terminal does it: to every process that has not left the session, and twice.
        os.killpg(demo.pid, number)
        os.killpg(demo.pid, number)
        said, _ = demo.communicate(timeout=60)
    assert demo.returncode == 130, said
    assert "Traceback" not in said
    assert list(tmp_path.iterdir()) == []
    assert left_running(tmp_path) == []
