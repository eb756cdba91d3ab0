"""Time, as something that is passed in."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """Wall time for stamps that people read, monotonic time for waiting."""

    def time(self) -> float:
        """Returns Unix seconds; may jump either way."""
        ...

    def monotonic(self) -> float:
        """Returns seconds since some fixed moment; never goes back."""
        ...

    async def sleep(self, seconds: float) -> None:
        """Returns after `seconds` of monotonic time."""
        ...


class SystemClock:
    """The machine's clock."""

    def time(self) -> float:
        """Returns Unix seconds."""
        return time.time()

    def monotonic(self) -> float:
        """Returns seconds since the machine started, or so."""
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        """Suspends the calling task."""
        await asyncio.sleep(seconds)


def iso_timestamp(unix_s: float) -> str:
    """Formats Unix seconds as JavaScript's `toISOString`: UTC with milliseconds and `Z`."""
    moment = datetime.fromtimestamp(unix_s, UTC)
    return f"{moment:%Y-%m-%dT%H:%M:%S}.{moment.microsecond // 1000:03d}Z"
