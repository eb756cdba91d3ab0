"""What the real disk makes of what file systems say."""

from __future__ import annotations

import errno
import os
from typing import TYPE_CHECKING

import pytest

from sila_daemon.ports.disk import SystemDisk

if TYPE_CHECKING:
    from pathlib import Path


@pytest.mark.parametrize("code", [errno.EINVAL, errno.ENOTSUP])
def test_a_file_system_without_a_sync_of_directories_is_taken_as_it_is(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, code: int
) -> None:
    asked: list[int] = []

    def refused(descriptor: int) -> None:
        asked.append(descriptor)
        raise OSError(code, os.strerror(code))

    monkeypatch.setattr(os, "fsync", refused)
    SystemDisk().sync_dir(tmp_path)
    assert len(asked) == 1


def test_a_sync_of_a_directory_that_fails_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    def failed(_: int) -> None:
        raise OSError(errno.EIO, os.strerror(errno.EIO))

    monkeypatch.setattr(os, "fsync", failed)
    with pytest.raises(OSError, match="Input/output error"):
        SystemDisk().sync_dir(tmp_path)
