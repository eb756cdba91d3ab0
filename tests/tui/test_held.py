"""Changes that would take much away are shown in the sync status, and answered there by keys."""

from __future__ import annotations

from typing import TYPE_CHECKING

import pytest

from tests.tui import sample
from tests.tui.driving import driven, press, shown, until

if TYPE_CHECKING:
    from tests.tui.fake_daemon import FakeDaemon

pytestmark = pytest.mark.slow


def hold_some(daemon: FakeDaemon) -> None:
    """The first space has a hold from a server."""
    space = daemon.status["spaces"][0]
    space.update(heldOps=214, state="needs_you", reason="214 changes wait for you")
    daemon.held = [
        {"space": sample.WORK, "name": "Work", "number": 3, "source": "https://home.example",
         "vertices": 214, "ofVertices": 600, "ops": 214, "deletions": 210, "moves": 0,
         "properties": 4, "trees": 2, "at": sample.ms(65), "refusedAt": None}
    ]  # fmt: skip


async def test_a_yes_is_asked_for_once_more(daemon: FakeDaemon) -> None:
    hold_some(daemon)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "S")
        await until(pilot, lambda: "214 changes" in shown(app))
        assert "would take much away" in shown(app)
        await press(pilot, "a")
        await until(pilot, lambda: "let them happen" in shown(app))
        assert "214 of 600 things: 210 deletions, 4 values from home.example" in shown(app)
        await press(pilot, "escape")
        assert daemon.called("held.accept") == []
        await press(pilot, "a")
        await until(pilot, lambda: "let them happen" in shown(app))
        await press(pilot, "enter")
        await until(pilot, lambda: "214 changes let through" in shown(app))
        assert daemon.called("held.accept") == [{"space": sample.WORK}]
        await until(pilot, lambda: "would take much away" not in shown(app))
        await press(pilot, "a")
        assert len(daemon.called("held.list")) == 2, "nothing is there to be accepted"


@pytest.mark.parametrize(
    ("keys", "method"),
    [
        (("enter",), "held.undo"),
        (("down", "enter"), "held.refuse"),
        (("down", "down", "enter"), ""),
    ],
)
async def test_a_no_is_for_everybody_or_for_this_machine(
    daemon: FakeDaemon, keys: tuple[str, ...], method: str
) -> None:
    hold_some(daemon)
    async with driven(daemon) as (app, pilot):
        await press(pilot, "S")
        await until(pilot, lambda: "214 changes" in shown(app))
        await press(pilot, "x")
        await until(pilot, lambda: "undo them everywhere" in shown(app))
        await press(pilot, *keys)
        await until(pilot, lambda: "undo them everywhere" not in shown(app))
        for name in ("held.accept", "held.undo", "held.refuse"):
            expected = [{"space": sample.WORK}] if name == method else []
            assert daemon.called(name) == expected
