"""What the activity and `status` say of files on their way."""

from __future__ import annotations

from typing import Any

from sila_daemon.cli.status import time_left, transfer_lines
from sila_daemon.control.activity import ActivityLog
from sila_daemon.ports.clock import SystemClock
from sila_daemon.runtime.transfer_news import TransferNews


def transfers(files: int, up: int = 0, down: int = 0) -> dict[str, Any]:
    return {
        "files": files,
        "up": {"movedFiles": up, "movedBytes": 10 * up},
        "down": {"movedFiles": down, "movedBytes": 100 * down},
    }


def test_a_beginning_and_an_end_are_told_with_what_arrived() -> None:
    log = ActivityLog("run", SystemClock())
    news = TransferNews(log)
    for state in (
        transfers(0),
        transfers(2),
        transfers(1, up=1),
        transfers(0, up=2, down=1),
        transfers(0, up=2, down=1),
        transfers(0, up=3, down=1),
        transfers(1, up=3, down=1),
        transfers(0, up=3, down=1),
        transfers(0, up=1),
    ):
        news.take("space", state)
    told = [(event["active"], event["files"], event["bytes"]) for event in log.after(0)]
    assert told == [
        (True, 0, 0),
        (False, 3, 120),
        (False, 1, 10),
        (True, 0, 0),
        (False, 0, 0),
        (False, 1, 10),
    ]
    assert log.after(0)[1]["text"] == "2 files sent, 1 file received"


def test_status_says_how_much_is_left_and_how_long_it_takes() -> None:
    nothing = {"files": 0, "bytes": 0, "bytesPerSecond": 0, "secondsLeft": 0.0}
    going = {"files": 3, "bytes": 5_000_000, "bytesPerSecond": 1_250_000, "secondsLeft": 4.0}
    stalled = {"files": 1, "bytes": 10, "bytesPerSecond": 0, "secondsLeft": None}
    assert list(transfer_lines({"files": 0, "up": nothing, "down": nothing})) == []
    assert list(transfer_lines({"files": 2, "up": going, "down": stalled})) == [
        "sending 3 files, 5.0 MB left · 1.2 MB/s · 4 s left",
        "receiving 1 file, 10 B left",
    ]
    assert [time_left(seconds) for seconds in (0.2, 59, 61, 7300)] == [
        "1 s",
        "59 s",
        "2 min",
        "2 h 2 min",
    ]
