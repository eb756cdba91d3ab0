"""A client that asks and does not read: it must cost little, and be let go in time."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from sila_daemon.core.errors import SilaError
from tests.simulation.bounds import require_bounded
from tests.simulation.device import SPACE
from tests.simulation.raw_client import RawClient
from tests.simulation.record import ViolationError

if TYPE_CHECKING:
    from tests.simulation.plan import Action
    from tests.simulation.reader import Line
    from tests.simulation.server import SimServer
    from tests.simulation.wire import Wire
    from tests.simulation.world import SimWorld

QUESTIONS = 40
FRAMES_IN_FLIGHT = 4
"""What the buffers between a server and a reader that does not read hold."""

DRAIN_S = 30.0
LEAVE_S = 1.5
"""How long the last words to it may take."""


class SlowReader:
    """Joins, asks for everything again and again, and never takes an answer."""

    def __init__(self, world: SimWorld) -> None:
        self._world = world
        self._server = world.servers[(world.plan.seed // 3) % len(world.servers)]
        self._client = RawClient("slow", world.network, self._server)
        self._is_member = False
        self._one_by_one = asyncio.Lock()
        self._stuck: list[Wire] = []

    @property
    def is_at_rest(self) -> bool:
        """It never waits."""
        return True

    async def act(self, action: Action) -> None:
        """Connects, if it was let go, and asks."""
        async with self._one_by_one:
            await self._ask(action)

    async def _ask(self, action: Action) -> None:
        random = Random(f"{self._world.plan.seed} {action}")
        try:
            if not self._is_member:
                await self._client.join_space("editor")
                self._is_member = True
            if self._client.wire is None:
                await self._client.connect(random.choice((1, 2)))
        except SilaError as error:
            self._world.trace.note("slow", f"cannot connect: {error.code}")
            return
        wire = self._client.wire
        if wire is None:
            return
        if wire not in self._stuck:
            self._world.trace.fault("slow", "slow reader")
            wire.stop_reading(FRAMES_IN_FLIGHT)
            self._stuck.append(wire)
        for _ in range(QUESTIONS):
            await self._client.send("ops:state", {"trees": {SPACE: None}})
        require_bounded(wire)

    def went_back(self, held: set[Line]) -> None:
        """Made nothing that could be lost."""

    def server_restored(self, server: SimServer) -> None:
        """Its account may not be known there now."""
        self._is_member &= server is not self._server

    async def heal(self) -> None:
        """Goes on: nobody else must suffer from it."""

    def check(self, held: dict[str, set[Line]]) -> None:
        """Requires that the server let go of it when it had taken nothing for 30 seconds."""
        now = asyncio.get_running_loop().time()
        for wire in self._stuck:
            require_bounded(wire)
            since, ended = wire.blocked_since, wire.ended_at
            if since is None:
                continue
            late = (now if ended is None else ended) - since - DRAIN_S
            if late > LEAVE_S:
                raise ViolationError(f"a slow reader is let go {late:.1f} s late")
            if wire.farewell and wire.farewell != "slow_consumer":
                raise ViolationError(f"a slow reader is let go as {wire.farewell}")
