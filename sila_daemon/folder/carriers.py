"""Recognises the tools that carry folders between machines, such as Dropbox, by what they leave.

They bring files late, in pieces and out of order; whoever knows that one is at work can wait.
"""

from __future__ import annotations

import itertools
from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.ports.disk import Disk

PARENTS_MAX = 32


@dataclass(frozen=True, slots=True)
class Carrier:
    """A tool that carries a folder."""

    name: str
    is_live: bool = True
    """Whether it brings by itself what changed elsewhere."""


_MARKERS = {
    ".stfolder": Carrier("Syncthing"),
    ".dropbox.cache": Carrier("Dropbox"),
    ".nextcloudsync.log": Carrier("Nextcloud"),
    ".owncloudsync.log": Carrier("ownCloud"),
    ".tmp.drivedownload": Carrier("Google Drive"),
    ".git": Carrier("git", is_live=False),
}
"""What stands in the folder that is carried. `.dropbox` stands in homes too, and proves nothing."""

_NAMED = {"Dropbox": "Dropbox", "OneDrive": "OneDrive", "Nextcloud": "Nextcloud"}
"""Folders that these tools make, and call so."""


def carrier_of(root: Path, disk: Disk) -> Carrier | None:
    """Returns the tool that carries a folder, or one above it, as far as that can be seen."""
    by_name = _by_path(root)
    if by_name is not None:
        return by_name
    for directory in (root, *root.parents)[:PARENTS_MAX]:
        for marker, carrier in _MARKERS.items():
            if _is_there(disk, directory / marker):
                return carrier
    return None


def _is_there(disk: Disk, path: Path) -> bool:
    try:
        return disk.stat(path) is not None
    except OSError:
        return False  # Somebody else's folder above ours, perhaps.


def _by_path(root: Path) -> Carrier | None:
    parts = root.parts
    for above, part in itertools.pairwise(parts):
        if (above, part) == ("Library", "Mobile Documents"):
            return Carrier("iCloud")
        if above == "CloudStorage":  # Of macOS; the account follows a hyphen.
            return Carrier(part.partition("-")[0])
        name = part.partition(" - ")[0].partition(" (")[0]
        if name in _NAMED:
            return Carrier(_NAMED[name])
    return None
