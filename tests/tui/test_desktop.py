"""Handing files to the programs of this machine."""

from __future__ import annotations

import stat
from pathlib import Path

import pytest

from sila_daemon.core.errors import NotFoundError, ProtectionError
from sila_tui.desktop import Desktop


def viewer(folder: Path, ends_with: int = 0) -> dict[str, str]:
    """An environment whose viewer notes what it is to show."""
    folder.mkdir()
    program = folder / "xdg-open"
    program.write_text(f'#!/bin/sh\necho "$1" >> {folder}/shown\nexit {ends_with}\n', "utf-8")
    program.chmod(0o755)
    return {"PATH": f"{folder}:/usr/bin:/bin", "DISPLAY": ":0"}


async def test_a_copy_that_only_this_user_reads_is_shown(tmp_path: Path) -> None:
    desktop = Desktop(tmp_path / "cache", viewer(tmp_path / "bin"), "linux")
    path = desktop.place_for("ab-12/..", "../my\x1b notes.md")
    assert path == tmp_path / "cache/ab12/_my_ notes.md"
    assert stat.S_IMODE(path.parent.stat().st_mode) == 0o700
    path.write_text("x", "utf-8")
    await desktop.show(path)
    assert (tmp_path / "bin/shown").read_text("utf-8").strip() == str(path)
    assert stat.S_IMODE(path.stat().st_mode) == 0o400


@pytest.mark.parametrize(
    "name", ["a.desktop", "a.sh", "a.exe", "a", "a.html", "a.jar", "a.command"]
)
def test_what_might_be_a_program_is_not_opened(tmp_path: Path, name: str) -> None:
    with pytest.raises(ProtectionError, match="might be a program"):
        Desktop(tmp_path / "cache").place_for("v", name)
    assert not (tmp_path / "cache").exists()


@pytest.mark.parametrize("name", ["a.pdf", "b.PNG", "c.md", "d.docx", "e.odt", "f.mp4", "g.json"])
def test_documents_are(tmp_path: Path, name: str) -> None:
    assert Desktop(tmp_path / "cache").place_for("v", name).name == name


async def test_on_a_mac_no_display_is_needed(tmp_path: Path) -> None:
    environ = viewer(tmp_path / "bin")
    (tmp_path / "bin/xdg-open").rename(tmp_path / "bin/open")
    path = tmp_path / "a.md"
    path.touch()
    await Desktop(tmp_path, {**environ, "DISPLAY": ""}, "darwin").show(path)
    assert (tmp_path / "bin/shown").read_text("utf-8").strip() == str(path)


async def test_without_a_screen_or_a_viewer_it_is_said(tmp_path: Path) -> None:
    environ = viewer(tmp_path / "bin")
    path = tmp_path / "a.md"
    path.touch()
    for changed in ({"DISPLAY": ""}, {"PATH": str(tmp_path)}):
        with pytest.raises(NotFoundError, match="no screen") as caught:
            await Desktop(tmp_path, {**environ, **changed}, "linux").show(path)
        assert caught.value.code == "no_viewer"
    with pytest.raises(NotFoundError, match="has no program for"):
        await Desktop(tmp_path, viewer(tmp_path / "failing", 3), "linux").show(path)
