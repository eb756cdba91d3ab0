"""What is typed in one burst means the same as what is typed slowly."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, ClassVar

import pytest
from textual import events
from textual.binding import Binding, BindingType
from textual.containers import Container
from textual.screen import ModalScreen
from textual.widgets import Static

from sila_tui.screens.activity import ActivityScreen
from sila_tui.screens.home import HomeScreen
from sila_tui.screens.space import SpaceScreen
from sila_tui.typed_ahead import LOOK_S, OrderedKeys
from sila_tui.widgets.filter_line import FilterLine
from tests.tui.driving import burst, driven, press, shown, type_ahead, until

if TYPE_CHECKING:
    from textual.app import ComposeResult
    from textual.pilot import Pilot
    from textual.widget import Widget

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


async def test_commands_in_one_go_each_begin_where_the_one_before_led(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await burst(pilot, ":open Work files\r:split secrets\r:other\r:close\r:theme light\r")
        await until(pilot, lambda: app.theme == "sila-light")
        await until(pilot, lambda: "sila › Work › Secrets" in shown(app))
        assert isinstance(app.screen, SpaceScreen)
        assert len(app.screen.query("PaneSlot")) == 1


async def test_what_is_typed_goes_to_what_a_command_opened(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (_, pilot):
        await burst(pilot, ":open Work\r:chat Garden\rfirst words\r")
        await until(pilot, lambda: bool(daemon.called("chat.send")))
        assert daemon.called("chat.send")[0]["text"] == "first words"


async def test_a_command_waits_for_the_one_before_to_be_answered(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sila_tui.waits.SLOW_S", 1000.0)
    monkeypatch.setattr("sila_tui.typed_ahead.PATIENCE_S", 1000.0)
    async with driven(daemon) as (app, pilot):
        await burst(pilot, ":open Work files\r")
        await until(pilot, lambda: "sila › Work › Files" in shown(app))
        is_answered = daemon.holds["chat.show"] = asyncio.Event()
        type_ahead(pilot, ":show coffee\r:split\r")
        await until(pilot, lambda: bool(daemon.called("chat.show")))
        for _ in range(20):
            await pilot.pause()
        assert len(app.screen.query("PaneSlot")) == 1
        is_answered.set()
        await until(pilot, lambda: len(app.screen.query("PaneSlot")) == 2)
        await until(pilot, lambda: shown(app).count("grind a little finer") == 2)


async def test_keys_do_not_wait_for_what_is_told_to_be_slow(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("sila_tui.typed_ahead.PATIENCE_S", 1000.0)
    async with driven(daemon) as (app, pilot):
        await burst(pilot, ":open Work files\r")
        await until(pilot, lambda: "sila › Work › Files" in shown(app))
        daemon.holds["chat.show"] = asyncio.Event()
        type_ahead(pilot, ":show coffee\r:theme light\r")
        await until(pilot, lambda: app.theme == "sila-light")
        await until(pilot, lambda: "waiting for the chat" in shown(app))
        type_ahead(pilot, ":theme dark\r")
        await until(pilot, lambda: app.theme == "sila-dark")
        assert "waiting for the chat" in shown(app), "it is not answered yet"
        daemon.holds["chat.show"].set()


class SlowToLeave(Static):
    """Is longer in being taken down than the app looks after a key."""

    async def on_unmount(self) -> None:
        await _looked_after()


async def _looked_after() -> None:
    """Lets the app look after a key: its alarm was set before, and is due before."""
    is_due = asyncio.Event()
    asyncio.get_running_loop().call_later(2 * LOOK_S, is_due.set)
    await is_due.wait()


class Leaf(Static, can_focus=True):
    """Has the focus."""


class SlowScreen(ModalScreen[None]):
    """Is left by `x`, and slow in it."""

    BINDINGS: ClassVar[list[BindingType]] = [Binding("x", "leave")]

    def compose(self) -> ComposeResult:
        yield Leaf("leaf")
        yield SlowToLeave("slow")

    def action_leave(self) -> None:
        app = self.app
        assert isinstance(app, CountingKeys)
        app.done.append("left")
        self.dismiss()


class SlowBox(Container):
    """Passes a key on long after what had it is gone."""

    async def on_key(self, event: events.Key) -> None:
        if event.key == "x":
            await self.query_one(Leaf).remove()
            await _looked_after()


class DoomedLeaf(Leaf):
    """Is taken down with all around it before it passes a key on."""

    async def on_key(self) -> None:
        assert isinstance(self.parent, Container)
        self.parent.remove()
        await _looked_after()


class CountingKeys(OrderedKeys):
    """Writes down which keys it did."""

    BINDINGS: ClassVar[list[BindingType]] = [
        Binding("x", "note('x')"),
        Binding("y", "note('y')"),
    ]

    def __init__(self, *body: Widget) -> None:
        super().__init__()
        self._body = body
        self.done: list[str] = []

    def compose(self) -> ComposeResult:
        yield from self._body

    def action_note(self, key: str) -> None:
        self.done.append(key)


async def _typed(pilot: Pilot[None], app: CountingKeys, text: str) -> None:
    assert app._driver is not None
    for char in text:
        app._driver.send_message(events.Key(char, char))
    await pilot.pause()
    while app.is_typed_ahead:
        await pilot.pause()


async def test_a_key_is_done_once_that_takes_down_what_had_it() -> None:
    app = CountingKeys(Leaf("below"))
    async with app.run_test() as pilot:
        app.push_screen(SlowScreen())
        await pilot.pause()
        await _typed(pilot, app, "xy")
        assert app.done == ["left", "y"]


async def test_a_key_is_done_once_that_was_slow_on_its_way_up() -> None:
    app = CountingKeys(SlowBox(Leaf("first")), Leaf("second"))
    async with app.run_test() as pilot:
        app.query(Leaf).first().focus()
        await pilot.pause()
        await _typed(pilot, app, "xy")
        assert app.done == ["x", "y"]


async def test_a_key_is_done_that_was_lost_with_what_had_it() -> None:
    app = CountingKeys(Container(DoomedLeaf("first")), Leaf("second"))
    async with app.run_test() as pilot:
        app.query(Leaf).first().focus()
        await pilot.pause()
        await _typed(pilot, app, "xy")
        assert app.done == ["x", "y"]
