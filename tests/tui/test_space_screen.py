"""One space and its panes, by their keys."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sila_tui.panes import secrets_pane
from sila_tui.panes.tree_pane import TreePane
from sila_tui.screenshot import rest
from sila_tui.widgets.chat_log import ChatLog
from sila_tui.widgets.raw_tree import RawTree
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write
from tests.tui.fake_daemon import FakeDaemon, Refused

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from sila_tui.app import SilaApp

pytestmark = pytest.mark.slow


async def opened(app: SilaApp, pilot: Pilot[None]) -> None:
    """Goes into the first space."""
    await press(pilot, "enter")
    await until(pilot, lambda: "How long do I rest" in shown(app))


async def test_the_sidebar_names_chats_in_their_folders_and_trees_on_demand(
    daemon: FakeDaemon,
) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        text = shown(app)
        assert "▾ Projects" in text
        assert text.index("Projects") < text.index("Shop layout") < text.index("Trip to Ghent")
        assert "Trees ▸" in text
        await press(pilot, "G", "enter")
        assert "Trees ▾" in shown(app)


async def test_a_chat_is_markdown_with_roles_times_and_branches(daemon: FakeDaemon) -> None:
    async with driven(daemon, (120, 44)) as (app, pilot):
        await opened(app, pilot)
        text = shown(app)
        for words in ("You · 14:20", "Assistant · gpt-4o · 14:20", "‹ 2 of 3 ›", "Rest them 5 to 7",
                      "thinking (3 lines)", "Ethiopia", "def rested(", "curve.png"):  # fmt: skip
            assert words in text
        assert "**" not in text
        assert "|--" not in text


async def test_branches_turn_with_brackets_for_everybody(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "enter", "g", "j", "right_square_bracket")
        await until(pilot, lambda: "‹ 3 of 3 ›" in shown(app))
        assert "the text of m2c" in shown(app)
        edits = daemon.called("edit.apply")[0]["edits"]
        assert {edit["vertex"]: edit["value"] for edit in edits} == {
            "m2a": False, "m2": False, "m2c": True,
        }  # fmt: skip
        await press(pilot, "right_square_bracket")
        await until(pilot, lambda: "‹ 1 of 3 ›" in shown(app))


async def test_thinking_unfolds(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "enter", "g", "j", "o")
        assert "Filter or espresso?" in shown(app)
        await press(pilot, "o")
        assert "Filter or espresso?" not in shown(app)


async def test_a_message_is_written_and_sent(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "enter", "i")
        await write(pilot, "q and ? are")
        await press(pilot, "alt+enter")
        await write(pilot, "letters here")
        await press(pilot, "enter")
        await until(pilot, lambda: len(daemon.called("chat.send")) == 1)
        sent = daemon.called("chat.send")[0]
        assert (sent["text"], sent["role"]) == ("q and ? are\nletters here", "user")
        await until(pilot, lambda: "write a message" in shown(app))
        assert "You · 14:32" in shown(app)


async def test_a_message_that_is_refused_stays_in_the_box(daemon: FakeDaemon) -> None:
    daemon.refusals["chat.send"] = Refused("storage_full", "the disk is full", "make room", 7)
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "enter", "enter")
        await write(pilot, "precious")
        await press(pilot, "enter")
        await until(pilot, lambda: "the disk is full" in shown(app))
        assert "precious" in shown(app)


async def test_drafts_stay_with_their_chat(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "enter", "enter")
        await write(pilot, "half a thought")
        await press(pilot, "escape", "escape", "j", "enter")
        await until(pilot, lambda: "Nothing here yet" in shown(app))
        assert "half a thought" not in shown(app)
        await press(pilot, "escape", "k", "enter")
        await until(pilot, lambda: "half a thought" in shown(app))
        await press(pilot, "escape", "escape", "enter")
        await until(pilot, lambda: "half a thought" in shown(app))


async def test_what_others_write_appears(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        template = sample.chat_messages()[0]
        daemon.messages[sample.COFFEE].append({**template, "id": "new", "text": "From afar"})
        daemon.emit(space=sample.WORK, text="4 ops from https://home.example")
        await until(pilot, lambda: "From afar" in shown(app))
        assert "From afar" in shown(app)


async def test_of_a_chat_that_goes_on_only_the_end_is_asked_for(daemon: FakeDaemon) -> None:
    daemon.messages[sample.COFFEE] = messages = sample.a_lot_of_messages(30)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "message 29" in shown(app))
        messages[-1]["text"] = "goes on"
        messages.append({**messages[0], "id": "new", "text": "From afar"})
        daemon.emit(space=sample.WORK, text="2 ops from https://home.example")
        await until(pilot, lambda: "From afar" in shown(app))
        assert daemon.called("chat.show")[-1]["known"] == 29
        assert "goes on" in shown(app)
        messages[-3]["text"] = "put otherwise"
        daemon.emit(space=sample.WORK, text="1 op from https://home.example")
        await until(pilot, lambda: "put otherwise" in shown(app))
        assert "From afar" in shown(app)


async def test_a_long_chat_shows_its_end_and_the_rest_on_the_way_up(daemon: FakeDaemon) -> None:
    daemon.messages[sample.COFFEE] = sample.a_lot_of_messages(300)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "message 299" in shown(app))
        await press(pilot, "enter", "g")
        await until(pilot, lambda: "message 0" in shown(app))
        assert "message 299" not in shown(app)
        await press(pilot, "G")
        await until(pilot, lambda: "message 299" in shown(app))


async def test_of_a_long_chat_only_what_is_near_the_screen_is_laid_out(daemon: FakeDaemon) -> None:
    daemon.messages[sample.COFFEE] = sample.a_lot_of_messages(3000)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "message 2999" in shown(app))
        log = app.screen.query_one(ChatLog)
        await press(pilot, "enter", "g")
        assert "message 0" in shown(app)
        assert log.block.end - log.block.first < 200
        # By the wheel, which moves no cursor.
        seen = 0
        while "message 60\n" not in shown(app) + "\n":
            assert log.block.end - log.block.first < 200
            seen = log.block.first
            log.scroll_relative(y=20, animate=False, force=True)
            await rest(pilot)
            assert log.block.first >= seen
        await press(pilot, "j")
        assert "message 1" in shown(app), "keys begin where the cursor is"
        await press(pilot, *["pagedown"] * 3, "j")
        assert "message 0\n" not in shown(app)


async def test_a_reader_in_the_middle_stays_where_he_is(daemon: FakeDaemon) -> None:
    daemon.messages[sample.COFFEE] = messages = sample.a_lot_of_messages(300)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "message 299" in shown(app))
        await press(pilot, "enter", *["k"] * 100)
        before = shown(app).splitlines()[2:-3]
        messages.append({**messages[0], "id": "new", "text": "From afar"})
        messages[2]["text"] = "made longer\n\nfar above"
        asked = len(daemon.called("chat.show"))
        daemon.emit(space=sample.WORK, text="4 ops from https://home.example")
        await until(pilot, lambda: len(daemon.called("chat.show")) > asked)
        await rest(pilot)
        assert shown(app).splitlines()[2:-3] == before
        await press(pilot, "G")
        assert "From afar" in shown(app)


async def test_secrets_are_masked_until_asked_for(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, *["j"] * 5, "enter")
        await until(pilot, lambda: "api-key-openai" in shown(app))
        assert "sk-" not in shown(app)
        assert daemon.called("secret.get") == []
        await press(pilot, "v")
        await until(pilot, lambda: "sk-ant-fixture" in shown(app))
        await press(pilot, "j")
        assert "0123456789" not in shown(app)
        assert secrets_pane.REVEAL_S <= 10


async def test_a_secret_is_deleted_once_somebody_said_yes(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, *["j"] * 5, "enter")
        await until(pilot, lambda: "api-key-openai" in shown(app))
        first = sorted(daemon.secrets)[0]
        await press(pilot, "d")
        assert f"Delete {first}?" in shown(app)
        await press(pilot, "n")
        assert first in daemon.secrets
        await press(pilot, "d", "y")
        await until(pilot, lambda: first not in daemon.secrets)
        await until(pilot, lambda: f"Deleted {first}" in shown(app))
        assert daemon.called("secret.unset") == [{"space": sample.WORK, "name": first}]


async def test_the_raw_tree_opens_as_far_as_one_looks(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "t", "j", "enter")
        await until(pilot, lambda: "▸ message" in shown(app))
        await press(pilot, "j", "enter")
        await until(pilot, lambda: "A week." in shown(app))
        await press(pilot, "j", "j")
        await until(pilot, lambda: "temperature" in shown(app))
        text = shown(app)
        assert "number" in text
        assert "0.7" in text
        await press(pilot, "h")
        assert "A week." in shown(app)
        await press(pilot, "h")
        assert "A week." not in shown(app)


async def test_a_tree_is_asked_for_again_only_when_it_may_have_changed(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "t", "j", "enter")
        await until(pilot, lambda: "▸ message" in shown(app))

        def asked() -> int:
            calls = daemon.called("vertex.get") + daemon.called("vertex.children")
            return len([call for call in calls if call["tree"] == sample.COFFEE])

        before, listed = asked(), len(daemon.called("tree.list"))
        daemon.emit(space=sample.WORK, text="9 ops", trees=[sample.FILES_TREE])
        await until(pilot, lambda: len(daemon.called("tree.list")) > listed)
        await rest(pilot)
        assert asked() == before
        daemon.vertices[sample.COFFEE]["v-new"] = {
            "parent": sample.COFFEE, "properties": {"name": "from afar"},
        }  # fmt: skip
        daemon.emit(space=sample.WORK, text="1 op", trees=[sample.COFFEE])
        await until(pilot, lambda: "from afar" in shown(app))
        assert asked() > before


async def test_children_come_in_pages(daemon: FakeDaemon) -> None:
    tree = daemon.vertices[sample.COFFEE]
    for at in range(450):
        tree[f"c{at}"] = {"parent": "v-jobs", "properties": {"name": f"job {at}"}}
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "t", "G", "enter", "G")
        await until(pilot, lambda: "more" in shown(app))
        assert "job 199" in shown(app)
        await press(pilot, "enter", "G", "enter", "G")
        await until(pilot, lambda: "job 449" in shown(app))
        pages = [
            call for call in daemon.called("vertex.children") if call.get("vertex") == "v-jobs"
        ]
        assert [page.get("after") for page in pages] == [None, "c199", "c399"]


async def test_keys_count_that_are_pressed_while_a_tree_is_asked_for_again(
    daemon: FakeDaemon,
) -> None:
    root = daemon.vertices[sample.COFFEE]
    root.update(
        {f"c{at}": {"parent": sample.COFFEE, "properties": {"name": f"child {at}"}}
         for at in range(450)}
    )  # fmt: skip
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "t", "G", "enter", "G")
        pane, tree = app.screen.query_one(TreePane), app.screen.query_one(RawTree)
        assert len(tree.tree_rows.rows) > 400, "a second page is there"
        await press(pilot, "g")
        reload = asyncio.create_task(pane.reload())
        await asyncio.sleep(0)
        tree.action_move(1)
        await reload
        assert tree.cursor == 1
        assert len(tree.tree_rows.rows) > 400, "and stays there"
        reload = asyncio.create_task(pane.reload())
        await asyncio.sleep(0)
        tree.tree_rows.close(0)
        await reload
        assert len(tree.tree_rows.rows) < 10, "what was closed meanwhile stays closed"


async def test_the_trash_of_a_tree_is_there_when_something_is_in_it(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "G", "enter", "j", "enter")
        await until(pilot, lambda: "trash" in shown(app))
        await press(pilot, "G", "enter")
        await until(pilot, lambda: "to be deleted" in shown(app))
        assert "to be deleted" in shown(app)


async def test_escape_goes_out_step_by_step_and_q_home(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "enter", "enter", "escape", "escape")
        assert "▌    Coffee roasting" in shown(app)
        await press(pilot, "escape")
        assert "Recently" in shown(app)
        await press(pilot, "enter", "enter", "q")
        assert "Recently" in shown(app)


async def test_narrow_terminals_show_one_thing_at_a_time(daemon: FakeDaemon) -> None:
    async with driven(daemon, (80, 24)) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "Coffee roasting" in shown(app))
        assert "Ten days" not in shown(app)
        await press(pilot, "enter")
        await until(pilot, lambda: "Ten days" in shown(app))
        assert "Shop layout" not in shown(app)
        await press(pilot, "b")
        assert "Shop layout" in shown(app)


async def test_a_space_that_cannot_be_read_says_so_and_comes_when_it_can(
    daemon: FakeDaemon,
) -> None:
    daemon.refusals["tree.list"] = Refused("storage", "the store cannot be read", "see doctor", 7)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "the store cannot be read" in shown(app))
        daemon.refusals.clear()
        daemon.emit(space=sample.WORK, text="repaired")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        assert "How long do I rest" in shown(app)
