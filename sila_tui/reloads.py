"""Asking for contents again when they changed: one load at a time, and none cut off."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable

RELOAD_S_MIN = 0.5
"""Contents are asked for at most this often, however many changes come."""


class Reloads:
    """Remembers what was seen last, and whether a load is under way."""

    def __init__(self, load: Callable[[], Awaitable[None]], pause_s: float = RELOAD_S_MIN) -> None:
        self._load = load
        self._pause_s = pause_s
        self._seen = -1
        self._is_wanted = False
        self._is_running = False

    def must_run(self, revision: int) -> bool:
        """Whether what was changed needs `run`: the first revision is what is shown already."""
        is_news = 0 <= self._seen != revision
        self._seen = revision
        self._is_wanted = self._is_wanted or is_news
        must_run = is_news and not self._is_running
        self._is_running = self._is_running or must_run
        return must_run

    async def run(self) -> None:
        """Loads again and again while changes come."""
        try:
            while self._is_wanted:
                self._is_wanted = False
                await self._load()
                await asyncio.sleep(self._pause_s)
        finally:
            self._is_running = False
