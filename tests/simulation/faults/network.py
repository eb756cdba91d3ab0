"""Connections that end, fall silent, or lose what they carry."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.device import SimDevice
    from tests.simulation.faults.fault import Fault
    from tests.simulation.plan import Action
    from tests.simulation.world import SimWorld

APART_S_MAX = 25.0


def drop(world: SimWorld, device: SimDevice, action: Action) -> None:
    """Connections of a device end, with all that is on its way."""
    for wire in world.network.open_wires(device.name):
        world.trace.fault(device.name, "drop")
        wire.cut(server_learns=action.a < 0.7)


def partition(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A device reaches nobody for a while, or not one of its servers."""
    server_url = world.server_of(action).url if action.a < 0.5 else ""
    world.trace.fault(device.name, "partition", server_url)
    now = asyncio.get_running_loop().time()
    world.network.cut_off[device.name, server_url] = now + action.a * APART_S_MAX
    for wire in world.network.open_wires(device.name):
        if not server_url or wire.server_url == server_url:
            wire.fall_silent()


def half_open(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A connection carries nothing more, and nobody is told."""
    for wire in world.network.open_wires(device.name):
        world.trace.fault(device.name, "half-open")
        wire.fall_silent()


def lost_answers(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The next acknowledgement of every connection is lost, and of some later ones."""
    world.trace.fault("network", "answers get lost")
    world.network.answer_loss = action.a * 0.5
    for wire in world.network.open_wires():
        wire.loses_next_answer = True


FAULTS: tuple[Fault, ...] = (drop, partition, half_open, lost_answers)
