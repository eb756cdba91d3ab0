"""Ops from a server on their way into the store: while some are committed, the next gather.

One commit is under way at a time and holds all that had gathered. So a bulk load shares its syncs
of the disk, and the cursor can never be stored ahead of ops whose commit failed.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_daemon.store.space_store import Delivery

if TYPE_CHECKING:
    from collections.abc import Callable, Iterable

    from sila_daemon.mirror.intake import Intake
    from sila_daemon.store.op_table import TreeOp
    from sila_daemon.store.quarantine import NoOp
    from sila_daemon.store.servers import Cursor

GATHERED_OPS_MAX = 10_000
"""With so many waiting, no more are taken, and so none are decoded."""


class Arrivals:
    """What one connection brought and is not stored yet. `run` works until cancelled."""

    def __init__(self, layer: str, intake: Intake, on_stored: Callable[[Cursor], None]) -> None:
        """`on_stored` is called with each cursor up to which everything is durable."""
        self._layer = layer
        self._intake = intake
        self._on_stored = on_stored
        self._ops: list[TreeOp] = []
        self._set_aside: list[NoOp] = []
        self._cursor: Cursor | None = None
        self._is_storing = False
        self._filled = asyncio.Event()
        self._changed = asyncio.Condition()

    async def add(
        self, ops: Iterable[TreeOp], cursor: Cursor | None, set_aside: Iterable[NoOp] = ()
    ) -> None:
        """Takes ops in the order in which they came; waits while too many are here.

        `cursor` is where the server's history is held up to, once these and all before are.
        `set_aside` is what stood among the ops and is none.
        """
        async with self._changed:
            await self._changed.wait_for(lambda: len(self._ops) < GATHERED_OPS_MAX)
        self._ops += ops
        self._set_aside += set_aside
        self._cursor = cursor or self._cursor
        self._filled.set()

    async def drained(self) -> None:
        """Returns once everything that was added is durable."""
        async with self._changed:
            await self._changed.wait_for(lambda: not (self._filled.is_set() or self._is_storing))

    async def run(self) -> None:
        """Stores what gathers. Raises StorageError, after which nothing more is stored."""
        while True:
            await self._filled.wait()
            ops, self._ops = self._ops, []
            set_aside, self._set_aside = self._set_aside, []
            cursor, self._cursor = self._cursor, None
            self._is_storing = True
            self._filled.clear()
            async with self._changed:
                self._changed.notify_all()
            await self._intake.deliver(
                Delivery(ops, self._layer, cursor=cursor, set_aside=set_aside)
            )
            if cursor is not None:
                self._on_stored(cursor)
            self._is_storing = False
            async with self._changed:
                self._changed.notify_all()
