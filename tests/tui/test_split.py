"""Two panes of a space beside each other."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from sila_tui.panes.slots import Slots
from tests.tui.driving import driven, press, shown, until
from tests.tui.test_command_line import told

if TYPE_CHECKING:
    from textual.pilot import Pilot

    from sila_tui.app import SilaApp
    from tests.tui.fake_daemon import FakeDaemon

pytestmark = pytest.mark.slow


async def beside(app: SilaApp, pilot: Pilot[None]) -> Slots:
    """A chat at the left, files at the right, where the keys are."""
    await told(pilot, "open Work Coffee")
    await until(pilot, lambda: "Ten days, and grind" in shown(app))
    await told(pilot, "split files")
    await until(pilot, lambda: "invoice.pdf" in shown(app))
    return app.screen.query_one(Slots)


async def test_a_chat_beside_the_files(daemon: FakeDaemon) -> None:
    async with driven(daemon, (200, 60)) as (app, pilot):
        slots = await beside(app, pilot)
        text = shown(app)
        assert "How long do I rest" in text
        assert "> Files" in text
        assert "sila › Work › Files" in text
        left, right = slots.all
        assert left.region.y == right.region.y
        await press(pilot, "backslash")
        assert "> Coffee roasting" in shown(app)
        assert "sila › Work › Coffee roasting" in shown(app)
        await press(pilot, "greater_than_sign", "greater_than_sign")
        assert left.region.width > right.region.width
        await press(pilot, *["less_than_sign"] * 30)
        assert right.region.width > left.region.width > 20
        await press(pilot, "ctrl+w")
        assert "How long do I rest" not in shown(app)
        assert "sila › Work › Files" in shown(app)
        assert "> Files" not in shown(app)


async def test_a_pane_is_split_by_a_key_and_takes_what_is_chosen(daemon: FakeDaemon) -> None:
    async with driven(daemon, (200, 60)) as (app, pilot):
        await told(pilot, "open Work Coffee")
        await until(pilot, lambda: "How long do I rest" in shown(app))
        await press(pilot, "vertical_line")
        await until(pilot, lambda: shown(app).count("How long do I rest") == 2)
        await told(pilot, "show secrets")
        await until(pilot, lambda: "sila › Work › Secrets" in shown(app))
        assert shown(app).count("How long do I rest") == 1
        await press(pilot, "t")
        await press(pilot, "backslash", "t")
        await until(pilot, lambda: "appId" in shown(app))
        assert "> Coffee roasting" in shown(app)


async def test_on_a_small_screen_one_stands_above_the_other(daemon: FakeDaemon) -> None:
    async with driven(daemon, (80, 24)) as (app, pilot):
        slots = await beside(app, pilot)
        above, below = slots.all
        assert above.region.x == below.region.x
        assert above.region.bottom == below.region.y
        text = shown(app)
        assert "Ten days, and grind" in text
        assert "Work › Files" in text
        await pilot.resize_terminal(200, 60)
        await until(pilot, lambda: above.region.y == below.region.y)
        assert above.region.right == below.region.x


async def test_news_reach_both_panes(daemon: FakeDaemon) -> None:
    async with driven(daemon, (200, 60)) as (app, pilot):
        await beside(app, pilot)
        await told(pilot, "split Coffee")
        await told(pilot, "split Coffee")
        await until(pilot, lambda: shown(app).count("How long do I rest") == 2)
        await told(pilot, "send to both")
        await until(pilot, lambda: shown(app).count("to both") >= 2)
        assert shown(app).count("You · 14:32") == 2
