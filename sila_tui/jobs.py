"""Work that asks the daemon, started from a widget; errors become a notice, not a traceback."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

    from textual.widget import Widget

MOVES = frozenset({"command", "show", "split"})
"""Groups of what leads elsewhere: what is typed behind it is meant for where it leads."""


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
