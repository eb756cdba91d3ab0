"""Finding words in a chat."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest
from rich.segment import Segment
from rich.style import Style
from textual.strip import Strip

from sila_tui.widgets.chat_log import ChatLog
from sila_tui.widgets.chat_reader import marked
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write
from tests.tui.test_command_line import told

if TYPE_CHECKING:
    from tests.tui.fake_daemon import FakeDaemon

RED = Style(color="red")


@pytest.mark.parametrize(
    ("text", "words", "found"),
    [
        ("the Beans and beans", ["bean"], ["Bean", "bean"]),
        ("日本 beans 日本", ["beans", "本"], ["本", "beans", "本"]),
        ("overlapping", ["over", "verl"], ["over"]),
        ("nothing", ["beans"], []),
        ("Straße und STRASSE", ["straße"], ["Straße"]),
        ("", ["x"], []),
    ],
)
def test_words_are_marked_where_they_stand(text: str, words: list[str], found: list[str]) -> None:
    strip = marked(Strip([Segment(text[:5]), Segment(text[5:])]), words, RED)
    assert strip.text == text
    pieces: list[str] = []
    was_red = False
    for segment in strip:
        is_red = segment.style == RED
        if is_red and was_red and len(pieces[-1]) < max(map(len, words)):
            pieces[-1] += segment.text
        elif is_red:
            pieces.append(segment.text)
        was_red = is_red
    assert pieces == found


@pytest.mark.slow
async def test_messages_are_found_as_one_types_and_gone_through(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await told(pilot, "open Work Coffee")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        log = app.screen.query_one(ChatLog)
        await press(pilot, "slash")
        assert "find messages by words" in shown(app)
        await write(pilot, "brazil")
        await until(pilot, lambda: "2 found" in shown(app))
        first = log.current
        await press(pilot, "enter", "n")
        second = log.current
        assert first is not None
        assert second is not None
        assert {first.id, second.id} == {"m2", "m3"}
        await press(pilot, "n")
        assert log.current == first
        await press(pilot, "N")
        assert log.current == second
        assert "2 found" in shown(app)
        await press(pilot, "escape")
        await until(pilot, lambda: "2 found" not in shown(app))
        await press(pilot, "n")
        await until(pilot, lambda: "another version of the message" in shown(app))


@pytest.mark.slow
async def test_a_message_far_up_in_a_long_chat_is_found(daemon: FakeDaemon) -> None:
    first, *others = sample.chat_messages()
    rows = [{**first, "id": f"x{at}", "alternatives": [f"x{at}"], "text": f"line {at}"}
            for at in range(1500)]  # fmt: skip
    rows[7]["text"] = "the needle"
    daemon.messages[sample.COFFEE] = [*rows, *others]
    async with driven(daemon) as (app, pilot):
        await told(pilot, "open Work Coffee")
        await until(pilot, lambda: "Ten days" in shown(app))
        await told(pilot, "filter needle")
        await until(pilot, lambda: "the needle" in shown(app))
        assert "1 found" in shown(app)
        await press(pilot, "colon")
        await write(pilot, "next")
        await press(pilot, "enter")
        log = app.screen.query_one(ChatLog)
        assert log.current is not None
        assert log.current.id == "x7"
