"""What takes long is told and can be let go; what was called is listed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import NotFoundError, SilaError
from sila_tui.waits import LET_GO, Waits
from tests.tui.driving import driven, press, shown, until
from tests.tui.fake_daemon import Refused
from tests.tui.test_command_line import told

if TYPE_CHECKING:
    from tests.tui.fake_daemon import FakeDaemon


async def test_a_call_gives_what_it_gives() -> None:
    waits = Waits()

    async def answer() -> int:
        return 7

    async def refuse() -> int:
        raise NotFoundError("no such thing")

    assert await waits.watch("a.b", answer()) == 7
    with pytest.raises(NotFoundError):
        await waits.watch("a.b", refuse())
    assert waits.slow == []


async def test_what_is_let_go_ends_with_a_sentence_and_what_is_cancelled_is_cancelled(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    monkeypatch.setattr("sila_tui.waits.SLOW_S", 0.0)
    waits, told, ended = Waits(), asyncio.Event(), asyncio.Event()
    waits.listeners.add(told.set)

    async def never() -> None:
        try:
            await asyncio.Event().wait()
        finally:
            ended.set()

    task = asyncio.create_task(waits.watch("file.get", never()))
    await told.wait()
    assert [wait.said for wait in waits.slow] == ["the file"]
    waits.let_go()
    with pytest.raises(SilaError, match="no longer wait for the file") as caught:
        await task
    assert caught.value.code == LET_GO
    assert ended.is_set()
    ended.clear()
    told.clear()
    task = asyncio.create_task(waits.watch("file.get", never()))
    await told.wait()
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended.is_set()
    assert waits.slow == []


@pytest.mark.slow
async def test_a_slow_sync_is_told_and_let_go_while_other_things_go_on(daemon: FakeDaemon) -> None:
    daemon.holds["space.sync"] = asyncio.Event()
    async with driven(daemon) as (app, pilot):
        await pilot.press("s")
        await until(pilot, lambda: "waiting for a sync" in shown(app))
        assert "esc stops" in shown(app)
        await pilot.press("j")
        await until(pilot, lambda: "▌◐ Home" in shown(app))
        await pilot.press("escape")
        await until(pilot, lambda: "you no longer wait for a sync" in shown(app))
        await until(pilot, lambda: "waiting for" not in shown(app))
        assert "is up to date" not in shown(app)
        daemon.holds["space.sync"].set()
        daemon.holds.clear()
        await press(pilot, "k", "s")
        await until(pilot, lambda: "Work is up to date" in shown(app))
        assert len(daemon.called("space.sync")) == 2


@pytest.mark.slow
async def test_escape_is_itself_while_nothing_is_slow(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "A")
        assert "sila › Activity" in shown(app)
        await press(pilot, "escape")
        assert "sila › Activity" not in shown(app)


@pytest.mark.slow
async def test_calls_are_listed_without_what_was_in_them(daemon: FakeDaemon) -> None:
    daemon.refusals["space.pause"] = Refused("storage", "the disk is full", exit_code=7)
    async with driven(daemon) as (app, pilot):
        await told(pilot, "open Work secrets")
        await until(pilot, lambda: "api-key" in shown(app))
        await press(pilot, "y")
        await until(pilot, lambda: "copied" in shown(app))
        await told(pilot, "pause Work")
        await until(pilot, lambda: "the disk is full" in shown(app))
        await press(pilot, "L")
        await until(pilot, lambda: "sila › Daemon calls" in shown(app))
        text = shown(app)
        assert "secret.get" in text
        assert "since this screen was opened" in text
        line = next(line for line in text.splitlines() if "space.pause" in line)
        assert "storage" in line
        assert "ms" in line
        status = next(call for call in app.session.calls.calls if call.method == "daemon.status")
        assert status.received_bytes > 1000 > status.sent_bytes > 20
        assert not any(value in str(app.session.calls.calls) for value in daemon.secrets.values())
        count = app.session.calls.count
        await told(pilot, "filter secret")
        assert "space.pause" not in shown(app)
        assert app.session.calls.count >= count
