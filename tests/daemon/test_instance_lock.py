"""One daemon for one data folder."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from sila_daemon.core.errors import AlreadyRunningError, StorageError
from sila_daemon.runtime.instance_lock import InstanceLock, is_locked

HOLD = """
import sys
from pathlib import Path
from sila_daemon.runtime.instance_lock import InstanceLock
with InstanceLock(Path(sys.argv[1])):
    print("held", flush=True)
    sys.stdin.read()
"""


def test_the_second_is_told_who_the_first_is(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    with InstanceLock(path):
        with pytest.raises(AlreadyRunningError) as caught, InstanceLock(path):
            pass
        assert str(os.getpid()) in caught.value.message
        assert is_locked(path)
    assert not is_locked(path)
    with InstanceLock(path):
        pass


def test_a_killed_holder_leaves_no_lock(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    command = [sys.executable, "-c", HOLD, str(path)]
    with subprocess.Popen(command, stdin=subprocess.PIPE, stdout=subprocess.PIPE) as holder:
        assert holder.stdout is not None
        assert holder.stdout.readline() == b"held\n"
        with pytest.raises(AlreadyRunningError), InstanceLock(path):
            pass
        holder.kill()
        holder.wait()
    with InstanceLock(path):
        assert path.read_text() == f"{os.getpid()}\n"


def test_a_place_that_is_not_there_is_a_storage_error(tmp_path: Path) -> None:
    assert not is_locked(tmp_path / "no" / "lock")
    with pytest.raises(StorageError), InstanceLock(tmp_path / "no" / "lock"):
        pass
