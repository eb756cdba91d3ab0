"""Ops that a server cannot bear, though they are good."""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.poison import EFFECTS

if TYPE_CHECKING:
    from tests.simulation.device import SimDevice
    from tests.simulation.faults.fault import Fault
    from tests.simulation.plan import Action
    from tests.simulation.world import SimWorld


def poison(world: SimWorld, device: SimDevice, action: Action) -> None:
    """Some op of the next batch is one that a server cannot bear."""
    effect = EFFECTS[int(action.a * len(EFFECTS)) % len(EFFECTS)]
    world.poison.give(world.server_of(action), effect, action.a * 17 % 1)


FAULTS: tuple[Fault, ...] = (poison,)
