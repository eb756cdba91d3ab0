"""Writes what is remembered soon after it changed, and says when that cannot be done."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import StorageError

if TYPE_CHECKING:
    from textual.app import App

    from sila_tui.memory import Memory

SAVE_S = 0.5
"""What is remembered is written this long after it changed; what is lost then is half a word."""


class MemoryKeeper:
    """Gathers changes for a while before it writes."""

    def __init__(self, app: App[Any], memory: Memory) -> None:
        self._app = app
        self._memory = memory
        self._is_waiting = False

    def changed(self) -> None:
        """Has what changed written in a while."""
        if not self._is_waiting:
            self._is_waiting = True
            self._app.set_timer(SAVE_S, lambda: self._app.run_worker(self._save(), group="memory"))

    async def _save(self) -> None:
        self._is_waiting = False
        try:
            await asyncio.to_thread(self._memory.save)
        except StorageError as error:
            self._app.notify(error.hint, title=error.message, severity="warning", markup=False)
