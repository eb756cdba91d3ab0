"""Files and the trash, by their keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_tui.screenshot import rest
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write
from tests.tui.fake_daemon import FakeDaemon, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

    from sila_tui.app import SilaApp
    from sila_tui.screens.space import SpaceScreen

pytestmark = pytest.mark.slow


async def opened(app: SilaApp, pilot: Pilot[None], view: str = "files") -> None:
    """Goes to the files of the first space."""
    await press(pilot, "enter")
    await until(pilot, lambda: "Files" in shown(app))
    screen: SpaceScreen = app.screen  # type: ignore[assignment]
    [item] = [item for item in screen.outline.items(with_trees=False) if item.view == view]
    screen.show(item)
    names = {"files": "file-list", "trash": "trash-list"}
    await until(pilot, lambda: app.focused is not None and app.focused.id == names[view])
    await rest(pilot)


def tree_of(daemon: FakeDaemon) -> dict[str, dict[str, object]]:
    """The vertices of the files tree."""
    return daemon.vertices[sample.FILES_TREE]


async def test_files_stand_below_their_folders_with_a_preview(daemon: FakeDaemon) -> None:
    async with driven(daemon, (160, 40)) as (app, pilot):
        await opened(app, pilot)
        text = shown(app)
        for words in ("▾ recipes", "▾ cold brew", "220 kB   ● here", "214 MB   ○ away"):
            assert words in text
        await press(pilot, "j", "j")
        await until(pilot, lambda: "18 g in, 36 g out" in shown(app))
        assert daemon.called("file.head")[-1]["limit"] == 65_536
        await press(pilot, *["j"] * 3)
        await until(pilot, lambda: "only on the server" in shown(app))
        await press(pilot, "j")
        await until(pilot, lambda: "PNG picture, 96 x 48 pixels" in shown(app))
        assert "▀▀▀▀▀▀▀▀" in shown(app), "two pixels in each cell"
        await press(pilot, "G")
        await until(pilot, lambda: '"espresso": 10' in shown(app))
        assert not [call for call in daemon.called("file.head") if call["vertex"] == "f4"]


async def test_folders_fold(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "enter")
        assert "▸ recipes" in shown(app)
        assert "filter.md" not in shown(app)
        await press(pilot, "enter")
        assert "filter.md" in shown(app)


async def test_on_a_small_terminal_the_preview_takes_the_place_of_the_list(
    daemon: FakeDaemon,
) -> None:
    async with driven(daemon, (80, 24)) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "j", "j", "enter")
        await until(pilot, lambda: "Let it flow to 40 g" in shown(app))
        assert "filter.md" not in shown(app)
        await press(pilot, "escape")
        assert "filter.md" in shown(app)


async def test_a_file_is_renamed_and_undone(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "j", "j", "r")
        await press(pilot, *["backspace"] * len("espresso.md"))
        await write(pilot, "filter.md")
        await press(pilot, "enter")
        await until(pilot, lambda: "filter.md is there already" in shown(app))
        assert daemon.called("edit.apply") == []
        await press(pilot, "r")
        await press(pilot, *["backspace"] * len("espresso.md"))
        await write(pilot, "ristretto.md")
        await press(pilot, "enter")
        await until(pilot, lambda: "Renamed espresso.md to ristretto.md" in shown(app))
        assert tree_of(daemon)["f1"]["properties"]["name"] == "ristretto.md"  # type: ignore[index]
        await press(pilot, "u")
        await until(pilot, lambda: "Undone: renamed" in shown(app))
        assert tree_of(daemon)["f1"]["properties"]["name"] == "espresso.md"  # type: ignore[index]


async def test_marked_files_move_by_cut_and_paste_and_back_by_undo(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "j", "j", "space", "space")
        assert shown(app).count("+ ") >= 2
        await press(pilot, "x")
        await press(pilot, "p")
        await until(pilot, lambda: "Moved 2 things to videos" in shown(app))
        assert {tree_of(daemon)[file]["parent"] for file in ("f1", "f2")} == {"videos"}
        await press(pilot, "u")
        await until(pilot, lambda: "Undone" in shown(app))
        assert {tree_of(daemon)[file]["parent"] for file in ("f1", "f2")} == {"recipes"}


async def test_a_folder_is_made_where_the_cursor_is(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "n")
        await write(pilot, "tea")
        await press(pilot, "enter")
        await until(pilot, lambda: "▾ tea" in shown(app))
        [made] = [row for row in tree_of(daemon).values() if row["parent"] == "recipes"
                  and row["properties"]["name"] == "tea"]  # type: ignore[index]  # fmt: skip
        assert made["properties"] == {"name": "tea", "_n": "tea"}


async def test_what_is_deleted_is_in_the_trash_and_comes_back(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "d")
        await until(pilot, lambda: "Deleted recipes" in shown(app))
        assert tree_of(daemon)["recipes"]["parent"] == "0"
        await press(pilot, "escape", "j", "j", "enter")
        await until(pilot, lambda: "sila › Work › Trash" in shown(app))
        text = shown(app)
        assert "was in /files" in text
        assert "to be deleted" in text
        await press(pilot, "slash")
        await write(pilot, "recipes")
        await press(pilot, "enter", "r")
        await until(pilot, lambda: "Restored recipes" in shown(app))
        assert tree_of(daemon)["recipes"]["parent"] == "top"
        await press(pilot, "u")
        await until(pilot, lambda: "Undone: restored recipes" in shown(app))
        assert tree_of(daemon)["recipes"]["parent"] == "0"


async def test_a_copy_is_saved_and_nothing_is_replaced_unasked(
    daemon: FakeDaemon, tmp_path: Path
) -> None:
    target = tmp_path / "mine.md"
    target.write_text("precious", "utf-8")
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "j", "j", "w")
        await press(pilot, *["backspace"] * len("~/Downloads/espresso.md"))
        await write(pilot, str(target))
        await press(pilot, "enter")
        await until(pilot, lambda: "exists already" in shown(app))
        assert target.read_text("utf-8") == "precious"
        await press(pilot, "w")
        await press(pilot, *["backspace"] * len("~/Downloads/espresso.md"))
        await write(pilot, str(target))
        await press(pilot, "tab", "backspace", "backspace")
        await write(pilot, "yes")
        await press(pilot, "enter")
        await until(pilot, lambda: "espresso.md is at" in shown(app))
        assert target.read_text("utf-8") == sample.RECIPE


async def test_a_file_is_added_beside_what_the_cursor_stands_on(
    daemon: FakeDaemon, tmp_path: Path
) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "j", "a")
        await write(pilot, f"{tmp_path}/tea.md")
        await press(pilot, "enter")
        await until(pilot, lambda: "tea.md is in the space" in shown(app))
        [put] = daemon.called("file.put")
        assert put["path"] == "recipes/cold brew/tea.md"
        assert (put["source"], put["tree"]) == (f"{tmp_path}/tea.md", sample.FILES_TREE)


async def test_a_file_is_opened_by_the_machines_program(
    daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    viewer = tmp_path / "xdg-open"
    viewer.write_text(f'#!/bin/sh\ncat "$1" > {tmp_path}/seen\n', "utf-8")
    viewer.chmod(0o755)
    async with driven(daemon, cache=tmp_path / "cache") as (app, pilot):
        monkeypatch.setenv("DISPLAY", ":0")
        monkeypatch.setenv("PATH", f"{tmp_path}:/usr/bin:/bin")
        await opened(app, pilot)
        await press(pilot, "j", "j", "o")
        await until(pilot, lambda: (tmp_path / "seen").exists())
        assert (tmp_path / "seen").read_text("utf-8") == sample.RECIPE
        monkeypatch.delenv("DISPLAY")
        await press(pilot, "o")
        await until(pilot, lambda: "no screen to open files on" in shown(app))


async def test_a_refused_preview_says_why(daemon: FakeDaemon) -> None:
    daemon.refusals["file.head"] = Refused("storage", "the disk cannot be read", "look at it", 7)
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "j", "j")
        await until(pilot, lambda: "the disk cannot be read" in shown(app))
        assert "look at it" in shown(app)
