"""Chats are made, renamed and deleted in the sidebar, by their keys and by commands."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_tui.widgets.composer import Composer
from sila_tui.widgets.sidebar import Sidebar
from tests.tui import sample
from tests.tui.driving import burst, driven, press, shown, until, write

if TYPE_CHECKING:
    from tests.tui.fake_daemon import FakeDaemon

pytestmark = pytest.mark.slow


async def test_a_chat_is_made_beside_the_one_at_hand_and_written_into(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "n")
        assert "New chat in Projects" in shown(app)
        await write(pilot, "Opening hours")
        await press(pilot, "enter")
        await until(pilot, lambda: isinstance(app.focused, Composer))
        assert "sila › Work › Opening hours" in shown(app)
        await write(pilot, "from nine")
        await press(pilot, "enter")
        await until(pilot, lambda: bool(daemon.called("chat.send")))
        [made] = daemon.called("chat.new")
        assert (made["name"], made["parent"]) == ("Opening hours", "v-projects")
        assert daemon.called("chat.send")[0]["text"] == "from nine"


async def test_a_new_chat_with_words_in_it_is_not_undone(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "n", *"Hours", "enter")
        await until(pilot, lambda: isinstance(app.focused, Composer))
        await press(pilot, *"nine", "enter")
        await until(pilot, lambda: bool(daemon.called("chat.send")))
        app.screen.query_one(Sidebar).focus()
        await press(pilot, "u")
        await until(pilot, lambda: "the chat was changed since" in shown(app))
        assert [chat["title"] for chat in daemon.chats][-1] == "Hours"


async def test_a_new_chat_is_undone_and_what_cannot_be_is_said(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "n", *"Hours", "enter")
        await until(pilot, lambda: isinstance(app.focused, Composer))
        app.screen.query_one(Sidebar).focus()
        await press(pilot, "u")
        await until(pilot, lambda: "Undone: made Hours" in shown(app))
        titles = [item.title for item in app.screen.query_one(Sidebar)._items]
        assert "Hours" not in titles
        await press(pilot, "u")
        await until(pilot, lambda: "nothing was edited" in shown(app))


async def test_a_new_space_says_how_a_chat_is_made(daemon: FakeDaemon) -> None:
    daemon.chats.clear()
    space = daemon.vertices[sample.WORK]
    for vertex in [key for key, row in space.items() if "tid" in row["properties"]]:
        del space[vertex]
    del space["v-projects"]
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "No chats yet.   n new chat" in shown(app))
        await press(pilot, "n", *"First", "enter")
        await until(pilot, lambda: isinstance(app.focused, Composer))
        assert "n new chat" not in shown(app)
        assert "parent" not in daemon.called("chat.new")[0]


async def test_a_rename_shows_everywhere_and_is_undone(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "r", "ctrl+u", *"Beans", "enter")
        await until(pilot, lambda: "sila › Work › Beans" in shown(app))
        assert shown(app).count("Coffee roasting") == 1  # in the notice only
        await press(pilot, "u")
        await until(pilot, lambda: "Undone: renamed to Beans" in shown(app))
        assert "sila › Work › Coffee roasting" in shown(app)


async def test_a_deleted_chat_comes_back(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "Shop layout" in shown(app))
        await press(pilot, "j", "d")
        await until(pilot, lambda: "Deleted Shop layout" in shown(app))
        titles = [item.title for item in app.screen.query_one(Sidebar)._items]
        assert "Shop layout" not in titles and "Coffee roasting" in titles
        await press(pilot, "u")
        await until(pilot, lambda: "Undone: deleted Shop layout" in shown(app))
        titles = [item.title for item in app.screen.query_one(Sidebar)._items]
        assert titles.index("Coffee roasting") < titles.index("Shop layout")


async def test_the_pane_of_a_deleted_chat_says_so_and_takes_no_words(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "enter", "i", *"half")
        for row in daemon.vertices[sample.WORK].values():
            if row["properties"].get("tid") == sample.COFFEE:
                row["parent"] = "0"
        daemon.emit(space=sample.WORK, text="1 op from afar")
        await until(pilot, lambda: "this chat was deleted" in shown(app))
        # What is typed on does no harm, neither to the draft nor as keys of something else.
        await burst(pilot, "dd\r")
        assert app.focused is app.screen.query_one(Composer)
        assert app.screen.query_one(Composer).text == "half"
        await until(pilot, lambda: "u in the list of chats" in shown(app))
        await burst(pilot, "\x1b:send more\r")
        assert not daemon.called("chat.send") and not daemon.called("chat.delete")
        await press(pilot, "escape")
        assert "How long do I rest" in shown(app)
        for row in daemon.vertices[sample.WORK].values():
            if row["properties"].get("tid") == sample.COFFEE:
                row["parent"] = "v-projects"
        daemon.emit(space=sample.WORK, text="1 op from afar")
        await until(pilot, lambda: not app.screen.query_one(Composer).read_only)


async def test_commands_make_and_rename_from_the_chat_itself(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "enter", "colon", *"rename", "space", *"Beans", "enter")
        await until(pilot, lambda: "sila › Work › Beans" in shown(app))
        await press(pilot, "colon", *"chat", "space", *"Plans", "enter")
        await until(pilot, lambda: "sila › Work › Plans" in shown(app))
        assert daemon.called("chat.rename")[0]["name"] == "Beans"
        await press(pilot, "escape", "ctrl+n")
        assert "New chat" in shown(app)


async def test_chats_below_a_chat_are_listed(daemon: FakeDaemon) -> None:
    daemon.vertices[sample.WORK]["v-ghent"]["parent"] = "v-coffee"
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        [ghent] = [i for i in app.screen.query_one(Sidebar)._items if i.title == "Trip to Ghent"]
        assert (ghent.view, ghent.depth) == ("chat", 3)
