"""The log of what happens, by its keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_tui.screens.space import SpaceScreen
from sila_tui.screens.sync import SyncScreen
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write

if TYPE_CHECKING:
    from tests.tui.fake_daemon import FakeDaemon

pytestmark = pytest.mark.slow


async def test_the_log_tells_when_what_happened_where(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "A")
        text = shown(app)
        assert "sila › Activity" in text
        [line] = [line for line in text.splitlines() if "14:31:06" in line]
        assert "3 ops written here" in line
        assert line.rstrip(" ▏▕│▁").endswith("Work")
        assert "folder missing: is the disk plugged in?" in text


async def test_it_follows_until_somebody_looks_further_up(daemon: FakeDaemon) -> None:
    async with driven(daemon, (100, 12)) as (app, pilot):
        await press(pilot, "A")
        daemon.emit(space=sample.WORK, text="the first one more")
        await until(pilot, lambda: "the first one more" in shown(app))
        await press(pilot, "g")
        assert "the daemon has started" in shown(app)
        daemon.emit(space=sample.WORK, text="the second one more")
        daemon.emit(space=sample.WORK, text="the third one more")
        await until(pilot, lambda: "2 new below" in shown(app))
        assert "the daemon has started" in shown(app)
        await press(pilot, "G")
        await until(pilot, lambda: "the third one more" in shown(app))
        assert "new below" not in shown(app)


async def test_filters_by_kind_and_space_end_with_escape(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "A", "f")
        assert "6 events" in shown(app)
        await press(pilot, "o")
        text = shown(app)
        assert "ops  ·  Work  ·  3 events" in text
        assert "needs you: folder missing" not in text
        await press(pilot, "escape")
        assert "all kinds  ·  all spaces  ·  10 events" in shown(app)
        await press(pilot, "escape")
        assert "sila › Activity" not in shown(app)


async def test_words_filter_the_log_too(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "A", "slash")
        await write(pilot, "old notes missing")
        text = shown(app)
        assert "1 found" in text
        assert "folder missing" in text
        assert "3 ops written here" not in text
        await press(pilot, "enter", "escape")
        assert "3 ops written here" in shown(app)


async def test_enter_goes_to_where_it_happened(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "A", "k", "k", "enter")
        await until(pilot, lambda: "sila › Work › Coffee roasting" in shown(app))
        assert isinstance(app.screen, SpaceScreen)
        await press(pilot, "escape", "k", "enter")
        assert isinstance(app.screen, SpaceScreen)
        await press(pilot, "escape", "j", "j", "enter")
        assert isinstance(app.screen, SyncScreen)


async def test_what_is_missing_stands_in_the_log(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "A")
        await daemon.stop()
        await until(pilot, lambda: "trying again" in shown(app))
        daemon.events += [{"id": 25, "at": sample.ms(0), "kind": "ops", "text": "back again"}]
        await daemon.start()
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "back again" in shown(app))
        assert "14 events missing" in shown(app)
        await daemon.stop()
        await until(pilot, lambda: "trying again" in shown(app))
        daemon.epoch, daemon.events = "run-2", []
        await daemon.start()
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "the daemon was started anew" in shown(app))
        assert "back again" in shown(app)
