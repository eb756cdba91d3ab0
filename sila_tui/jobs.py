"""Work that asks the daemon, started from a widget; errors become a notice, not a traceback."""

from __future__ import annotations

import asyncio
from contextlib import suppress
from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.widget import Widget

MOVES = frozenset({"command", "show", "split"})
"""Groups of what leads elsewhere: what is typed behind it is meant for where it leads."""

DRAWN_S = 0.5
"""How long a first drawing is waited for: a screen that went meanwhile draws nothing."""


async def drawn(widget: Widget) -> None:
    """Waits until what was asked of a widget is laid out and drawn."""
    is_drawn = asyncio.Event()
    widget.call_after_refresh(is_drawn.set)
    with suppress(TimeoutError):
        async with asyncio.timeout(DRAWN_S):
            await is_drawn.wait()


def run_job(widget: Widget, job: Callable[[], Awaitable[None]], *, group: str) -> None:
    """Runs `job` beside the screen; a later job of the same group takes its place."""

    async def guarded() -> None:
        try:
            await job()
        except SilaError as exc:
            tell(widget, exc)

    widget.run_worker(guarded(), group=group, exclusive=True)


def tell(widget: Widget, error: SilaError) -> None:
    """Says an error as a sentence with what to do about it."""
    hint = error.hint or "nothing was changed"
    widget.app.notify(hint, title=error.message, severity="error", markup=False, timeout=8)
