"""What waits and what was refused, by the keys that help."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui.driving import driven, press, shown, until, write
from tests.tui.pictures import refused_ops

if TYPE_CHECKING:
    from pathlib import Path

    from tests.tui.fake_daemon import FakeDaemon

pytestmark = pytest.mark.slow


async def test_the_sync_status_tells_what_is_to_come_and_what_was_refused(
    daemon: FakeDaemon,
) -> None:
    refused_ops(daemon)
    async with driven(daemon, (160, 32)) as (app, pilot):
        await press(pilot, "S")
        text = shown(app)
        for words in ("13 ops to come", "last agreed 14:31", "o shows why and offers them again",
                      "cannot be read: o shows them"):  # fmt: skip
            assert words in text


async def test_refused_ops_stand_with_their_reasons_and_are_offered_again(
    daemon: FakeDaemon,
) -> None:
    refused_ops(daemon)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "S", "o")
        text = shown(app)
        for words in ("14 ops, 2 files, 48 kB, 2 of them refused, 1 came that cannot be read",
                      "backup.example:6001 refused text of m2", "at most 1 MB is taken",
                      "this account may only read here", "sent something that is no op",
                      "offer again"):  # fmt: skip
            assert words in text
        await press(pilot, "r")
        await until(pilot, lambda: "2 ops offered again" in shown(app))
        assert "value_too_large" not in shown(app)
        [call] = daemon.called("outbox.retry")
        assert call == {"space": daemon.status["spaces"][0]["id"]}


async def test_they_are_written_to_a_file(daemon: FakeDaemon, tmp_path: Path) -> None:
    refused_ops(daemon)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "S", "o", "e")
        await press(pilot, *["backspace"] * len("~/refused-ops.jsonl"))
        await write(pilot, f"{tmp_path}/ops.jsonl")
        await press(pilot, "enter")
        await until(pilot, lambda: "3 ops written to" in shown(app))
        assert daemon.called("outbox.export")[0]["target"] == f"{tmp_path}/ops.jsonl"


async def test_enter_goes_to_what_an_op_is_about(daemon: FakeDaemon) -> None:
    refused_ops(daemon)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "S", "o", "j", "enter")
        await until(pilot, lambda: "sila › Work › Coffee roasting" in shown(app))
        await until(pilot, lambda: app.focused is not None and app.focused.id == "chat-log")
        assert "Ten days, and grind a little finer." in shown(app)


async def test_when_nothing_waits_nothing_is_offered(daemon: FakeDaemon) -> None:
    async with driven(daemon) as (app, pilot):
        await press(pilot, "S", "o")
        text = shown(app)
        assert "Nothing waits: every layer has everything." in text
        assert "offer again" not in text
        await press(pilot, "r", "e", "escape")
        assert daemon.called("outbox.retry") == []
        assert "sila › Sync status" in shown(app)
