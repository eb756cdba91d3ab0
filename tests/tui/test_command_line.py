"""`:` and what can be done with it, by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_tui.memory import Memory
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write

if TYPE_CHECKING:
    from pathlib import Path

    from textual.pilot import Pilot

    from tests.tui.fake_daemon import FakeDaemon

pytestmark = pytest.mark.slow


async def told(pilot: Pilot[None], line: str) -> None:
    """Gives a command."""
    await press(pilot, "colon")
    await write(pilot, line)
    await press(pilot, "enter")


async def test_a_space_is_opened_at_a_part_of_it(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "colon")
        assert "open SPACE [PART]" in shown(app)
        await write(pilot, "open Work Trip")
        await press(pilot, "enter")
        await until(pilot, lambda: "sila › Work › Trip to Ghent" in shown(app))
        await told(pilot, "show secrets")
        await until(pilot, lambda: "sila › Work › Secrets" in shown(app))
        await told(pilot, "home")
        await until(pilot, lambda: "Recently" in shown(app))
        assert "Recently" in shown(app)


async def test_tab_completes_and_the_arrows_recall(daemon: FakeDaemon) -> None:
    memory = Memory()
    async with driven(daemon, memory=memory) as (app, pilot):
        await press(pilot, "colon", *"resu", "tab")
        assert ": resume" in shown(app)
        await press(pilot, *"old", "tab")
        assert ": resume 'Old notes'" in shown(app)
        await press(pilot, "enter")
        await until(pilot, lambda: len(daemon.called("space.resume")) == 1)
        assert daemon.called("space.resume") == [{"space": sample.status()["spaces"][3]["id"]}]
    async with driven(daemon, memory=memory) as (app, pilot):
        await press(pilot, "colon", "up")
        assert ": resume 'Old notes'" in shown(app)
        await press(pilot, "escape")
        assert ": resume 'Old notes'" not in shown(app)


async def test_a_mistake_stays_in_the_line_with_what_is_meant(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await told(pilot, "opne Work")
        text = shown(app)
        assert "there is no command 'opne': do you mean open" in text
        assert ": opne Work" in text
        await press(pilot, *["backspace"] * len("opne Work"))
        await write(pilot, "open Wrok")
        await press(pilot, "enter")
        assert "no space is called 'Wrok': tab lists the spaces" in shown(app)
        await press(pilot, "escape")
        assert "no space is called" not in shown(app)
        assert not app.session.memory.keys("commands")


@pytest.mark.parametrize(
    ("line", "seconds"),
    [("pause Letters 2h", 7200), ("pause Letters", None), ("pause 30m", 1800)],
)
async def test_pausing_for_a_while(daemon: FakeDaemon, line: str, seconds: float | None) -> None:
    async with driven(daemon) as (app, pilot):
        await told(pilot, line)
        await until(pilot, lambda: len(daemon.called("space.pause")) == 1)
        assert daemon.called("space.pause")[0].get("seconds") == seconds
        await until(pilot, lambda: "is paused" in shown(app))
        await told(pilot, "pause Letters soon")
        assert "'soon' is no time: for example 30m, 2h or 1d" in shown(app)


async def test_keys_that_mean_nothing_here_are_told(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await told(pilot, "cut")
        assert "cut does nothing here" in shown(app)


async def test_a_chat_is_written_to_and_saved(daemon: FakeDaemon, tmp_path: Path) -> None:
    async with driven(daemon) as (app, pilot):
        await told(pilot, "open Work")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await told(pilot, "send from the line")
        await until(pilot, lambda: len(daemon.called("chat.send")) == 1)
        assert daemon.called("chat.send")[0]["text"] == "from the line"
        await until(pilot, lambda: "You · 14:32" in shown(app))
        await told(pilot, f"export {tmp_path}/a chat.md")
        await until(pilot, lambda: (tmp_path / "a chat.md").exists())
        await until(pilot, lambda: "The chat is in" in shown(app))
        assert "from the line" in (tmp_path / "a chat.md").read_text("utf-8")


async def test_going_to_a_vertex_by_path_and_by_id(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await told(pilot, f"open Work {sample.COFFEE}")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "t")
        await until(pilot, lambda: "messages" in shown(app))
        await told(pilot, "goto /jobs")
        await until(pilot, lambda: "v-jobs" in shown(app))
        await told(pilot, "goto m1")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await told(pilot, "goto /nowhere")
        await until(pilot, lambda: "nothing is called 'nowhere' there" in shown(app))
        await told(pilot, "goto no-such-id")
        await until(pilot, lambda: "has the id 'no-such-id'" in shown(app))
        assert "a path begins with /" in shown(app)


async def test_properties_and_vertices_are_made_in_a_line(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await told(pilot, "open Work")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "enter", "t")
        await until(pilot, lambda: "messages" in shown(app))
        await told(pilot, 'set depth {"a": 1}')
        await until(pilot, lambda: len(daemon.called("edit.apply")) == 1)
        await told(pilot, "set note two words")
        await until(pilot, lambda: len(daemon.called("edit.apply")) == 2)
        values = [call["edits"][0]["value"] for call in daemon.called("edit.apply")]
        assert values == [{"a": 1}, "two words"]
        await told(pilot, "undo")
        await until(pilot, lambda: "Undone: set note" in shown(app))
        assert daemon.called("edit.apply")[2]["edits"][0]["do"] == "unset"


async def test_files_are_put_and_fetched_by_name(daemon: FakeDaemon, tmp_path: Path) -> None:
    source = tmp_path / "new file.txt"
    source.write_text("hello", "utf-8")
    async with driven(daemon) as (app, pilot):
        await told(pilot, "open Work files")
        await until(pilot, lambda: "sila › Work › Files" in shown(app))
        await told(pilot, f"put '{source}' recipes/")
        await until(pilot, lambda: len(daemon.called("file.put")) == 1)
        assert daemon.called("file.put")[0]["path"] == "recipes/new file.txt"
        await told(pilot, "new drafts")
        await until(pilot, lambda: len(daemon.called("edit.apply")) == 1)
        assert daemon.called("edit.apply")[0]["edits"][0]["properties"]["name"] == "drafts"


async def test_words_for_lists_and_colours(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await told(pilot, "filter note")
        assert "Letters" not in shown(app)
        assert "1 found" in shown(app)
        await press(pilot, "escape")
        await told(pilot, "theme light")
        assert app.theme == "sila-light"
        await told(pilot, "theme pink")
        assert "no colours called 'pink': one of dark, light" in shown(app)
        await press(pilot, "escape")
        await told(pilot, "search roast")
        await until(pilot, lambda: "sila › Search" in shown(app))
        await until(pilot, lambda: "found" in shown(app))
        assert "roast" in shown(app)


async def test_removing_a_space_is_asked_about(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await told(pilot, "remove Letters")
        assert "the folder /home/ana/Sila/Letters stays" in " ".join(shown(app).split())
        await press(pilot, "n")
        assert not daemon.called("space.remove")
        await told(pilot, "remove Letters")
        await press(pilot, "y")
        await until(pilot, lambda: len(daemon.called("space.remove")) == 1)
        await until(pilot, lambda: "no longer looked after" in shown(app))
        # the space goes with the next state of all spaces, which may come after the answer
        await until(pilot, lambda: all(space.name != "Letters" for space in app.session.spaces))
        assert app.session.spaces


async def test_the_palette_writes_commands_that_need_words(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "ctrl+p")
        await write(pilot, "look after a space no longer")
        await until(pilot, lambda: ":remove [SPACE]" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: ": remove" in shown(app))
        await press(pilot, "tab")
        assert ": remove Work" in shown(app)


async def test_help_lists_commands(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "question_mark")
        await write(pilot, "pause 2h")
        assert ":pause [SPACE] [TIME]" in shown(app)


async def test_on_a_small_screen_all_fits(daemon: FakeDaemon) -> None:
    async with driven(daemon, (60, 16)) as (app, pilot):
        await press(pilot, "colon", "tab", "tab")
        lines = shown(app).splitlines()
        assert lines[-1].startswith(" :")
        assert all(len(line) <= 60 for line in lines)
