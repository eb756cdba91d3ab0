"""Writing in chats: drafts, changes, other versions, the person's editor, saving as Markdown."""

from __future__ import annotations

import asyncio
from functools import partial
from typing import TYPE_CHECKING

import pytest

from sila_tui.memory import Memory
from sila_tui.unread import Unread
from sila_tui.widgets.chat_log import ChatLog
from sila_tui.widgets.sidebar import Sidebar
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write
from tests.tui.fake_daemon import FakeDaemon, Refused

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

    from sila_tui.app import SilaApp

pytestmark = pytest.mark.slow


async def opened(app: SilaApp, pilot: Pilot[None]) -> None:
    """Goes to the messages of the first chat."""
    await press(pilot, "enter")
    await until(pilot, lambda: "How long do I rest" in shown(app))
    await press(pilot, "enter")
    await until(pilot, lambda: app.focused is not None and app.focused.id == "chat-log")


async def test_a_draft_survives_the_end_of_the_program(daemon: FakeDaemon, tmp_path: Path) -> None:
    path = tmp_path / "screen.json"
    async with driven(daemon, memory=Memory(path)) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "i")
        await write(pilot, "half a thought")
    assert "half a thought" in path.read_text("utf-8")
    async with driven(daemon, memory=Memory(path)) as (app, pilot):
        await until(pilot, lambda: "Work" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "half a thought" in shown(app))
        # The space opens where it was left: at the chat, and not in the sidebar.
        await until(pilot, lambda: app.focused is not None and app.focused.id == "chat-log")
        await press(pilot, "i", "enter")
        await until(pilot, lambda: len(daemon.called("chat.send")) == 1)
        await until(pilot, lambda: "write a message" in shown(app))
    assert "half a thought" not in path.read_text("utf-8")


def with_tools(daemon: FakeDaemon) -> None:
    """The last message asked for tools and has one result; another one answers a call."""
    arguments = '{"path":"recipes","depth":2}'
    daemon.messages[sample.COFFEE][3].update(
        thinking="Look into the files.",
        tools=["list_files", "search", "bare"],
        toolCalls=[
            {"name": "list_files", "arguments": arguments, "result": '["espresso.md"]',
             "cut": False},
            {"name": "search", "arguments": "rest\x1b[31m days",
             "result": "\n".join(f"found {at}" for at in range(60)), "cut": True},
            {"name": "read", "arguments": None, "result": "18 g in", "cut": False},
            {"name": "bare", "arguments": None, "result": None, "cut": False},
        ],
    )  # fmt: skip


@pytest.mark.parametrize("size", [(80, 24), (120, 100)])
async def test_tool_calls_are_folded_and_opened(daemon: FakeDaemon, size: tuple[int, int]) -> None:
    with_tools(daemon)
    async with driven(daemon, size) as (app, pilot):
        await press(pilot, "enter")
        await until(pilot, lambda: "Coffee roasting" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "used list_files" in shown(app))
        for line in (
            "▸ used list_files (7 lines)", "▸ used search (61 lines)",
            "▸ result of read (1 line)", "· used bare",
        ):  # fmt: skip
            assert line in shown(app)
        assert "espresso.md" not in shown(app)
        await press(pilot, "o")
        log = app.screen.query_one(ChatLog)
        lines = [log.block.line_at(line) for line in range(log.block.height)]
        said = "\n".join(line if isinstance(line, str) else line[1].text for line in lines)
        assert all(len(text) <= size[0] for text in said.splitlines())
        assert "▾ used list_files" in said
        assert '"path": "recipes",' in said
        assert '"espresso.md"' in said
        assert "\x1b" not in said
        assert "found 39" in said
        assert "found 40" not in said
        assert "20 more lines" in said
        assert "there is more of it" in said
        assert "18 g in" in said
        await press(pilot, "o")
        assert "▸ used list_files (7 lines)" in shown(app)


async def test_tools_of_an_older_daemon_are_named(daemon: FakeDaemon) -> None:
    daemon.messages[sample.COFFEE][3].update(tools=["list_files"])
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        assert "· used list_files" in shown(app)


async def test_a_message_is_changed_and_undone(daemon: FakeDaemon) -> None:
    async with driven(daemon, (120, 44)) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "g", "e")
        await until(pilot, lambda: "changing the message" in shown(app))
        await write(pilot, " Exactly")
        await press(pilot, "enter")
        await until(pilot, lambda: "Changed the message" in shown(app))
        assert "How long do I rest? Exactly" in shown(app)
        [edit] = daemon.called("edit.apply")[-1]["edits"]
        assert (edit["vertex"], edit["key"]) == ("m1", "text")
        assert "changing the message" not in shown(app)
        await press(pilot, "u")
        await until(pilot, lambda: "Undone" in shown(app))
        assert "Exactly" not in shown(app).replace("Undone: changed the message", "")


async def test_a_change_that_was_left_is_gone_on_with_and_the_draft_of_the_chat_stays(
    daemon: FakeDaemon,
) -> None:
    async with driven(daemon, (120, 44)) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "i")
        await write(pilot, "a draft")
        await press(pilot, "escape", "g", "e")
        await until(pilot, lambda: "changing the message" in shown(app))
        assert "a draft" not in shown(app)
        await write(pilot, " Exactly")
        await press(pilot, "escape")
        await until(pilot, lambda: "a draft" in shown(app))
        await press(pilot, "e")
        await until(pilot, lambda: "How long do I rest? Exactly" in shown(app))
        assert daemon.called("edit.apply") == []


async def test_another_version_becomes_the_branch_that_all_see(daemon: FakeDaemon) -> None:
    async with driven(daemon, (120, 44)) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "g", "j", "n")
        await until(pilot, lambda: "another version of the message" in shown(app))
        await write(pilot, " Or a month.")
        await press(pilot, "enter")
        await until(pilot, lambda: "‹ 4 of 4 ›" in shown(app))
        edits = daemon.called("edit.apply")[-1]["edits"]
        assert [edit["do"] for edit in edits] == ["set"] * 3 + ["new"]
        made = edits[-1]
        assert made["parent"] == "m1"
        assert (made["properties"]["role"], made["properties"]["main"]) == ("assistant", True)
        assert made["properties"]["text"].endswith(" Or a month.")
        await press(pilot, "u")
        await until(pilot, lambda: "Undone: wrote another version" in shown(app))
        undone = daemon.called("edit.apply")[-1]["edits"]
        assert {edit["vertex"]: edit.get("value") for edit in undone if edit["do"] == "set"} == {
            "m2a": False, "m2": True, "m2c": False,
        }  # fmt: skip


async def test_a_refused_change_keeps_the_text(daemon: FakeDaemon) -> None:
    daemon.refusals["edit.apply"] = Refused("storage_full", "the disk is full", "make room", 7)
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "G", "e")
        await write(pilot, " precious")
        await press(pilot, "enter")
        await until(pilot, lambda: "the disk is full" in shown(app))
        assert "precious" in shown(app)


async def test_the_editor_takes_and_gives_the_text(
    daemon: FakeDaemon, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    editor = tmp_path / "my editor"
    editor.write_text('#!/bin/sh\nprintf " and more\\nlines" >> "$2"\n', "utf-8")
    editor.chmod(0o755)
    monkeypatch.setenv("VISUAL", f"'{editor}' --wait")
    async with driven(daemon, cache=tmp_path / "cache") as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "i")
        await write(pilot, "some words")
        await press(pilot, "ctrl+e")
        await until(pilot, lambda: "some words and more" in shown(app))
        assert list((tmp_path / "cache").iterdir()) == []
        await press(pilot, "enter")
        await until(pilot, lambda: len(daemon.called("chat.send")) == 1)
        assert daemon.called("chat.send")[0]["text"] == "some words and more\nlines"
        monkeypatch.setenv("VISUAL", "no-such-editor")
        await press(pilot, "ctrl+e")
        await until(pilot, lambda: "there is no editor no-such-editor" in shown(app))


async def save_to(pilot: Pilot[None], target: str) -> None:
    """Asks for the chat as a file."""
    await press(pilot, "w", *["backspace"] * len("~/chat.md"))
    await write(pilot, target)
    await press(pilot, "enter")


async def test_a_chat_is_saved_as_markdown(daemon: FakeDaemon, tmp_path: Path) -> None:
    target = tmp_path / "coffee.md"
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await save_to(pilot, str(target))
        await until(pilot, lambda: "The chat is in" in shown(app))
        await save_to(pilot, str(target))
        await until(pilot, lambda: "exists already" in shown(app))
    text = target.read_text("utf-8")
    assert text.startswith("# Coffee roasting\n\n## You · 14:20\n\nHow long do I rest the beans")
    assert "## Assistant · gpt-4o · 14:20\n\nRest them **5 to 7 days**." in text
    assert "- attached: curve.png" in text
    assert target.stat().st_mode & 0o777 == 0o600


async def test_what_nobody_has_read_is_marked_in_the_sidebar(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        assert "Shop layout            12" in shown(app)
        daemon.chats[1]["messages"] = 15
        daemon.messages["t-shop"] = sample.a_lot_of_messages(15)
        daemon.emit(space=sample.WORK, text="3 ops from afar")
        await until(pilot, lambda: "3 new" in shown(app))
        await press(pilot, "escape", "j", "enter")
        await until(pilot, lambda: "message 14" in shown(app))
        await until(pilot, lambda: "3 new" not in shown(app))
        assert "sila › Work › Shop layout" in shown(app)


async def test_what_one_wrote_oneself_is_never_new(
    daemon: FakeDaemon, monkeypatch: pytest.MonkeyPatch
) -> None:
    drawn, count = set[int](), Unread.count

    def noted(unread: Unread, tree: str, messages: int) -> int:
        drawn.add(count(unread, tree, messages))
        return count(unread, tree, messages)

    monkeypatch.setattr(Unread, "count", noted)
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        sidebar = app.screen.query_one(Sidebar)
        await press(pilot, "i")
        # The list tells of it before the daemon has answered, or before the chat was asked for.
        for at, method in enumerate(("chat.send", "chat.show")):
            held = daemon.holds[method] = asyncio.Event()
            await pilot.press("a", "enter")
            await until(pilot, partial(_is_called, daemon, at + 1))
            if method == "chat.send":
                daemon.chats[0]["messages"] += 1
                daemon.emit(space=sample.WORK, text="1 op written here")
            await until(pilot, partial(_has_count, sidebar, 5 + at))
            await pilot.pause()
            if method == "chat.send":
                daemon.chats[0]["messages"] -= 1
            del daemon.holds[method]
            held.set()
            await until(pilot, lambda: "write a message" in shown(app))
        assert drawn == {0}


def _has_count(sidebar: Sidebar, messages: int) -> bool:
    """Whether the sidebar knows of so many messages in the first chat."""
    return next(item.count for item in sidebar._items if item.view == "chat") == messages


async def test_what_would_lose_much_is_asked_about(daemon: FakeDaemon) -> None:
    daemon.refusals["edit.apply"] = Refused("mass_change", "that deletes 90 % of Work", "", 6)
    async with driven(daemon) as (app, pilot):
        await opened(app, pilot)
        await press(pilot, "t", "j", "d")
        await until(pilot, lambda: "that deletes 90 % of Work" in shown(app))
        await press(pilot, "enter")
        assert len(daemon.called("edit.apply")) == 1
        await press(pilot, "d")
        await until(pilot, lambda: "y yes, I mean it" in shown(app))
        del daemon.refusals["edit.apply"]
        await press(pilot, "y")
        await until(pilot, lambda: "u undoes it" in shown(app))
        assert daemon.called("edit.apply")[-1]["force"] is True


def _is_called(daemon: FakeDaemon, times: int) -> bool:
    """Whether so many messages were sent."""
    return len(daemon.called("chat.send")) == times
