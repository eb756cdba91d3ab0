"""What a look at a folder without events finds."""

from __future__ import annotations

import os
from pathlib import Path

from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.mirror.folder_stamps import FolderStamps
from sila_daemon.ports.disk import SystemDisk


def test_what_comes_in_the_same_tick_of_the_clock_as_a_look_is_found(tmp_path: Path) -> None:
    top = SpaceLayout(tmp_path).version_dir
    top.mkdir(parents=True)
    os.utime(top, ns=(10**18, 10**18))
    stamps = FolderStamps(tmp_path, SystemDisk())
    stamps.changed()
    late = top / "late"
    late.write_text("x")
    os.utime(top, ns=(10**18, 10**18))
    assert late in stamps.changed()
    assert stamps.changed() == frozenset()
