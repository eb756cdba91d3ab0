"""The daemon in a world where the disk never answers for some files."""

from __future__ import annotations

import os
import sys
import threading
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.cli.main import main
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.runtime import composition

if TYPE_CHECKING:
    from sila_daemon.ports.descriptors import ReadDescriptor

HANGING_PEER = "hanging-peer"
HANGING_HASH = "f" * 64
HANGS_DIR = "hangs"
"""Below SILA_HOME: one empty file for each thread that hangs."""


class HangingDisk(SystemDisk):
    """The real disk, but for those files: as a mount whose server is gone."""

    def open_read(self, path: Path) -> ReadDescriptor:
        """Opens, or never returns."""
        if HANGING_PEER in path.name or path.name == HANGING_HASH[2:]:
            Path(os.environ["SILA_HOME"], HANGS_DIR, str(threading.get_ident())).touch()
            threading.Event().wait()
        return super().open_read(path)


if __name__ == "__main__":
    vars(composition)["SystemDisk"] = HangingDisk
    sys.exit(main())
