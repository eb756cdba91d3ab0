"""The first screen, by its keys."""

from __future__ import annotations

import pytest

from sila_tui.app import SilaApp
from sila_tui.screens.frame import FramedScreen
from tests.tui import sample
from tests.tui.driving import driven, press, shown, until, write
from tests.tui.fake_daemon import FakeDaemon, Refused
from tests.tui.pictures import without_spaces

pytestmark = pytest.mark.slow


async def test_every_space_has_its_sign_its_name_and_its_words(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, _):
        text = shown(app)
        for sign, name in [("●", "Work"), ("◐", "Home"), ("○", "Team"), ("!", "Old notes"),
                           ("‖", "Letters")]:  # fmt: skip
            assert f"{sign} {name}" in text
        assert "sending 120 ops · 3 files" in text
        assert "1 op from home.example" in text


async def test_the_cursor_moves_by_vim_keys_and_arrows(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "j", "down")
        assert "▌○ Team" in shown(app)
        assert "nothing listens there · 12 ops" in shown(app)
        await press(pilot, "G", "k", "g")
        assert "▌● Work" in shown(app)


async def test_pause_and_resume(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "p")
        await until(pilot, lambda: "‖ Work" in shown(app))
        await press(pilot, "p")
        await until(pilot, lambda: "● Work" in shown(app))
        assert daemon.called("space.pause") == [{"space": sample.WORK}]
        assert daemon.called("space.resume") == [{"space": sample.WORK}]


async def test_sync_now_asks_the_daemon_and_tells_its_refusal(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "s")
        await until(pilot, lambda: "Work is up to date" in shown(app))
        daemon.refusals["space.sync"] = Refused("unreachable", "home does not answer", "wait")
        await press(pilot, "s")
        await until(pilot, lambda: "home does not answer" in shown(app))
        assert "home does not answer" in shown(app)


async def test_a_new_space_is_asked_for_and_made(daemon: FakeDaemon) -> None:
    without_spaces(daemon)
    async with driven(daemon) as (app, pilot):
        assert "No spaces yet" in shown(app)
        await press(pilot, "n")
        await write(pilot, "Garden")
        await press(pilot, "enter")
        assert "is needed" not in shown(app)
        await write(pilot, "local://")
        await press(pilot, "enter")
        await until(pilot, lambda: "● Garden" in shown(app))
        assert daemon.called("space.create") == [{"name": "Garden", "address": "local://"}]


async def test_escape_leaves_a_dialog_without_a_call(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "n")
        assert "New space" in shown(app)
        await press(pilot, "escape")
        assert "New space" not in shown(app)
        assert daemon.called("space.create") == []


async def test_without_a_daemon_it_says_what_to_do_and_connects_when_there_is_one(
    daemon: FakeDaemon,
) -> None:
    await daemon.stop()
    async with driven(daemon) as (app, pilot):
        text = shown(app)
        assert "The daemon is not running" in text
        assert "ctrl+s" in text
        assert "new" not in text.splitlines()[-1]
        await daemon.start()
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "● Work" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "Coffee roasting" in shown(app))


async def test_losing_the_daemon_is_told_and_regaining_it_too(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await daemon.stop()
        await until(pilot, lambda: "The daemon stopped answering" in shown(app))
        text = shown(app)
        assert "daemon not reached since 14:32" in text
        assert "● Work" in text
        await daemon.start()
        await press(pilot, "ctrl+r")
        await until(pilot, lambda: "stopped answering" not in shown(app))
        assert "folder missing" in shown(app).splitlines()[0]


async def test_ctrl_s_starts_the_daemon_and_says_when_it_does_not_start(
    daemon: FakeDaemon,
) -> None:
    await daemon.stop()
    async with driven(daemon) as (app, pilot):
        assert isinstance(app, SilaApp)
        app.start_command = ("sh", "-c", "echo the disk is full >&2; exit 7")
        await press(pilot, "ctrl+s")
        await until(pilot, lambda: "the disk is full" in shown(app))


async def test_redrawing_while_screens_come_down_does_no_harm(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "enter", "escape", "S")
        for screen in app.screen_stack:
            await screen.remove_children()
        for screen in app.screen_stack:
            if isinstance(screen, FramedScreen):
                screen.pull()
                assert not screen.is_whole


async def test_q_leaves(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await pilot.press("escape")
        assert app.is_running
        await pilot.press("q")
        await until(pilot, lambda: not app.is_running)


async def test_small_large_and_changing_sizes(daemon: FakeDaemon) -> None:
    async with driven(daemon, (80, 24)) as (app, pilot):
        assert "● Work" in shown(app)
        assert all(len(line) <= 80 for line in shown(app).splitlines())
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: "~/Sila/Letters" in shown(app))
        await pilot.resize_terminal(40, 10)
        await until(pilot, lambda: "Work" in shown(app))


async def test_sync_status_has_every_layer(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "S")
        text = shown(app)
        for words in ("Sync status", "store", "folder", "head 88,213", "backup.example:6001",
                      "sending 120 ops · 3 files (9.4 MB)", "nothing listens there"):  # fmt: skip
            assert words in text
        await press(pilot, "j", "s")
        await until(pilot, lambda: len(daemon.called("space.sync")) == 1)
        assert daemon.called("space.sync")[0]["space"] == daemon.status["spaces"][1]["id"]
        await press(pilot, "escape")
        assert "Recently" in shown(app)
