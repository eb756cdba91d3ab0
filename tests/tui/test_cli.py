"""The command: its arguments and its exit codes."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_tui import cli

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


def test_unknown_options_end_with_2() -> None:
    with pytest.raises(SystemExit) as caught:
        cli.main(["--colour"])
    assert caught.value.code == 2
