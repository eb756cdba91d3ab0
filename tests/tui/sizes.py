"""What every screen says at three sizes, kept as text: a change is read in the diff.

The pictures in screenshots/ show how it looks; this shows that nothing is cut off or out of place.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sila_tui.screenshot import SCREENS, rest
from sila_tui.theme import LIGHT
from tests.tui.driving import shown
from tests.tui.pictures import Picture, app_for, hard_names

if TYPE_CHECKING:
    from collections.abc import Callable

    from sila_tui.app import SilaApp
    from tests.tui.fake_daemon import FakeDaemon

SIZES = ((80, 24), (120, 36), (200, 60))
KEPT = Path(__file__).parent / "snapshots"


@dataclass(frozen=True)
class View:
    """A screen, on a daemon that may have been prepared."""

    name: str
    screen: str
    prepare: Callable[[FakeDaemon], None] = lambda _: None

    @property
    def path(self) -> Path:
        """Where its texts are kept."""
        return KEPT / f"{self.name}.txt"


VIEWS = [
    # How long calls of the daemon took is another figure in every run.
    *(View(screen, screen) for screen in SCREENS if screen != "calls"),
    *(View(f"hard-{screen}", screen, hard_names)
      for screen in ("home", "space", "files", "tree", "sync", "search")),
]  # fmt: skip


async def texts_of(view: View, daemon: FakeDaemon) -> str:
    """What the screen says at each size; raises AssertionError where it is not the same in light.

    Every line must fill the screen to its last cell and not beyond.
    """
    view.prepare(daemon)
    app = app_for(daemon, Picture(view.name, view.screen))
    parts = []
    async with app.run_test(size=SIZES[0]) as pilot:
        app.animation_level = "none"
        await rest(pilot)
        await SCREENS[view.screen](pilot)
        dark = app.theme
        for columns, rows in SIZES:
            await pilot.resize_terminal(columns, rows)
            await rest(pilot)
            text = shown(app)
            _check_widths(app, columns)
            app.theme = LIGHT.name
            await rest(pilot)
            assert shown(app) == text, f"{view.name} says something else in light"
            app.theme = dark
            parts.append(f"{columns} x {rows}\n{text}\n")
    return "\n".join(parts)


def _check_widths(app: SilaApp, columns: int) -> None:
    screen = app.screen
    for strip in screen._compositor.render_strips(screen.size):
        assert strip.cell_length == columns, f"not {columns} cells: {strip.text!r}"
