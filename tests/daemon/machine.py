"""A machine of one user, as tests see it: commands as processes, a real daemon, a real server."""

from __future__ import annotations

import contextlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from sila_daemon.control.call import call
from sila_daemon.paths import user_paths

STARTED_S_MAX = 30.0
NO_KEYRING = "keyring.backends.null.Keyring"
"""Tests leave the keyring of whoever runs them alone."""

FIXTURES = Path(__file__).resolve().parents[1] / "fixtures" / "spaces"
"""Spaces that the original app wrote."""


class Machine:
    """Everything below one SILA_HOME."""

    def __init__(self, home: Path) -> None:
        self.home = home
        self.env = {**os.environ, "SILA_HOME": str(home), "PYTHON_KEYRING_BACKEND": NO_KEYRING}

    def command(self, *words: str) -> list[str]:
        """The argument vector of a command."""
        return [sys.executable, "-m", "sila_daemon.cli", *words]

    def sila(self, *words: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
        """Runs a command to its end, without a terminal."""
        return subprocess.run(
            self.command(*words), env=self.env, input=stdin, capture_output=True, text=True
        )

    def data(self, *words: str, stdin: str = "") -> Any:
        """Runs a command that must succeed, and returns what it says to programs."""
        done = self.sila(*words, "--json", stdin=stdin)
        assert done.returncode == 0, done.stdout + done.stderr
        answer = json.loads(done.stdout)
        assert answer["ok"] is True
        return answer["data"]

    def call(self, method: str, **params: Any) -> Any:
        """What the daemon answers on its socket to what no command asks."""
        return call(user_paths(self.env).socket, method, **params)

    def refusal(self, *words: str, stdin: str = "") -> tuple[int, str]:
        """Runs a command that must fail, and returns its exit code and the stable code."""
        done = self.sila(*words, "--json", stdin=stdin)
        answer = json.loads(done.stdout)
        assert answer["ok"] is False and answer["error"]["message"], done.stdout
        return done.returncode, answer["error"]["code"]

    @contextlib.contextmanager
    def daemon(self) -> Iterator[subprocess.Popen[bytes]]:
        """Runs a daemon in the foreground of a process, and ends it cleanly."""
        with subprocess.Popen(self.command("run"), env=self.env, stderr=subprocess.PIPE) as process:
            try:
                wait_until(lambda: self.sila("space", "list").returncode == 0)
                yield process
            finally:
                if process.poll() is None:
                    process.send_signal(signal.SIGTERM)
                    process.wait(15)

    def status(self, space: str) -> dict[str, Any]:
        """One space of the status, whatever it says."""
        done = self.sila("status", space, "--json")
        found: dict[str, Any] = json.loads(done.stdout)["data"]["spaces"][0]
        return found

    def until_current(self, space: str) -> None:
        """Returns when everything of a space is where it belongs.

        The event of what the daemon itself wrote may still come, and be looked into.
        """
        wait_until(lambda: self.status(space)["state"] == "current")

    def until_said(self, start: str, *arguments: str) -> str:
        """Runs a command until what it says begins so; returns that."""
        said: list[str] = []

        def is_said() -> bool:
            said.append(self.sila(*arguments).stdout)
            return re.match(start, said[-1]) is not None

        wait_until(is_said)
        return said[-1]


def wait_until(is_so: Callable[[], bool]) -> None:
    """Asks again and again; the asking is what takes the time."""
    deadline = time.monotonic() + STARTED_S_MAX
    while not is_so():
        assert time.monotonic() < deadline, "waited in vain"
        time.sleep(0.02)


@contextlib.contextmanager
def serving(folder: Path, email: str, password: str) -> Iterator[str]:
    """Runs a real server with one account; yields its URL."""
    entry = "import sys; from sila_daemon.server.cli import main; sys.exit(main())"
    base = [sys.executable, "-c", entry, "--data", str(folder)]
    add = [*base, "user", "add", email, "--password-stdin"]
    subprocess.run(add, input=password, text=True, check=True, capture_output=True)
    command = [*base, "serve", "--port", "0"]
    with subprocess.Popen(command, stdout=subprocess.PIPE, text=True) as process:
        try:
            assert process.stdout is not None
            yield process.stdout.readline().strip()
        finally:
            process.send_signal(signal.SIGTERM)
            process.wait(15)
