"""What a fault is, and what faults have in common."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING

from tests.simulation.process import spawn_outside

if TYPE_CHECKING:
    from tests.simulation.device import SimDevice
    from tests.simulation.plan import Action
    from tests.simulation.world import SimWorld

Fault = Callable[["SimWorld", "SimDevice", "Action"], Awaitable[None] | None]
"""Takes the device that the action names; faults of servers take `world.server_of(action)`."""

DOWN_S_MAX = 12.0


def later(world: SimWorld, delay_s: float, restart: Callable[[], Awaitable[None]]) -> None:
    """Has something started again after a while, or at the latest when all faults end."""

    async def wait() -> None:
        await asyncio.sleep(delay_s)
        await restart()

    world.restarts.append(spawn_outside(wait()))
