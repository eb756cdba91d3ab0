"""The daemon's speed and memory, end to end: real daemons, a real server, all on the same cores."""

from __future__ import annotations

import sys
from typing import TYPE_CHECKING

from sila_daemon.ports import event_loop
from tests.benchmarks.daemon_bulk import bulk_figures
from tests.benchmarks.daemon_commands import command_figures
from tests.benchmarks.daemon_idle import idle_figures
from tests.benchmarks.daemon_latency import latency_figures
from tests.benchmarks.report import Figure, table

if TYPE_CHECKING:
    from collections.abc import Awaitable, Callable


def daemon_figures(_: int) -> list[Figure]:
    """Returns all figures of the daemon; takes a quarter of an hour."""
    return event_loop.run(_measured())


async def _measured() -> list[Figure]:
    figures: list[Figure] = []
    parts: tuple[Callable[[], Awaitable[list[Figure]]], ...] = (
        latency_figures, command_figures, idle_figures, bulk_figures
    )  # fmt: skip
    for part in parts:
        figures += await part()
        print(table(figures), file=sys.stderr)
    return figures
