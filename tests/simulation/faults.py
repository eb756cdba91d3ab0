"""Everything that goes wrong: one function for each kind of fault that a plan may name."""

from __future__ import annotations

import asyncio
import errno
from collections.abc import Awaitable, Callable
from random import Random
from typing import TYPE_CHECKING

from tests.simulation.process import spawn_outside

if TYPE_CHECKING:
    from tests.simulation.device import SimDevice
    from tests.simulation.disk import MachineDisk
    from tests.simulation.plan import Action
    from tests.simulation.world import SimWorld

Fault = Callable[["SimWorld", "SimDevice", "Action"], Awaitable[None] | None]

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EDQUOT)
DOWN_S_MAX = 12.0
APART_S_MAX = 25.0
YEAR_S = 365 * 86400.0


def kill(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The daemon dies; what it wrote is still in the page cache."""
    device.crash(None)
    _later(world, action.a * DOWN_S_MAX, device.ensure_running)


def power_cut(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The machine dies, with every program on it, and forgets what was not synced."""
    app = world.app if device is world.devices[0] else None
    if app is not None:
        app.crash()
    device.crash(Random(f"{world.plan.seed} {action}"))
    if app is not None:
        app.found_after_power_cut()
        app.start()
    _later(world, action.a * DOWN_S_MAX, device.ensure_running)


async def stop(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The daemon is stopped in good order."""
    world.trace.fault(device.name, "stop")
    await device.stop()
    _later(world, action.a * DOWN_S_MAX, device.ensure_running)


def crash_at_step(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The daemon dies, or its machine, just before some call that changes the disk."""
    sort = power_cut if action.a < 0.6 else kill
    device.disk.faults.crash(int(action.b * 40), lambda: sort(world, device, action))


def server_crash_at_step(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The server dies, or its machine, just before some call that changes the disk."""
    sort = server_power_cut if action.a < 0.6 else server_kill
    world.server.disk.faults.crash(int(action.b * 40), lambda: sort(world, device, action))


def server_kill(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The server dies; what it wrote is still in the page cache."""
    world.server.crash(None)
    _later(world, action.a * DOWN_S_MAX, world.server.ensure_running)


def server_power_cut(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The server's machine dies and forgets what was not synced."""
    world.server.crash(Random(f"{world.plan.seed} {action}"))
    _later(world, action.a * DOWN_S_MAX, world.server.ensure_running)


async def server_stop(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The server is stopped in good order."""
    world.trace.fault("server", "server stop")
    await world.server.stop()
    _later(world, action.a * DOWN_S_MAX, world.server.ensure_running)


def drop(world: SimWorld, device: SimDevice, action: Action) -> None:
    """Connections of a device end, with all that is on its way."""
    for wire in world.network.open_wires(device.name):
        world.trace.fault(device.name, "drop")
        wire.cut(server_learns=action.a < 0.7)


def partition(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A device reaches nobody for a while."""
    world.trace.fault(device.name, "partition")
    now = asyncio.get_running_loop().time()
    world.network.cut_off[device.name] = now + action.a * APART_S_MAX
    for wire in world.network.open_wires(device.name):
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


def disk_error(world: SimWorld, device: SimDevice, action: Action) -> None:
    """Some of the next calls of a device's disk fail."""
    _fail(world, device.disk, action)


def server_disk_error(world: SimWorld, device: SimDevice, action: Action) -> None:
    """Some of the next calls of the server's disk fail."""
    _fail(world, world.server.disk, action)


def clock_step(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A device's wall clock jumps, by up to a year either way."""
    world.trace.fault(device.name, "clock step")
    device.clock.offset_s = (action.a * 2 - 1) * YEAR_S * action.b


def app_restart(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The other program ends, in the midst of whatever it does, and starts again."""
    if world.app is not None:
        world.trace.fault("app", "app restart")
        world.app.crash()
        world.app.start()


FAULTS: dict[str, Fault] = {
    fault.__name__: fault
    for fault in (
        kill,
        power_cut,
        stop,
        crash_at_step,
        server_crash_at_step,
        server_kill,
        server_power_cut,
        server_stop,
        drop,
        partition,
        half_open,
        lost_answers,
        disk_error,
        server_disk_error,
        clock_step,
        app_restart,
    )
}


def _fail(world: SimWorld, disk: MachineDisk, action: Action) -> None:
    error = ERRORS[int(action.a * len(ERRORS))]
    after, count = int(action.b * 30), 1 + int(action.a * 1000) % 4
    only = ".jsonl" if int(action.b * 10_000) % 2 else ""
    if only:
        after //= 5
    where = f"x{count} after {after} {only}"
    world.trace.fault(disk.name, f"disk {errno.errorcode[error]}", where)
    disk.faults.fail(error, after, count, only)


def _later(world: SimWorld, delay_s: float, restart: Callable[[], Awaitable[None]]) -> None:
    async def wait() -> None:
        await asyncio.sleep(delay_s)
        await restart()

    world.restarts.append(spawn_outside(wait()))
