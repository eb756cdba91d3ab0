"""Draws one screen without a terminal and gives it as SVG, for docs and tests.

The drawing refers to nothing outside itself: Textual's own names fonts on other hosts, and an id
that changes with every run.
"""

from __future__ import annotations

import re
from collections.abc import Awaitable, Callable, Mapping
from typing import TYPE_CHECKING

from textual.pilot import Pilot

from sila_tui.screens.space import SpaceScreen
from sila_tui.session import Connection

if TYPE_CHECKING:
    from sila_tui.app import SilaApp

PATIENCE = 400
"""Rounds of waiting for a screen to come to rest; each ends when its messages are handled."""

_ELSEWHERE = re.compile(r"\s*(?:@font-face \{.*?\}|<!--.*?-->)", re.DOTALL)
_UNIQUE_ID = re.compile(r"terminal-\d+")

Step = Callable[[Pilot[None]], Awaitable[None]]


def _keys(*keys: str) -> Step:
    async def press(pilot: Pilot[None]) -> None:
        for key in keys:
            await pilot.press(key)
            await rest(pilot)

    return press


def _part(view: str, then: tuple[str, ...] = ()) -> Step:
    async def open_part(pilot: Pilot[None]) -> None:
        await _keys("enter")(pilot)
        screen = pilot.app.screen
        assert isinstance(screen, SpaceScreen)
        found = next(
            (item for item in screen.outline.items(with_trees=True) if item.view == view), None
        )
        if found is not None:
            screen.show(found)
        await rest(pilot)
        await _keys(*then)(pilot)

    return open_part


SCREENS: Mapping[str, Step] = {
    "home": _keys(),
    "space": _part("chat"),
    "write": _part("chat", ("enter",)),
    "split": _part("chat", ("colon", *"split", "space", *"files", "enter")),
    "files": _part("files", ("j", "j")),
    "preview": _part("files", ("j", "j", "enter")),
    "picture": _part("files", ("G", "k", "k", "k", "enter")),
    "tree": _part("chat", ("t", "j", "enter")),
    "secrets": _part("secrets"),
    "trash": _part("trash"),
    "sync": _keys("S"),
    "outbox": _keys("S", "o"),
    "activity": _keys("A"),
    "calls": _keys("L"),
    "search": _keys("ctrl+f", *"roast"),
    "filter": _keys("slash", "o"),
    "help": _keys("question_mark"),
    "commands": _keys("ctrl+p"),
    "command": _keys("colon", *"pause", "space", "tab"),
    "new": _keys("n"),
}
"""The screens that can be drawn, and the way to each from the first one."""


async def rest(pilot: Pilot[None]) -> None:
    """Waits until nothing is being asked or drawn any more."""
    app: SilaApp = pilot.app  # type: ignore[assignment]
    for _ in range(PATIENCE):
        await pilot.pause()
        busy = [
            worker for worker in app.workers if worker.group not in ("link", "dialog", "listing")
        ]
        if (
            app.session.connection is not Connection.OPENING
            and not busy
            and app.is_at_rest
            and not app.is_typed_ahead
        ):
            break
    await pilot.pause()


async def draw(app: SilaApp, screen: str, size: tuple[int, int]) -> str:
    """The screen of that name as SVG, `size` being columns and rows."""
    async with app.run_test(size=size) as pilot:
        app.animation_level = "none"
        await rest(pilot)
        await SCREENS[screen](pilot)
        return picture(app)


def picture(app: SilaApp) -> str:
    """What the app shows now, as SVG that is the same in every run."""
    svg = app.export_screenshot(title="sila")
    return _UNIQUE_ID.sub("sila", _ELSEWHERE.sub("", svg))
