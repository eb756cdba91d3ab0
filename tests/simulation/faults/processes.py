"""Programs and machines that end: stopped, killed, without power, at any step."""

from __future__ import annotations

from random import Random
from typing import TYPE_CHECKING

from tests.simulation.device import FOLDER, SPACE
from tests.simulation.faults.fault import DOWN_S_MAX, later
from tests.simulation.files import SERVER_SPACE, place_of, read_files
from tests.simulation.reader import read_secrets

if TYPE_CHECKING:
    from pathlib import Path

    from tests.simulation.device import SimDevice
    from tests.simulation.disk import MachineDisk
    from tests.simulation.faults.fault import Fault
    from tests.simulation.plan import Action
    from tests.simulation.record import Record
    from tests.simulation.world import SimWorld

YEAR_S = 365 * 86400.0


def kill(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The daemon dies; what it wrote is still in the page cache."""
    device.kill()
    later(world, action.a * DOWN_S_MAX, device.ensure_running)


def power_cut(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The machine dies, with every program on it, and forgets what was not synced."""
    app = world.app if device.disk is world.devices[0].disk else None
    if app is not None:
        app.crash()
    machine = [other for other in world.devices if other.disk is device.disk]
    for other in machine:
        other.end_at_once("power cut")
    device.disk.power_cut(Random(f"{world.plan.seed} {action}"))
    if world.carrier is not None:
        for other in machine:
            world.carrier.found_after_power_cut(other)
    if app is not None:
        app.found_after_power_cut(_contents_to_keep(world))
        _check_told_secret(world, device)
        app.start()
    for other in machine:
        later(world, action.a * DOWN_S_MAX, other.ensure_running)


def _contents_to_keep(world: SimWorld) -> set[bytes]:
    """Returns the contents of mutable files that no power cut of the program's machine takes back.

    What it synced was on its disk; of the others, what a server has was on it before it was sent.
    A carrier may have brought one to the other machine first, and bring the former one back.
    """
    if world.plan.around.app.syncs:
        return set(world.record.mutable_files.values())
    if world.carrier is not None:
        return set()
    return {data for server in world.servers for data in read_files(place_of(server)).var.values()}


def _check_told_secret(world: SimWorld, device: SimDevice) -> None:
    """Checks that the folder has no former value of what a server was told: that was durable."""
    record = world.record
    if world.carrier is not None or record.has_gone_back:
        return
    told = max(_age_of_secret(record, server.disk, SERVER_SPACE) for server in world.servers)
    record.app_secret_at_least = max(record.app_secret_at_least, told)
    if 0 <= _age_of_secret(record, device.disk, FOLDER) < record.app_secret_at_least:
        device.guard.violations.append("a power cut brought a former value of a secret back")


def _age_of_secret(record: Record, disk: MachineDisk, root: Path) -> int:
    """Returns how many values the program's secret had before the one there; -1 for none."""
    value = (read_secrets(disk.view(), root, SPACE) or {}).get("key-app")
    return record.app_secrets.index(value) if value in record.app_secrets else -1


async def stop(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The daemon is stopped in good order."""
    world.trace.fault(device.name, "stop")
    await device.stop()
    later(world, action.a * DOWN_S_MAX, device.ensure_running)


def crash_at_step(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The daemon dies, or its machine, just before some call that changes the disk."""
    sort = power_cut if action.a < 0.6 else kill
    device.disk.faults.crash(int(action.b * 40), lambda: sort(world, device, action))


def crash_at_append(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The daemon dies, or its machine, while it appends to an op file."""
    sort = power_cut if action.a < 0.3 else kill
    device.disk.faults.crash(int(action.b * 6), lambda: sort(world, device, action), ".jsonl")


def crash_at_file(world: SimWorld, device: SimDevice, action: Action) -> None:
    """The daemon dies, or its machine, while it writes something that gets its name at the end."""
    sort = power_cut if action.a < 0.7 else kill
    device.disk.faults.crash(int(action.b * 4), lambda: sort(world, device, action), ".tmp")


def server_crash_at_file(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A server dies, or its machine, while it writes a file."""
    sort = server_power_cut if action.a < 0.7 else server_kill
    disk = world.server_of(action).disk
    disk.faults.crash(int(action.b * 4), lambda: sort(world, device, action), ".tmp")


def server_crash_at_step(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A server dies, or its machine, just before some call that changes the disk."""
    sort = server_power_cut if action.a < 0.6 else server_kill
    disk = world.server_of(action).disk
    disk.faults.crash(int(action.b * 40), lambda: sort(world, device, action))


def server_kill(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A server dies; what it wrote is still in the page cache."""
    server = world.server_of(action)
    server.crash(None)
    later(world, action.a * DOWN_S_MAX, server.ensure_running)


def server_power_cut(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A server's machine dies and forgets what was not synced."""
    server = world.server_of(action)
    server.crash(Random(f"{world.plan.seed} {action}"))
    later(world, action.a * DOWN_S_MAX, server.ensure_running)


async def server_stop(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A server is stopped in good order."""
    server = world.server_of(action)
    world.trace.fault(server.name, "server stop")
    await server.stop()
    later(world, action.a * DOWN_S_MAX, server.ensure_running)


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


FAULTS: tuple[Fault, ...] = (
    kill,
    power_cut,
    stop,
    crash_at_step,
    crash_at_append,
    crash_at_file,
    server_crash_at_file,
    server_crash_at_step,
    server_kill,
    server_power_cut,
    server_stop,
    clock_step,
    app_restart,
)
