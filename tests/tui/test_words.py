"""Words, figures and what may reach a terminal."""

from __future__ import annotations

from datetime import UTC

import pytest

from sila_tui.words import (
    ASCII,
    UNICODE,
    ago,
    clean,
    clean_lines,
    clock_time,
    counted,
    short_path,
    size,
    span,
    sparkline,
    worst,
)


@pytest.mark.parametrize(
    ("size_bytes", "said"),
    [(0, "0 B"), (999, "999 B"), (1000, "1.0 kB"), (9_949, "9.9 kB"), (9_960, "10 kB"),
     (220_400, "220 kB"), (999_400, "999 kB"), (999_600, "1.0 MB"), (3_100_000_000, "3.1 GB"),
     (5 * 10**18, "5000 PB")],
)  # fmt: skip
def test_sizes(size_bytes: int, said: str) -> None:
    assert size(size_bytes) == said


@pytest.mark.parametrize(
    ("seconds", "said"),
    [(-5, "0 s"), (59.9, "59 s"), (60, "1 min"), (3599, "59 min"), (7200, "2 h"),
     (172_800, "2 days")],
)  # fmt: skip
def test_spans(seconds: float, said: str) -> None:
    assert span(seconds) == said


def test_a_clock_that_is_ahead_says_just_now() -> None:
    assert ago(-100) == "just now"
    assert ago(12) == "12 s ago"


def test_times_of_day_tell_the_date_when_it_is_another() -> None:
    noon = 1_795_521_600.0  # 2026-11-24 12:00 UTC
    assert clock_time(noon, noon + 60, UTC) == "12:00"
    assert clock_time(noon, noon + 86_400, UTC) == "Nov 24 12:00"
    assert clock_time(noon, noon + 86_400 * 300, UTC) == "2026-11-24"


def test_counts() -> None:
    assert counted(1, "op") == "1 op"
    assert counted(12480, "op") == "12,480 ops"
    assert counted(2, "branch", "branches") == "2 branches"


def test_the_worst_state_is_the_one_to_speak_of() -> None:
    assert worst(["current", "paused", "offline"]) == "offline"
    assert worst(["broken", "needs_you"]) == "broken"
    assert worst([]) == "current"


def test_what_could_move_the_cursor_or_not_be_encoded_is_replaced() -> None:
    assert clean("a\x1b[31mb\x07\nc\ud83d") == "a\ufffd[31mb\ufffd c\ufffd"
    assert clean("left\u202eright\u200b") == "leftright"
    assert clean("👩\u200d👧 é") == "👩\u200d👧 é"
    assert clean_lines("a\r\nb\tc\rd") == "a\nb    c\nd"
    for text in (clean("x\ud800\x00\x9b"), clean_lines("x\ud800\n\x9b")):
        text.encode()
        assert not any(ord(char) < 32 and char != "\n" for char in text)


def test_sparklines_have_a_bar_for_each_count() -> None:
    assert sparkline([0, 0], UNICODE) == "▁▁"
    assert sparkline([0, 1, 10], UNICODE) == "▁▂▆"
    assert sparkline([0, 5], ASCII) == "_O"


def test_the_home_folder_is_a_tilde() -> None:
    assert short_path("/home/ana/Sila", "/home/ana") == "~/Sila"
    assert short_path("/home/anabel/Sila", "/home/ana") == "/home/anabel/Sila"


def test_ascii_signs_are_ascii_and_every_state_has_its_own() -> None:
    states = ["current", "syncing", "offline", "paused", "needs_you", "broken"]
    for symbols in (UNICODE, ASCII):
        assert len({symbols.of_state(state) for state in states}) == len(states)
    assert all(str(value).isascii() for value in vars(ASCII).values())
