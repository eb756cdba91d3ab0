"""Workers that know how much is asked of them at a time."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, TypeVar

if TYPE_CHECKING:
    from collections.abc import Callable

T = TypeVar("T")


class BusyWorkers:
    """Do what they are asked on this thread, after everybody who asks at once has done so."""

    def __init__(self) -> None:
        self.busy = 0
        """How much is being done, or waits for that, at this moment."""

    async def run(self, function: Callable[[], T]) -> T:
        """Returns what the function returns."""
        self.busy += 1
        try:
            await asyncio.sleep(0)
            return function()
        finally:
            self.busy -= 1
