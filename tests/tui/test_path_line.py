"""Completing paths of this machine in forms, by tab."""

from __future__ import annotations

import subprocess
import sys
import threading
from typing import TYPE_CHECKING

import pytest

from sila_tui import path_lookup
from sila_tui.local_paths import ENTRIES_MAX, SHOWN_MAX, Completion, complete
from sila_tui.widgets.path_line import PathLine, in_columns
from tests.tui.driving import burst, driven, press, shown, until, write

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

    from sila_tui.app import SilaApp
    from tests.tui.fake_daemon import FakeDaemon


@pytest.fixture
def home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A home folder that `~` stands for."""
    for name in ("Pictures/2024", "Pictures/2025", "Plans", ".hidden"):
        (tmp_path / name).mkdir(parents=True)
    for name in ("notes.md", "notes.txt", "Plain.md", "Pictures/curve.png"):
        (tmp_path / name).write_text("x")
    monkeypatch.setenv("HOME", str(tmp_path))
    return tmp_path


def test_a_path_is_completed_as_a_shell_does(home: Path) -> None:
    assert complete("~") == Completion("~/")
    assert complete("~/Pi") == Completion("~/Pictures/")
    assert complete(f"{home}/Pi") == Completion(f"{home}/Pictures/")
    assert complete("~/no") == Completion("~/notes.", ("notes.md", "notes.txt"))
    assert complete("~/Pla") == Completion("~/Pla", ("Plain.md", "Plans/"))
    assert complete("~/notes.md") == Completion("~/notes.md")
    assert complete("~/absent/x") == Completion("~/absent/x")
    assert complete("~/Pictures/..") == Completion("~/Pictures/../")


def test_only_folders_and_nothing_hidden_unless_asked_for(home: Path) -> None:
    assert complete("~/Pla", only_folders=True) == Completion("~/Plans/")
    assert complete("~/").names == ("notes.md", "notes.txt", "Pictures/", "Plain.md", "Plans/")
    assert complete("~/.") == Completion("~/.hidden/")
    (home / "odd\nname").write_text("x")
    assert complete("~/od") == Completion("~/od")
    assert complete("~/\0") == Completion("~/\0")
    assert complete("~/\ud800/x") == Completion("~/\ud800/x")


def test_links_count_as_what_they_lead_to(home: Path) -> None:
    (home / "to-plans").symlink_to(home / "Plans")
    (home / "to-itself").symlink_to("to-itself")
    assert complete("~/to-p", only_folders=True) == Completion("~/to-plans/")
    assert complete("~/to-i") == Completion("~/to-itself")


def test_what_is_read_and_shown_is_bounded(tmp_path: Path) -> None:
    for number in range(SHOWN_MAX + 5):
        (tmp_path / f"a{number:05}").touch()
    found = complete(f"{tmp_path}/a")
    assert (found.line, len(found.names)) == (f"{tmp_path}/a00", SHOWN_MAX)
    assert found.note == "and 5 more"
    for number in range(SHOWN_MAX + 5, ENTRIES_MAX + 1):
        (tmp_path / f"a{number:05}").touch()
    found = complete(f"{tmp_path}/a")
    # What was not looked at may go on otherwise.
    assert found.line == f"{tmp_path}/a"
    assert f"only the first {ENTRIES_MAX:,} entries were looked at" in found.note


def test_a_folder_that_cannot_be_read_says_so(home: Path) -> None:
    found = complete("~/notes.md/x")
    assert found == Completion("~/notes.md/x", note="~/notes.md cannot be read: Not a directory")


def test_columns_are_read_downwards() -> None:
    assert in_columns(["a", "bb", "ccc", "d"], 8) == ["a    ccc", "bb   d"]
    assert in_columns(["a", "long-name"], 4) == ["a", "long-name"]
    assert in_columns([], 8) == []


def _line(app: SilaApp, key: str) -> PathLine:
    return app.screen.query_one(f"#field-{key}", PathLine)


async def _at_address(pilot: Pilot[None]) -> None:
    await press(pilot, "n")
    await write(pilot, "New")
    await press(pilot, "tab")


@pytest.mark.slow
async def test_tab_completes_then_lists_then_goes_on(daemon: FakeDaemon, home: Path) -> None:
    async with driven(daemon) as (app, pilot):
        await _at_address(pilot)
        line = _line(app, "address")
        assert app.focused is line
        await write(pilot, "~/P")
        await press(pilot, "tab")
        assert line.value == "~/P"
        assert "Pictures/  Plans/" in shown(app)
        assert "Plain.md" not in shown(app)
        await write(pilot, "i")
        assert "Plans/" not in shown(app)
        await press(pilot, "tab")
        assert (line.value, line.cursor_position) == ("~/Pictures/", len("~/Pictures/"))
        await press(pilot, "tab")
        assert line.value == "~/Pictures/202"
        await press(pilot, "tab")
        assert "2024/  2025/" in shown(app)
        assert app.focused is line
        await press(pilot, "tab")
        assert app.focused is not line
        assert "2024/" not in shown(app)
        await press(pilot, "up", "end", "enter")
        assert daemon.called("space.create")[0]["address"] == str(home / "Pictures/202")


@pytest.mark.slow
async def test_tab_goes_on_where_there_is_nothing_to_complete(
    daemon: FakeDaemon, home: Path
) -> None:
    async with driven(daemon) as (app, pilot):
        await _at_address(pilot)
        line = _line(app, "address")
        await press(pilot, "tab")
        assert app.focused is not line
        for text in ("https://sila.example", "~/Pictures/none-such"):
            await press(pilot, "shift+tab")
            line.value = text
            line.cursor_position = len(text)
            await press(pilot, "tab")
            assert app.focused is not line, text
            assert line.value == text


@pytest.mark.slow
async def test_what_is_typed_on_in_one_burst_stands_behind_it(
    daemon: FakeDaemon, home: Path
) -> None:
    async with driven(daemon) as (app, pilot):
        await _at_address(pilot)
        await burst(pilot, "~/Pl\tnew")
        line = _line(app, "address")
        await until(pilot, lambda: line.value == "~/Plans/new")
        assert (app.focused, line.cursor_position) == (line, len(line.value))


@pytest.mark.slow
async def test_a_folder_that_hangs_is_told_of_and_read_once(
    daemon: FakeDaemon, home: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(path_lookup, "PATIENCE_S", 0.01)
    goes_on, asked = threading.Event(), list[str]()

    def hang(begun: str) -> Completion:
        asked.append(begun)
        goes_on.wait()
        return Completion(begun)

    async with driven(daemon) as (app, pilot):
        await _at_address(pilot)
        line = _line(app, "address")
        monkeypatch.setattr(line, "_look_up", hang)
        await write(pilot, "~/P")
        await press(pilot, "tab")
        assert "the folder does not answer" in shown(app)
        await write(pilot, "l")
        await press(pilot, "tab")
        goes_on.set()
        assert asked == ["~/P"]
        assert line.value == "~/Pl"


HUNG = """
import asyncio, threading
from sila_tui import path_lookup
path_lookup.PATIENCE_S = 0.01

async def main():
    return await path_lookup.PathLookup().read("/net/x", lambda _: threading.Event().wait())

print(asyncio.run(main()).note)
"""


def test_the_program_ends_while_a_folder_hangs() -> None:
    done = subprocess.run(
        [sys.executable, "-c", HUNG], capture_output=True, text=True, check=True, timeout=60
    )
    assert done.stdout == "the folder does not answer\n"


@pytest.mark.slow
async def test_what_cannot_be_read_is_told_of_once(daemon: FakeDaemon, home: Path) -> None:
    async with driven(daemon) as (app, pilot):
        await _at_address(pilot)
        line = _line(app, "address")
        await write(pilot, "~/notes.md/x")
        await press(pilot, "tab")
        assert "~/notes.md cannot be read: Not a directory" in shown(app)
        assert app.focused is line
        await press(pilot, "tab")
        assert app.focused is not line
        assert "cannot be read" not in shown(app)
