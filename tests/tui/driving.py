"""Driving the app in tests: keys in, text out, and waiting for what is to be seen."""

from __future__ import annotations

from contextlib import asynccontextmanager
from functools import partial
from typing import TYPE_CHECKING, Any

from textual import events
from textual.keys import _character_to_key

from sila_tui.app import SilaApp
from sila_tui.screenshot import rest
from tests.tui.pictures import Picture, app_for

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Callable, Mapping
    from pathlib import Path

    from textual.pilot import Pilot

    from sila_tui.memory import Memory
    from tests.tui.fake_daemon import FakeDaemon

ROUNDS_MAX = 2000
"""Rounds of handled messages before a wait gives up; a reconnect needs some hundred."""


TOAST_S = 600.0
"""What is said for a moment lasts longer than any test. Its time runs from when it was said, by the
clock, and what waits here for the app to be idle waits up to a second each time, some times for
each key: on a busy machine two or four seconds are over before anybody looks."""


@asynccontextmanager
async def driven(
    daemon: FakeDaemon,
    size: tuple[int, int] = (120, 32),
    cache: Path | None = None,
    memory: Memory | None = None,
    keys: Mapping[str, str] | None = None,
) -> AsyncIterator[tuple[SilaApp, Pilot[None]]]:
    """The app on its first screen, at rest."""
    app = app_for(daemon, Picture("driven", "home"), cache, memory, keys)
    app.notify = partial(_notify_lastingly, app.notify)  # type: ignore[method-assign]
    async with app.run_test(size=size, notifications=True) as pilot:
        app.animation_level = "none"
        await rest(pilot)
        yield app, pilot


def _notify_lastingly(
    notify: Callable[..., None], message: str, *, timeout: float | None = None, **more: Any
) -> None:
    notify(message, timeout=TOAST_S, **more)


async def press(pilot: Pilot[None], *keys: str) -> None:
    """Presses keys, each when what the one before began has come to rest."""
    for key in keys:
        await pilot.press(key)
        await rest(pilot)


async def burst(pilot: Pilot[None], text: str) -> None:
    """Types text all at once, and waits for what comes of it."""
    type_ahead(pilot, text)
    await rest(pilot)


def type_ahead(pilot: Pilot[None], text: str) -> None:
    """Types text as a terminal gives it that was typed ahead; `\\r` is enter."""
    app = pilot.app
    assert app._driver is not None
    for char in text:
        key = {"\r": "enter", "\x1b": "escape", "\n": "ctrl+j", "\t": "tab"}.get(
            char
        ) or _character_to_key(char)
        app._driver.send_message(events.Key(key, char if char.isprintable() else None))


async def write(pilot: Pilot[None], text: str) -> None:
    """Types text."""
    for char in text:
        await pilot.press("space" if char == " " else char)
    await rest(pilot)


def shown(app: SilaApp) -> str:
    """What the screen says, line by line."""
    screen = app.screen
    lines = screen._compositor.render_strips(screen.size)
    return "\n".join(strip.text.rstrip() for strip in lines)


async def until(pilot: Pilot[None], is_so: Callable[[], bool]) -> None:
    """Waits until something is to be seen."""
    for _ in range(ROUNDS_MAX):
        if is_so():
            return
        await pilot.pause(0.005)
    app = pilot.app
    assert isinstance(app, SilaApp)
    raise AssertionError(f"never came:\n{shown(app)}")
