"""Starting a daemon in the background and ending one, where no service manager does it."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from pathlib import Path
from typing import Any

from sila_daemon.control.call import call
from sila_daemon.control.error_codes import from_wire
from sila_daemon.core.errors import (
    AlreadyRunningError,
    ControlError,
    DaemonNotRunningError,
    SilaError,
    StorageError,
)
from sila_daemon.paths import Paths, make_private_dir
from sila_daemon.runtime.instance_lock import is_locked

START_S_MAX = 30.0
STOP_S_MAX = 20.0
"""The daemon gives itself 10 s to flush."""
_POLL_S = 0.02


def start_detached(paths: Paths) -> dict[str, Any]:
    """Starts a daemon that outlives this process; returns what it says of itself.

    Raises AlreadyRunningError, or what kept the daemon from starting.
    """
    if is_locked(paths.lock_file):
        raise AlreadyRunningError(
            "a daemon is running already", hint="see how it is doing with: sila-daemon status"
        )
    make_private_dir(paths.log_dir)
    said = paths.log_dir / "start.log"
    try:
        descriptor = os.open(said, os.O_WRONLY | os.O_CREAT | os.O_TRUNC, 0o600)
    except OSError as error:
        raise StorageError(f"cannot write {said}: {error.strerror}") from error
    try:
        process = subprocess.Popen(
            [sys.executable, "-m", "sila_daemon.cli", "run"],
            stdin=subprocess.DEVNULL,
            stdout=subprocess.DEVNULL,
            stderr=descriptor,
            start_new_session=True,
            cwd="/",
        )
    finally:
        os.close(descriptor)
    return _wait_until_it_answers(paths, process, said)


def stop_running(paths: Paths) -> None:
    """Ends the running daemon; returns when it is gone. Raises DaemonNotRunningError."""
    deadline = time.monotonic() + STOP_S_MAX
    is_told = False
    while not is_told or is_locked(paths.lock_file):
        is_told = is_told or _was_told(paths)
        if time.monotonic() > deadline:
            raise ControlError(
                f"the daemon did not end within {STOP_S_MAX:.0f} s",
                code="not_stopped",
                hint=f"see {paths.log_file}",
            )
        time.sleep(_POLL_S)


def _was_told(paths: Paths) -> bool:
    """Tells a daemon to end; False when one is there that does not listen (yet)."""
    try:
        call(paths.socket, "daemon.stop")
    except DaemonNotRunningError as error:
        if error.code == "connection_lost":
            return True  # It was ending already, and hung up on us.
        if not is_locked(paths.lock_file):
            raise
        return False
    return True


def _wait_until_it_answers(
    paths: Paths, process: subprocess.Popen[bytes], said: Path
) -> dict[str, Any]:
    deadline = time.monotonic() + START_S_MAX
    while time.monotonic() < deadline:
        code = process.poll()
        if code is not None:
            raise _failure(code, said)
        try:
            answer: dict[str, Any] = call(paths.socket, "daemon.version")
        except ControlError:
            time.sleep(_POLL_S)
            continue
        # The process outlives us; its exit is nothing that we wait for.
        process.returncode = 0
        return answer
    raise ControlError(
        f"the daemon does not answer after {START_S_MAX:.0f} s",
        code="not_started",
        hint=f"see {paths.log_file}",
    )


def _failure(code: int, said: Path) -> SilaError:
    lines = said.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    message = lines[0] if lines else f"the daemon ended at once with code {code}"
    hint = lines[1] if len(lines) > 1 else f"see {said}"
    return from_wire({"message": message, "data": {"exitCode": code, "hint": hint}})
