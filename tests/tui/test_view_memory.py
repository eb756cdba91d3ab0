"""What is remembered of how a space was looked at."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_tui.memory import Memory
from sila_tui.outline import Item
from sila_tui.panes.slots import Slots
from sila_tui.screens.space import SpaceScreen
from sila_tui.screens.views import note
from sila_tui.view_memory import ViewMemory, text, texts
from sila_tui.widgets.chat_log import ChatLog
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write
from tests.tui.test_command_line import told

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tui.fake_daemon import FakeDaemon

CHAT = Item("Coffee", view="chat", tree="c" * 32)


def test_states_are_kept_by_space_and_part_within_bounds(tmp_path: Path) -> None:
    memory = Memory(tmp_path / "screen.json")
    views = ViewMemory(memory, "a")
    views.note_part(CHAT, {"at": "m1"})
    views.note_part(CHAT, {"at": "x" * 10_000})
    views.note_space({"share": 30})
    memory.save()
    again = Memory(tmp_path / "screen.json")
    assert ViewMemory(again, "a").part(CHAT) == {"at": "m1"}
    assert ViewMemory(again, "b").part(CHAT) == {}
    assert ViewMemory(again, "a").space() == {"share": 30}
    assert again.text("look", "last-space") == "a"
    views.note_part(CHAT, {})
    assert views.part(CHAT) == {}
    for number in range(500):
        views.note_part(Item("", view="tree", tree=str(number)), {"at": "v"})
    assert len(memory.keys("parts")) == 300


def test_what_a_file_has_instead_of_a_state_is_passed_over() -> None:
    memory = Memory()
    for said in ("[1]", "{", '"x"', "[" * 3000):
        memory.put("views", "a", said)
        assert ViewMemory(memory, "a").space() == {}
    assert texts(["a", 1, None, "b", "c"], 2) == ["a", "b"]
    assert texts({"a": 1}, 2) == []
    assert text(7) == ""


@pytest.mark.slow
async def test_a_screen_that_is_being_taken_down_is_remembered_as_it_was(
    daemon: FakeDaemon,
) -> None:
    memory = Memory()
    async with driven(daemon, (200, 60), memory=memory) as (app, pilot):
        await told(pilot, "open Work Coffee")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        screen = app.screen
        assert isinstance(screen, SpaceScreen)
        note(screen, screen.views)
        before = screen.views.space()
        slot = screen.slots.active
        assert slot.pane is not None
        await slot.pane.remove()
        assert screen.slots.active.pane is None
        note(screen, screen.views)
        assert screen.views.space() == before != {}


@pytest.mark.slow
async def test_a_split_and_the_place_in_a_chat_come_back(daemon: FakeDaemon) -> None:
    memory = Memory()
    async with driven(daemon, (200, 60), memory=memory) as (app, pilot):
        await told(pilot, "open Work Coffee")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "g")
        await told(pilot, "split files")
        await until(pilot, lambda: "> Files" in shown(app))
        await press(pilot, "greater_than_sign", "j", "j", "enter")
        await until(pilot, lambda: ViewMemory(memory, sample.WORK).space().get("share") == 45)
        chat = Item("", view="chat", tree=sample.COFFEE)
        await until(pilot, lambda: ViewMemory(memory, sample.WORK).part(chat) == {"at": "m1"})
    async with driven(daemon, (200, 60), memory=memory) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "> Files" in shown(app))
        assert "How long do I rest" in shown(app)
        slots = app.screen.query_one(Slots)
        assert slots.share == 45
        log = slots.query_one(ChatLog)
        await until(pilot, lambda: log.current is not None and log.current.id == "m1")
        await press(pilot, "ctrl+w")
        assert "> Files" not in shown(app)


@pytest.mark.slow
async def test_what_was_open_in_a_tree_and_the_filter_of_the_files_come_back(
    daemon: FakeDaemon,
) -> None:
    memory = Memory()
    async with driven(daemon, memory=memory) as (app, pilot):
        await told(pilot, "open Work Coffee")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "t")
        await until(pilot, lambda: "messages" in shown(app))
        await press(pilot, "j", "enter")
        await until(pilot, lambda: "▾ messages" in shown(app))
        await told(pilot, "show files")
        await until(pilot, lambda: "invoice.pdf" in shown(app))
        await press(pilot, "slash")
        await write(pilot, "invoice")
        await press(pilot, "enter")
        files = Item("", view="files")
        views = ViewMemory(memory, sample.WORK)
        await until(pilot, lambda: views.part(files).get("filter") == "invoice")
    async with driven(daemon, memory=memory) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "1 found" in shown(app))
        assert "curve.png" not in shown(app)
        assert "invoice.pdf" in shown(app)
        assert "Trees ▾" in shown(app)
        await press(pilot, "escape")
        await until(pilot, lambda: "curve.png" in shown(app))
        await told(pilot, "show Coffee")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "t")
        await until(pilot, lambda: "▾ messages" in shown(app))
        assert "sila › Work › Coffee roasting" in shown(app)


@pytest.mark.slow
async def test_home_begins_at_the_last_space_and_what_is_gone_is_passed_over(
    daemon: FakeDaemon,
) -> None:
    memory = Memory()
    last = sample.status()["spaces"][2]["id"]
    memory.put("look", "last-space", last)
    views = ViewMemory(memory, sample.WORK)
    views.note_space({"slots": [["chat", "gone"], 7, ["tree"]], "share": "x", "active": 9})
    memory.put("look", "last-space", last)
    async with driven(daemon, memory=memory) as (app, pilot):
        assert "▌○ Team" in shown(app)
        await told(pilot, "open Work")
        await until(pilot, lambda: "How long do I rest" in shown(app))
