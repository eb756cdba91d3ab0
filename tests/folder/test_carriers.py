"""Tools that carry folders are recognised by what they leave there, and by what they call it."""

from __future__ import annotations

from pathlib import Path

import pytest

from sila_daemon.folder.carriers import Carrier, carrier_of
from sila_daemon.ports.disk import FileStat, SystemDisk


@pytest.mark.parametrize(
    ("marker", "name", "is_live"),
    [
        (".stfolder", "Syncthing", True),
        (".dropbox.cache", "Dropbox", True),
        (".nextcloudsync.log", "Nextcloud", True),
        (".git", "git", False),
    ],
)
@pytest.mark.parametrize("depth", [0, 3])
def test_a_marker_tells(tmp_path: Path, marker: str, name: str, is_live: bool, depth: int) -> None:
    root = tmp_path.joinpath(*"abc"[:depth])
    root.mkdir(parents=True, exist_ok=True)
    assert carrier_of(root, SystemDisk()) is None
    (tmp_path / marker).mkdir()
    assert carrier_of(root, SystemDisk()) == Carrier(name, is_live=is_live)


@pytest.mark.parametrize(
    ("path", "name"),
    [
        ("/Users/me/Library/Mobile Documents/com~apple~CloudDocs/space", "iCloud"),
        ("/Users/me/Library/CloudStorage/OneDrive-Personal/space", "OneDrive"),
        ("/Users/me/Library/CloudStorage/GoogleDrive-me@example.org/My Drive/s", "GoogleDrive"),
        ("/home/me/Dropbox/space", "Dropbox"),
        ("/home/me/Dropbox (Team)/space", "Dropbox"),
        ("/home/me/OneDrive - Contoso/space", "OneDrive"),
    ],
)
def test_a_path_tells(path: str, name: str) -> None:
    assert carrier_of(Path(path), SystemDisk()) == Carrier(name)


def test_a_settings_folder_in_a_home_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / ".dropbox").mkdir()
    assert carrier_of(tmp_path / "Dropboxes", SystemDisk()) is None


def test_what_cannot_be_looked_at_tells_nothing(tmp_path: Path) -> None:
    class Closed(SystemDisk):
        def stat(self, path: Path) -> FileStat | None:
            raise PermissionError(13, "Permission denied", str(path))

    (tmp_path / ".stfolder").mkdir()
    assert carrier_of(tmp_path, Closed()) is None
