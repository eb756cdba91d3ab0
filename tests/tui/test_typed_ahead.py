"""What is typed in one burst means the same as what is typed slowly."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_tui.screens.activity import ActivityScreen
from sila_tui.screens.home import HomeScreen
from sila_tui.screens.space import SpaceScreen
from sila_tui.widgets.filter_line import FilterLine
from tests.tui.driving import burst, driven, press, shown, until

if TYPE_CHECKING:
    from tests.tui.fake_daemon import FakeDaemon

pytestmark = pytest.mark.slow


async def test_a_command_runs_that_came_in_one_piece(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await burst(pilot, ":activity\r")
        await until(pilot, lambda: isinstance(app.screen, ActivityScreen))
        await burst(pilot, "\x1b")
        await until(pilot, lambda: isinstance(app.screen, HomeScreen))
        await burst(pilot, ":open Work files\r")
        await until(pilot, lambda: "sila › Work › Files" in shown(app))
        assert isinstance(app.screen, SpaceScreen)


async def test_a_filter_has_every_letter(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await burst(pilot, "/notes\r")
        assert app.screen.query_one(FilterLine).display
        text = shown(app)
        assert "Old notes" in text and "Letters" not in text
        await burst(pilot, "\x1b")
        assert "Letters" in shown(app)


async def test_a_message_and_a_name_have_every_letter(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "enter")
        await burst(pilot, "iquite a quick jot\r")
        await until(pilot, lambda: bool(daemon.called("chat.send")))
        assert daemon.called("chat.send")[0]["text"] == "quite a quick jot"
        await press(pilot, "escape", "b")
        await burst(pilot, "nquick\r")
        await until(pilot, lambda: bool(daemon.called("chat.new")))
        assert daemon.called("chat.new")[0]["name"] == "quick"


async def test_keys_go_on_when_what_had_them_is_gone(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "enter")
        await burst(pilot, "|")
        await until(pilot, lambda: len(app.screen.query("PaneSlot")) == 2)
        await burst(pilot, ":close\r")
        await until(pilot, lambda: len(app.screen.query("PaneSlot")) == 1)
        await burst(pilot, ":theme light\r:activity\r")
        await until(pilot, lambda: isinstance(app.screen, ActivityScreen))
        assert app.theme == "sila-light"
        await burst(pilot, "qq?")
        await until(pilot, lambda: "type to find a key" in shown(app))
