"""The screens against a real daemon that looks after a space which the original app wrote."""

from __future__ import annotations

import asyncio
import os
import shutil
import subprocess
import sys
from datetime import UTC
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.control.client import ControlClient
from sila_daemon.paths import user_paths
from sila_tui import cli
from sila_tui.app import SilaApp
from sila_tui.screenshot import rest
from sila_tui.session import Session
from tests.tui import sample
from tests.tui.driving import press, shown, until, write

if TYPE_CHECKING:
    from collections.abc import AsyncIterator

FIXTURE = Path(__file__).parents[1] / "fixtures/spaces/workspace-main"

pytestmark = pytest.mark.slow


async def daemon_command(*words: str) -> None:
    """Runs `sila-daemon` and expects it to end well."""
    command = [sys.executable, "-m", "sila_daemon.cli", *words]
    done = await asyncio.to_thread(
        subprocess.run, command, env=os.environ, capture_output=True, text=True
    )
    assert done.returncode == 0, done.stdout + done.stderr


def lines_of(folder: Path) -> str:
    """Everything that the op files of a folder say."""
    found = sorted(folder.rglob("*.jsonl"))
    return "".join(path.read_text("utf-8", "surrogateescape") for path in found)


@pytest.fixture
async def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[Path]:
    """The space's folder, looked after by a daemon with a home of its own."""
    monkeypatch.setenv("SILA_HOME", str(tmp_path / "home"))
    space = tmp_path / "space"
    shutil.copytree(FIXTURE, space)
    await daemon_command("start")
    try:
        await daemon_command("space", "add", str(space))
        await daemon_command("space", "sync", str(space))
        yield space
    finally:
        await daemon_command("stop")


def app_on_it(first_space: str = "") -> SilaApp:
    """The app at a fixed moment on the daemon of this test."""

    async def connect() -> ControlClient:
        return await ControlClient.connect(user_paths().socket)

    return SilaApp(Session(lambda: sample.NOW, UTC), connect, first_space=first_space)


async def test_reading_branching_and_writing_a_real_space(folder: Path) -> None:
    app = app_on_it(str(folder))
    async with app.run_test(size=(140, 50), notifications=True) as pilot:
        app.animation_level = "none"
        await until(pilot, lambda: "Project B" in shown(app))
        await until(pilot, lambda: "1/2 中文 日本語 한국어" in shown(app))
        assert "to be deleted" not in shown(app)
        await press(pilot, "enter", "g", "j", "j")
        assert "‹ 1 of 2 ›" in shown(app)
        await press(pilot, "right_square_bracket")
        await until(pilot, lambda: "‹ 2 of 2 ›" in shown(app))
        await press(pilot, "left_square_bracket")
        await until(pilot, lambda: "‹ 1 of 2 ›" in shown(app))
        await press(pilot, "i")
        await write(pilot, "from the terminal")
        await press(pilot, "enter")
        await until(pilot, lambda: "write a message" in shown(app))
        await until(pilot, lambda: "from the terminal" in shown(app))
        await press(pilot, "escape", "t", "enter", "enter")
        await until(pilot, lambda: "default-chat" in shown(app))
    await daemon_command("space", "sync", str(folder))
    assert "from the terminal" in lines_of(folder)


async def test_files_and_secrets_of_a_real_space(folder: Path, tmp_path: Path) -> None:
    app = app_on_it(str(folder))
    async with app.run_test(size=(140, 50), notifications=True) as pilot:
        app.animation_level = "none"
        await until(pilot, lambda: "Project B" in shown(app))
        await rest(pilot)
        await press(pilot, "G", "k", "k", "k", "enter")
        await until(pilot, lambda: "data.json" in shown(app))
        await press(pilot, "slash")
        await write(pilot, "data.json")
        await until(pilot, lambda: "application/json" in shown(app))
        assert "here" in shown(app)
        await press(pilot, "escape", "escape", "j", "enter")
        await until(pilot, lambda: "api-key-anthropic" in shown(app))
        assert "sk-fixture" not in shown(app), "values are shown when they are asked for"
        await press(pilot, "j", "v")
        await until(pilot, lambda: "sk-fixture-openai-0123456789" in shown(app))
        assert "sk-ant" not in shown(app), "and only the one that was meant"


async def test_the_command_says_and_draws_what_the_daemon_knows(
    folder: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    assert await asyncio.to_thread(cli.main, ["--plain"]) == 0
    said = capsys.readouterr().out
    assert "Main Workspace (renamed) ✨" in said
    assert "850 ops · 7 trees · 11 files" in said
    picture = tmp_path / "picture.svg"
    wish = ["--screenshot", str(picture), "--screen", "space", "--size", "100x30"]
    assert await asyncio.to_thread(cli.main, wish) == 0
    assert "<svg" in await asyncio.to_thread(picture.read_text, "utf-8")
