"""What the daemon's log says, and what it keeps to itself."""

from __future__ import annotations

import json
import logging
import stat
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.config import LogSettings
from sila_daemon.runtime.log_file import open_log, set_level

if TYPE_CHECKING:
    import pytest


def lines(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


def test_a_line_is_an_object_with_its_facts(tmp_path: Path) -> None:
    path = tmp_path / "logs" / "daemon.log"
    with open_log(path, LogSettings(), to_terminal=False) as log:
        log.info("100 % done", space="s1", count=3, place=Path("/p"))
        log.debug("not at this level")
        logging.getLogger("some.library").warning("%s is odd", "it")
        logging.getLogger("some.library").info("not of a library")
    first, second = lines(path)
    assert first.pop("timestamp").endswith("Z")
    assert first == {
        "event": "100 % done", "space": "s1", "count": 3, "place": repr(Path("/p")), "level": "info"
    }  # fmt: skip
    assert (second["event"], second["level"]) == ("it is odd", "warning")
    assert stat.S_IMODE(path.stat().st_mode) == 0o600


def test_what_is_named_like_a_secret_is_hidden(tmp_path: Path) -> None:
    with open_log(tmp_path / "daemon.log", LogSettings(), to_terminal=False) as log:
        log.warning("careless", accessToken="canary", password="canary", url="http://x")
    (line,) = lines(tmp_path / "daemon.log")
    assert line["accessToken"] == line["password"] == "(hidden)"
    assert line["url"] == "http://x"
    assert "canary" not in (tmp_path / "daemon.log").read_text(encoding="utf-8")


def test_what_is_nested_is_hidden_as_well(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_log(tmp_path / "daemon.log", LogSettings(), to_terminal=True) as log:
        log.warning(
            "careless",
            params={"token": "canary", "space": "s1"},
            calls=[{"password": "canary"}, ({"deep": {"secretKey": "canary"}},)],
        )
    (line,) = lines(tmp_path / "daemon.log")
    assert line["params"] == {"token": "(hidden)", "space": "s1"}
    assert line["calls"] == [{"password": "(hidden)"}, [{"deep": {"secretKey": "(hidden)"}}]]
    text = (tmp_path / "daemon.log").read_text(encoding="utf-8") + capsys.readouterr().err
    assert "canary" not in text


def test_no_fact_makes_a_line_that_is_none(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    def refuse(constant: str) -> None:
        raise ValueError(f"{constant} is not JSON")

    ring: dict[str, Any] = {"token": "canary"}
    ring["again"] = [ring]
    with open_log(tmp_path / "daemon.log", LogSettings(), to_terminal=False) as log:
        log.info("not a number", seconds=float("nan"), space="s1")
        log.info("odd names", counts={("a", 1): 2, "token": "canary"})
        log.info("round", facts=ring)
    text = (tmp_path / "daemon.log").read_text(encoding="utf-8")
    found = [json.loads(line, parse_constant=refuse) for line in text.splitlines()]
    assert [line["event"] for line in found] == ["not a number", "odd names", "round"]
    assert [line["level"] for line in found] == ["info"] * 3
    assert "nan" in found[0]["facts"] and "'s1'" in found[0]["facts"]
    assert "('a', 1): 2" in found[1]["facts"]
    assert "canary" not in text
    assert capsys.readouterr().err == ""


def test_an_event_cannot_steer_the_terminal_nor_forge_a_line(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_log(tmp_path / "daemon.log", LogSettings(), to_terminal=True) as log:
        try:
            raise ValueError("\x1b[2J\x9b")
        except ValueError as error:
            log.error("a\x1b[31m\nb \u2028é", exc_info=error)
    shown = capsys.readouterr().err
    assert "error    a\\x1b[31m\\nb \\u2028é\nTraceback" in shown
    assert shown.endswith("ValueError: \\x1b[2J\\x9b\n")


def test_an_error_is_told_with_where_it_came_from(
    tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    with open_log(tmp_path / "daemon.log", LogSettings(), to_terminal=True) as log:
        try:
            raise ValueError("odd")
        except ValueError as error:
            log.error("a call failed by a bug", method="m", exc_info=error)
    (line,) = lines(tmp_path / "daemon.log")
    assert line["method"] == "m"
    assert "Traceback" in line["exception"] and "ValueError: odd" in line["exception"]
    shown = capsys.readouterr().err
    assert "error    a call failed by a bug method='m'\nTraceback" in shown


def test_levels_change_while_it_is_open_and_end_with_it(tmp_path: Path) -> None:
    root = logging.getLogger()
    before = root.level, list(root.handlers)
    with open_log(tmp_path / "daemon.log", LogSettings(level="error"), to_terminal=False) as log:
        log.info("too quiet")
        set_level(LogSettings(level="debug"))
        log.debug("heard")
    assert [line["event"] for line in lines(tmp_path / "daemon.log")] == ["heard"]
    assert (root.level, root.handlers) == before
