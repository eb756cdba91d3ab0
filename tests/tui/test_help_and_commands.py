"""Finding keys and actions by words."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_tui.memory import Memory
from sila_tui.screenshot import picture
from sila_tui.theme import CONTRAST, DARK, LIGHT
from tests.tui.driving import driven, press, shown, until, write

if TYPE_CHECKING:
    from tests.tui.fake_daemon import FakeDaemon

pytestmark = pytest.mark.slow


async def test_help_lists_the_keys_of_where_one_is_and_filters_them(daemon: FakeDaemon) -> None:
    async with driven(daemon, (120, 60)) as (app, pilot):
        await press(pilot, "question_mark")
        text = shown(app)
        for words in ("Lists", "j ↓   Down", "enter l →   Open", "p   Pause or resume"):
            assert words in text
        await write(pilot, "paus")
        assert "Pause or resume" in shown(app)
        assert "j ↓   Down" not in shown(app)
        await press(pilot, "escape")
        assert "Pause or resume" not in shown(app)
        assert "Recently" in shown(app)


async def test_every_key_that_is_shown_has_words(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        for keys in ([], ["enter"], ["enter"], ["t"]):
            await press(pilot, *keys)
            for active in app.screen.active_bindings.values():
                assert active.binding.description or not active.binding.show


async def test_the_palette_opens_spaces_and_runs_actions(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "ctrl+p")
        await write(pilot, "see the sync")
        await until(pilot, lambda: "key S" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "sila › Sync status" in shown(app))
        await press(pilot, "ctrl+p")
        await write(pilot, "open work")
        await until(pilot, lambda: "agreed with 2 servers" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "sila › Work" in shown(app))
        assert "sila › Work" in shown(app)


async def test_colours_change_by_a_key_and_are_remembered(daemon: FakeDaemon) -> None:
    memory = Memory()
    async with driven(daemon, memory=memory) as (app, pilot):
        assert app.theme == "sila-dark"
        await press(pilot, "enter", "ctrl+t")
        await until(pilot, lambda: str(DARK.foreground) not in picture(app))
        assert app.theme == "sila-light"
        assert str(LIGHT.foreground) in picture(app)
        await press(pilot, "ctrl+t")
        await until(pilot, lambda: str(CONTRAST.background) in picture(app))
        await press(pilot, "ctrl+t")
        assert app.theme == "sila-terminal"
        await press(pilot, *["ctrl+t"] * 3)
    assert memory.text("look", "theme") == "sila-contrast"
    async with driven(daemon, memory=memory) as (app, pilot):
        assert app.theme == "sila-contrast"


async def test_without_colours_there_are_none_to_choose(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    memory = Memory()
    memory.put("look", "theme", "sila-light")
    monkeypatch.setenv("NO_COLOR", "1")
    async with driven(daemon, memory=memory) as (app, pilot):
        assert app.theme == "sila-terminal"
        await press(pilot, "ctrl+t")
        assert app.theme == "sila-terminal"
        assert "NO_COLOR is set" in shown(app)
    assert memory.text("look", "theme") == "sila-light"
