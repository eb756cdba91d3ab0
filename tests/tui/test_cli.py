"""The command: its arguments and its exit codes."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sila_daemon.control.client import ControlClient
from sila_tui import cli
from tests.tui import sample
from tests.tui.fake_daemon import FakeDaemon

if TYPE_CHECKING:
    from pathlib import Path


@pytest.fixture(autouse=True)
def nobody_home(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A home in which no daemon runs."""
    monkeypatch.setenv("SILA_HOME", str(tmp_path))


@pytest.mark.parametrize("words", [["--plain"], ["--screenshot", "x.svg"], ["--plain", "Work"]])
def test_without_a_daemon_it_ends_with_3_and_a_hint(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 3
    captured = capsys.readouterr()
    assert captured.out == ""
    assert "not running" in captured.err
    assert "sila-daemon start" in captured.err


@pytest.mark.parametrize(
    "words",
    [["--screenshot", "x.svg", "--size", "big"], ["--screenshot", "x.svg", "--screen", "none"], []],
)
def test_what_cannot_be_meant_ends_with_2(
    words: list[str], capsys: pytest.CaptureFixture[str]
) -> None:
    assert cli.main(words) == 2
    assert capsys.readouterr().err.startswith("sila-tui: ")


async def test_names_that_mean_no_space_or_several(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    socket = tmp_path / "s"
    daemon = FakeDaemon(socket)
    daemon.status["spaces"] = [
        sample.space(f"ab{at}", "Twice", f"/{at}", "current") for at in "12"
    ] + [sample.space("cd", "Once", "/3", "current")]

    async def connect() -> ControlClient:
        return await ControlClient.connect(socket)

    monkeypatch.setattr(cli, "_connect", connect)
    await daemon.start()
    try:
        codes = [
            await asyncio.to_thread(cli.main, ["--plain", wish])
            for wish in ("Once", "Twice", "ab", "nothing")
        ]
    finally:
        await daemon.stop()
    assert codes == [0, 2, 2, 4]
    assert "take one of these ids: ab1, ab2" in capsys.readouterr().err.lower()


def test_unknown_options_end_with_2() -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--colour"])
    assert caught.value.code == 2
