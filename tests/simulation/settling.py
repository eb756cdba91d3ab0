"""How a world comes to rest: until everything is current and equal, or too much time has passed."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sila_daemon.core.wording import counted
from tests.simulation.checkers import NOTICED_S, have_the_same
from tests.simulation.conflicts import see_to_conflicts
from tests.simulation.damage import take_damaged_away
from tests.simulation.device import FOLDER, SPACE
from tests.simulation.files import missing_files, place_of
from tests.simulation.hints import follow_hints
from tests.simulation.loop import SimLoop
from tests.simulation.originals import without_original
from tests.simulation.reader import read_folder, read_secrets
from tests.simulation.record import ViolationError
from tests.simulation.secrets import secrets_problem

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.device import SimDevice
    from tests.simulation.plan import Plan
    from tests.simulation.world import SimWorld

SETTLING_S = 30.0
"""Virtual seconds from the end of all faults until everything must be current and equal."""
ORIGINAL_SETTLING_S = 60.0
"""What an original server does not show is sent twice more, each time after a while."""
TIGHT_SETTLING_S = 120.0
"""The same, where tight limits have many small messages in a row take the place of a few."""
TIGHT_ORIGINAL_SETTLING_S = 300.0
"""Both: what it never shows is sent three times in small batches, each of which waits."""
NEEDS_ROOM = "once the damaged file is moved away"
"""Says a mirror for which a person has to do so."""
LOOK_S = 0.25
LOOKS_CALM = 3
"""So often in a row all must be found at rest."""


def settling_s(plan: Plan) -> float:
    """Returns how long a world may take to come to rest."""
    if plan.is_tight:
        return TIGHT_ORIGINAL_SETTLING_S if plan.originals else TIGHT_SETTLING_S
    return ORIGINAL_SETTLING_S if plan.originals else SETTLING_S


async def settle(world: SimWorld, limit_s: float) -> None:
    """Returns once the world is at rest. Raises ViolationError when it takes too long."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimLoop)
    until = loop.time() + limit_s
    # Counts may be equal by chance while a folder's loss is not noticed yet.
    calm_from = max(world.record.shaken_at.values(), default=-NOTICED_S) + NOTICED_S
    calm = 0
    while calm < LOOKS_CALM:
        await asyncio.sleep(LOOK_S)
        states, steps = _states(world.devices), loop.steps
        await follow_hints(world.devices, states)
        await world.deciders.decide()
        await see_to_conflicts(world.devices, states, world.record)
        if loop.steps > steps:  # Else nothing has happened since.
            states = _states(world.devices)
        for device, state in zip(world.devices, states, strict=False):
            if NEEDS_ROOM in state["reason"]:
                take_damaged_away(device.disk, device.home)
        is_calm = loop.time() >= calm_from and await _is_equal(world, states)
        lacking = _lacking_files(world) if is_calm else []
        calm = calm + 1 if is_calm and not lacking else 0
        if loop.time() > until:
            told = [(state["state"], state["reason"], state["ops"]) for state in states]
            told_files = f", {lacking[0]}" if lacking else ""
            raise ViolationError(f"not current and equal after {limit_s} s: {told}{told_files}")


def _states(devices: Iterable[SimDevice]) -> list[dict[str, Any]]:
    return [device.mirror.status() for device in devices if device.mirror]


async def _is_equal(world: SimWorld, states: list[dict[str, Any]]) -> bool:
    """Tells whether everybody is at rest with the same; what costs little is asked first."""
    return (
        len({state["ops"] for state in states}) == 1
        and all(guest.is_at_rest for guest in world.guests.values())
        and all(user.is_at_rest for user in world.command_users)
        and all(map(_is_at_rest, world.devices, states))
        and states[0]["ops"] == len(read_folder(world.devices[0].disk.view(), FOLDER).ops)
        and (world.carrier is None or world.carrier.is_at_rest)
        and await have_the_same(world.devices)
        and not await secrets_problem(world.devices, world.record)
    )


def _is_at_rest(device: SimDevice, status: dict[str, Any]) -> bool:
    """Tells whether a mirror says that all is well, or truly what a person has to see to."""
    state = status["state"]
    if device.original_url:
        state, is_settled = without_original(device, status)
        if not is_settled:
            return False
    if state not in ("current", "needs_you"):
        return False
    bad = 0
    if device.has_folder:
        view = device.disk.view()
        bad = len(read_folder(view, FOLDER).bad) + (read_secrets(view, FOLDER, SPACE) is None)
    if not bad:
        return bool(state == "current")
    # That is told first, whatever is not well with servers.
    servers = [one for one in status["remotes"] if one["url"] != device.original_url]
    if any(one["state"] != "current" for one in servers):
        return False
    reason = f"{counted(bad, 'thing')} in the folder cannot be read"
    return (state, status["reason"]) == ("needs_you", reason)


def _lacking_files(world: SimWorld) -> list[str]:
    first = world.devices[0].disk.view()
    places = [place_of(machine) for machine in world.machines]
    policies = {device.name: device.fetch for device in world.devices}
    return missing_files(places, world.record, read_folder(first, FOLDER).ops, policies)
