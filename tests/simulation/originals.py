"""Worlds with an original server: what goes wrong there, and what may be said of it.

It never says what it has, so a mirror is never `current` beside it; but what a mirror says was
seen there must stand in its files, and nothing may be sent that ends it, or for ever.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from tests.simulation.faults.fault import DOWN_S_MAX, later
from tests.simulation.holders import stored_lines_of
from tests.simulation.record import ViolationError, fact_of

if TYPE_CHECKING:
    from random import Random

    from tests.simulation.device import SimDevice
    from tests.simulation.plan import Action
    from tests.simulation.world import SimWorld

ORIGINALS = 0.15
"""In how many worlds there is one."""

ORIGINAL_FAULTS = ("original_kill", "original_kill", "original_hide", "original_put_back")

SENDS_MAX = 3
HIDES_S_MAX = 30.0

ALL_SEEN = "everything was seen there"
GIVEN_UP = "sent 3 times and not seen there"

NOTICED_S = 45.0
"""So long a mirror may not know that the server went back in time: its connection is silent."""


def draw_originals(random: Random, devices: int) -> tuple[int, ...]:
    """Returns the devices that mirror to an original server beside what else they have."""
    if random.random() >= ORIGINALS:
        return ()
    return tuple(sorted(random.sample(range(devices), min(devices, random.choice((1, 1, 2))))))


def go_wrong(world: SimWorld, action: Action) -> None:
    """Ends the original server, puts its files back, or has it forget what comes."""
    original = world.original
    if original is None:
        return
    if action.kind == "original_hide":
        original.hide(action.a * HIDES_S_MAX)
        return
    if action.kind == "original_kill":
        original.crash()
    elif not original.put_back():
        return
    later(world, action.a * DOWN_S_MAX, original.ensure_running)


def without_original(device: SimDevice, status: dict[str, Any]) -> tuple[str, bool]:
    """Returns the state that a mirror had without its original server, and whether that has all.

    Raises ViolationError when the mirror says `current`.
    """
    there = next((one for one in status["remotes"] if one["url"] == device.original_url), None)
    if there is None:
        return status["state"], False  # It is being opened.
    if "current" in (status["state"], there["state"]):
        raise ViolationError(f"{device.name} says current of an original server")
    is_seen = ALL_SEEN in there["reason"]
    # That some were given up is told first, whatever is still on its way.
    given_up = there["reason"].split()[0] if GIVEN_UP in there["reason"] else ""
    is_settled = is_seen or given_up == str(there["pendingOps"])
    # Among layers in the same state the original is named last.
    is_its = status["state"] == "syncing" and status["reason"].startswith(device.original_url)
    return "current" if is_its and is_settled else status["state"], is_settled


def check_seen(world: SimWorld) -> None:
    """What mirrors say was seen there stands in its files."""
    original = world.original
    if original is None or world.record.forged:
        return
    if original.bugs:
        raise ViolationError(f"the original server was sent {original.bugs[0]}")
    if asyncio.get_running_loop().time() < original.put_back_at + NOTICED_S:
        return
    written = None
    for device in world.devices:
        mirror = device.mirror
        if mirror is None or not device.original_url:
            continue
        status = mirror.status()
        without_original(device, status)
        if any(ALL_SEEN in one["reason"] for one in status["remotes"]):
            written = original.written() if written is None else written
            missing = sorted(stored_lines_of(device) - written, key=str)
            if missing:
                raise ViolationError(f"{device.name} says all was seen there, but {missing[0]}")


def _has_given_up(world: SimWorld) -> bool:
    statuses = [device.mirror.status() for device in world.devices if device.mirror]
    return any(GIVEN_UP in one["reason"] for status in statuses for one in status["remotes"])


def check_at_end(world: SimWorld) -> None:
    """Everything that was acknowledged is there, and nothing was sent too often."""
    original = world.original
    if original is None:
        return
    original.put_back_at = -NOTICED_S
    check_seen(world)
    if world.record.forged:
        return
    there = {fact_of(line) for line in original.written()}
    missing = sorted(world.record.all_facts - there, key=str)
    # It was sent, hidden, and lost when the files were put back: a person is told, and sends it.
    may_be_given_up = "original put back" in world.trace.counts and _has_given_up(world)
    if missing and not may_be_given_up:
        raise ViolationError(f"the original server lacks {len(missing)}, such as {missing[0]}")
    if {"restored", "restored openly", "store deleted", "original put back"} & set(
        world.trace.counts
    ):
        return  # Whoever forgot what was sent sends it again.
    # What was seen there counts anew when it is hidden later, as while the server writes: two
    # mirrors that send and look in turn may bring that about for each other a few times.
    mirrors = len(world.plan.originals)
    bound = SENDS_MAX * mirrors * min(mirrors, 2) + original.ends
    for line, times in original.times_written.items():
        if times > bound:
            raise ViolationError(f"the original server was sent {times} times: {line}")
