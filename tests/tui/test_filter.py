"""`/` shows only the rows that have the words, in every list."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_tui.screens.space import SpaceScreen
from tests.tui.driving import driven, press, shown, until, write

if TYPE_CHECKING:
    from tests.tui.fake_daemon import FakeDaemon

pytestmark = pytest.mark.slow


async def test_spaces_are_filtered_as_one_types(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "slash")
        await write(pilot, "lett")
        text = shown(app)
        assert "paused until 18:00" in text
        assert "sending 120 ops" not in text
        await press(pilot, "enter", "enter")
        await until(pilot, lambda: isinstance(app.screen, SpaceScreen))
        assert "sila › Letters" in shown(app)
        await press(pilot, "escape")
        assert "sending 120 ops" not in shown(app)
        await press(pilot, "escape")
        assert "sending 120 ops" in shown(app)


async def test_escape_in_the_words_ends_the_filter_where_it_began(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "slash")
        await write(pilot, "old")
        await press(pilot, "escape")
        text = shown(app)
        assert "sending 120 ops" in text
        assert "filter by words" not in text
        assert app.focused is not None
        assert app.focused.id == "spaces"


async def test_nothing_can_be_done_with_what_a_filter_hides(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "slash")
        await write(pilot, "there is none")
        assert "nothing has these words" in shown(app)
        await press(pilot, "enter", "p", "s", "enter")
        assert daemon.called("space.pause") == daemon.called("space.sync") == []
        assert not isinstance(app.screen, SpaceScreen)


async def test_the_sidebar_keeps_the_headings_of_what_fits(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "slash")
        await write(pilot, "shop")
        text = shown(app)
        assert text.index("Chats") < text.index("▾ Projects") < text.index("Shop layout")
        assert "Trip to Ghent" not in text
        await press(pilot, "enter", "enter")
        await until(pilot, lambda: "sila › Work › Shop layout" in shown(app))
        assert "Trip to Ghent" not in shown(app)
