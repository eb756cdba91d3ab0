"""Starting the daemon from the screen, as `sila-daemon start` does."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sila_tui.app import SilaApp


async def start_daemon(app: SilaApp, command: Sequence[str]) -> None:
    """Runs the command, says why when it fails, and connects."""
    app.notify("The daemon is being started", timeout=3)
    process = await asyncio.create_subprocess_exec(
        *command,
        stdin=asyncio.subprocess.DEVNULL,
        stdout=asyncio.subprocess.DEVNULL,
        stderr=asyncio.subprocess.PIPE,
    )
    _, said = await process.communicate()
    if process.returncode:
        lines = said.decode(errors="replace").strip().splitlines() or ["it said nothing"]
        app.notify(lines[-1], title="It did not start", severity="error", markup=False)
    app.link.retry()
