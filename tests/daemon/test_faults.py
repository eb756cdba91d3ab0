"""The daemon as a process among faults: an end at any moment, a burst of files, nothing let out."""

from __future__ import annotations

import json
import signal
import threading
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import SilaError
from tests.daemon.machine import Machine, serving, wait_until
from tests.daemon.test_process import dump

if TYPE_CHECKING:
    import subprocess
    from pathlib import Path

pytestmark = pytest.mark.slow

TREE = "66311b5732f44edab7e16ff76fa16666"
BURST_FILES, BURST_TREES = 2000, 50
SESAME, HORSE, TALK = "sesame-6f1c", "horse-battery-91ab", "what people say 77c3"


@pytest.fixture
def machine(tmp_path: Path) -> Machine:
    return Machine(tmp_path / "home")


def test_an_end_at_any_moment_loses_nothing_that_was_answered(
    machine: Machine, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    answered: list[str] = []
    with machine.daemon():
        machine.data("space", "create", str(folder), "--name", "Work")
    for edits in (0, 1, 2, 5, 13, 34):
        with machine.daemon() as daemon:
            wanted, enough = len(answered) + edits, threading.Event()
            editing = threading.Thread(target=edit, args=(machine, answered, wanted, enough))
            editing.start()
            assert enough.wait(60)
            daemon.send_signal(signal.SIGTERM)
            assert daemon.wait(10) == 0
            editing.join(120)
    held = json.dumps(dump(machine, folder))
    assert len(answered) > 50
    assert not [text for text in answered if text not in held]


def edit(machine: Machine, answered: list[str], wanted: int, enough: threading.Event) -> None:
    """Makes vertices one after the other until nobody answers; the end falls in the midst of it."""
    while True:
        if len(answered) >= wanted:
            enough.set()
        text = f"answered-{len(answered)}-"
        act = {"do": "new", "properties": {"note": text}}
        try:
            machine.call("edit.apply", space="Work", tree="space", edits=[act])
        except (SilaError, OSError):
            return
        answered.append(text)


def test_a_burst_of_files_in_new_directories_is_read_whole(
    machine: Machine, tmp_path: Path
) -> None:
    folder = tmp_path / "work"
    with machine.daemon():
        machine.data("space", "create", str(folder), "--name", "Work")
        machine.until_current("Work")
        before = machine.status("Work")
        for number in range(BURST_FILES):
            tree = f"{number % BURST_TREES:032x}"
            day = folder / "space-v1" / "ops" / tree[:2] / tree[2:] / "2026" / "11" / "21"
            day.mkdir(parents=True, exist_ok=True)
            (day / f"peer{number}-m.jsonl").write_text(f'[{number + 1},"v{number}",null]\n')
        wait_until(lambda: machine.status("Work")["ops"] >= before["ops"] + BURST_FILES)
        machine.until_current("Work")
        after = machine.status("Work")
    assert after["ops"] == before["ops"] + BURST_FILES
    assert after["trees"] == before["trees"] + BURST_TREES


def test_nothing_secret_is_let_out(machine: Machine, tmp_path: Path) -> None:
    folder = tmp_path / "work"
    with serving(tmp_path / "server", "a@example.org", HORSE) as url, machine.daemon() as daemon:
        machine.data("space", "create", str(folder), "--name", "Work")
        machine.data("config", "set", "log.level", "debug")
        machine.data("login", url, "--email", "a@example.org", "--password-stdin", stdin=HORSE)
        machine.refusal("login", url, "--email", "b@example.org", "--password-stdin", stdin=HORSE)
        machine.data("secret", "set", "Work", "key", "--stdin", stdin=SESAME)
        machine.data("space", "server", "add", "Work", url, "--secrets", "mirror")
        machine.data("vertex", "new", "Work", "space", "--set", f"note={TALK}")
        machine.until_current("Work")
        said = [machine.sila(*words).stdout for words in (("status",), ("events",), ("whoami",))]
        said += [machine.sila(*words, "--json").stdout for words in (("status",), ("whoami",))]
        said.append(arguments_of(daemon))
    tokens = tokens_in((machine.home / "data" / "credentials.json").read_text())
    logs = [path.read_text() for path in (machine.home / "logs").iterdir()]
    ops = [path.read_text() for path in folder.rglob("*.jsonl")]
    assert tokens and logs and any(TALK in text for text in ops)
    for secret in (SESAME, HORSE, *tokens):
        assert not [text for text in (*said, *logs, *ops) if secret in text]
    assert not [text for text in (*said, *logs) if TALK in text]


def arguments_of(daemon: subprocess.Popen[bytes]) -> str:
    with open(f"/proc/{daemon.pid}/cmdline", encoding="utf-8") as found:
        return found.read()


def tokens_in(text: str) -> list[str]:
    """Returns the tokens in the file that keeps them."""
    found: list[str] = []

    def gather(value: object, name: str = "") -> None:
        if isinstance(value, dict):
            for key, below in value.items():
                gather(below, str(key))
        elif isinstance(value, list):
            for below in value:
                gather(below, name)
        elif isinstance(value, str) and name in ("access", "refresh"):
            found.append(value)

    gather(json.loads(text))
    return found
