"""A write whose task was cancelled goes on for a moment on its thread: never into another file."""

from __future__ import annotations

import os
from threading import Thread
from typing import TYPE_CHECKING

import pytest

from sila_daemon.ports.disk import SystemDisk

if TYPE_CHECKING:
    from pathlib import Path


def test_a_write_under_way_keeps_its_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    disk = SystemDisk()
    cancelled = disk.create(tmp_path / "cancelled")
    real_write = os.write

    def late_write(descriptor: int, data: bytes) -> int:
        cancelled.close()
        with disk.create(tmp_path / "other"):
            return real_write(descriptor, data)

    monkeypatch.setattr(os, "write", late_write)
    thread = Thread(target=lambda: cancelled.write(b"bytes"))
    thread.start()
    thread.join()
    assert (tmp_path / "other").read_bytes() == b""
    assert (tmp_path / "cancelled").read_bytes() == b"bytes"
    with pytest.raises(OSError, match="Bad file descriptor"):
        cancelled.write(b"more")
