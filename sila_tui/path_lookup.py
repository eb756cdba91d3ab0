"""Reads folders of this machine beside the screen, which none of them may hold up."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_tui.local_paths import Completion

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 2.0
"""How long a folder may take to be read: one of a server that is away never answers."""


class PathLookup:
    """Completes one path at a time."""

    def __init__(self) -> None:
        self._lookup: asyncio.Task[Completion] | None = None
        """What reads a folder: one that hangs is not read twice."""

    async def read(self, begun: str, look_up: Callable[[str], Completion]) -> Completion:
        """What `look_up` gives for a path, or that the folder does not answer."""
        if self._lookup is None or self._lookup.done():
            self._lookup = asyncio.create_task(asyncio.to_thread(look_up, begun))
            done, _ = await asyncio.wait([self._lookup], timeout=PATIENCE_S)
            if done:
                return self._lookup.result()
        return Completion(begun, note="the folder does not answer")
