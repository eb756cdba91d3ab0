"""Reads folders of this machine beside the screen, which none of them may hold up."""

from __future__ import annotations

import asyncio
import threading
from contextlib import suppress
from typing import TYPE_CHECKING

from sila_tui.local_paths import Completion

if TYPE_CHECKING:
    from collections.abc import Callable

PATIENCE_S = 2.0
"""How long a folder may take to be read: one of a server that is away never answers."""


class PathLookup:
    """Completes one path at a time."""

    def __init__(self) -> None:
        self._lookup: asyncio.Future[Completion] | None = None
        """What reads a folder: one that hangs is not read twice."""

    async def read(self, begun: str, look_up: Callable[[str], Completion]) -> Completion:
        """What `look_up` gives for a path, or that the folder does not answer."""
        if self._lookup is None or self._lookup.done():
            self._lookup = _begun(look_up, begun)
            done, _ = await asyncio.wait([self._lookup], timeout=PATIENCE_S)
            if done:
                return self._lookup.result()
        return Completion(begun, note="the folder does not answer")


def _begun(look_up: Callable[[str], Completion], begun: str) -> asyncio.Future[Completion]:
    """Begins what may never end, in a thread that the end of the program does not wait for.

    The loop's own threads are waited for, however long that takes.
    """
    loop = asyncio.get_running_loop()
    outcome: asyncio.Future[Completion] = loop.create_future()

    def settle(found: Completion | Exception) -> None:
        if outcome.done():
            return
        if isinstance(found, Exception):
            outcome.set_exception(found)
        else:
            outcome.set_result(found)

    def run() -> None:
        found: Completion | Exception
        try:
            found = look_up(begun)
        except Exception as error:
            found = error
        with suppress(RuntimeError):  # The loop has ended meanwhile.
            loop.call_soon_threadsafe(settle, found)

    threading.Thread(target=run, name="path lookup", daemon=True).start()
    return outcome
