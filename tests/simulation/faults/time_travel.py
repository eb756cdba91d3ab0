"""Parts of the world that go back in time: backups put back, snapshots, copies to elsewhere."""

from __future__ import annotations

import asyncio
from random import Random
from typing import TYPE_CHECKING

from tests.simulation import holders
from tests.simulation.damage import damage_database
from tests.simulation.device import FOLDER
from tests.simulation.faults.fault import DOWN_S_MAX, later
from tests.simulation.files import files_somewhere
from tests.simulation.images import image, put_back, renumber
from tests.simulation.record import fact_of
from tests.simulation.server import DATA

if TYPE_CHECKING:
    from tests.simulation.device import SimDevice
    from tests.simulation.faults.fault import Fault
    from tests.simulation.plan import Action
    from tests.simulation.reader import Line
    from tests.simulation.world import SimWorld


def server_restored(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A server is put back to an older state, and does not know of it."""
    _restore_server(world, action, is_honest=False)


def server_restored_openly(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A server is restored from a backup as it should be: under another epoch."""
    _restore_server(world, action, is_honest=True)


def folder_restored(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A space folder is put back to an older state: files are shorter or gone."""
    _restore(world, device, action, [], has_folder=True)


def store_restored(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A device's store is put back to an older state, its folder is not."""
    _restore(world, device, action, [device], has_folder=False)


def machine_rolled_back(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A whole machine goes back to a snapshot; others know newer ops of it."""
    _restore(world, device, action, _machine(world, device), has_folder=True)


def store_deleted(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A device's store is gone."""
    device.vanish()
    world.trace.fault(device.name, "store deleted")
    put_back(device.disk, device.home, None, _random(world, action))
    world.record.removed.clear()
    _went_back(world, [device])
    later(world, action.a * DOWN_S_MAX, device.ensure_running)


def store_damaged(world: SimWorld, device: SimDevice, action: Action) -> None:
    """Some of the pages of a device's store are other ones, or it is cut short."""
    device.vanish()
    random = _random(world, action)
    how = damage_database(device.disk, device.home / holders.STORE_NAME, random)
    world.trace.fault(device.name, f"store damaged: {how}" if how else "store without damage")
    world.record.removed.clear()
    _went_back(world, [device])
    later(world, action.a * DOWN_S_MAX, device.ensure_running)


def cloned(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A device's folder and store are copied onto another device, and both go on from there."""
    others = [other for other in world.devices if other.disk is not device.disk]
    if world.carrier is not None:
        # What stands for a carrier's files is worth nothing where it does not bring them.
        shared = device.shares_folder
        others = [other for other in others if other.shares_folder == shared]
    if not others:
        return
    target = others[int(action.b * len(others))]
    random = _random(world, action)
    folder = image(device.disk, FOLDER, random) if target.has_folder else None
    store = image(device.disk, device.home, random)
    ended = [target] if folder is None else _end_programs(world, target)
    target.vanish()
    world.trace.fault(target.name, "clone", f"of {device.name}")
    for place, copy in ((FOLDER, folder), (target.home, store)):
        if copy is not None:
            renumber(copy, target.disk)
            put_back(target.disk, place, copy, random)
    world.record.removed.clear()  # Who knew of a removal may have been this very store.
    _went_back(world, ended, has_folder=folder is not None)
    for other in ended:
        if folder is not None and world.carrier is not None:
            world.carrier.found_copied(device, other)
        later(world, action.a * DOWN_S_MAX, other.ensure_running)


def folder_away(world: SimWorld, device: SimDevice, action: Action) -> None:
    """A folder is not there for a while, as on a disk that is not mounted; then it is back."""
    has_app = world.app is not None and device.disk is world.devices[0].disk
    if world.carrier is not None or has_app:
        return  # Another program would make it anew.

    async def come_back() -> None:
        device.bring_folder_back()

    if device.take_folder_away():
        world.trace.fault(device.name, "folder away")
        later(world, action.a * DOWN_S_MAX, come_back)


FAULTS: tuple[Fault, ...] = (
    server_restored,
    server_restored_openly,
    folder_restored,
    store_restored,
    machine_rolled_back,
    store_deleted,
    store_damaged,
    cloned,
    folder_away,
)


def _restore_server(world: SimWorld, action: Action, *, is_honest: bool) -> None:
    server = world.server_of(action)
    random = _random(world, action)
    copy = image(server.disk, DATA, random)

    async def restore() -> None:
        server.vanish()
        world.trace.fault(server.name, "restored openly" if is_honest else "restored")
        before = files_somewhere([server])
        put_back(server.disk, DATA, copy, random)
        if not is_honest:  # Ops tell of it; where none was lost, nobody asks for files again.
            lost = before - files_somewhere([server])
            world.record.unnoticed_files[server.name] |= lost
        if is_honest:
            view = server.disk.view(may_fail=False)  # Faults are for the server, not for this.
            with holders.database(view, holders.SERVER_STORE) as connection:
                epoch = random.randbytes(16).hex()
                connection.execute("UPDATE meta SET value = ? WHERE key = 'epoch'", (epoch,))
        world.rights.forget(server)
        _went_back(world, [])
        for guest in world.guests.values():
            guest.server_restored(server)
        later(world, action.b * DOWN_S_MAX, server.ensure_running)

    later(world, _delay_s(world, action), restore)


def _restore(
    world: SimWorld,
    device: SimDevice,
    action: Action,
    stores: list[SimDevice],
    *,
    has_folder: bool,
) -> None:
    """Copies some stores of a machine, or its folder, or all of it; puts that back later."""
    random = _random(world, action)
    places = [(other.name, other.home) for other in stores]
    places += [("folder", FOLDER)] if has_folder else []
    copies = [
        (what, path, copy) for what, path in places if (copy := image(device.disk, path, random))
    ]
    keeps_running = not stores and random.random() < 0.5

    async def restore() -> None:
        is_with_folder = any(path == FOLDER for _, path, _ in copies)
        ended = stores
        if is_with_folder:
            ended = _end_programs(world, device, but_daemons=keeps_running)
        for other in stores:
            other.vanish()
        for what, path, copy in copies:
            world.trace.fault(device.name, "restored", what)
            put_back(device.disk, path, copy, random)
        if stores:
            world.record.removed.clear()
        _went_back(world, ended, has_folder=is_with_folder)
        for other in ended:
            later(world, action.b * DOWN_S_MAX, other.ensure_running)

    if copies:
        later(world, _delay_s(world, action), restore)


def _machine(world: SimWorld, device: SimDevice) -> list[SimDevice]:
    """Returns the daemons on a machine."""
    return [other for other in world.devices if other.disk is device.disk]


def _end_programs(
    world: SimWorld, device: SimDevice, *, but_daemons: bool = False
) -> list[SimDevice]:
    """Ends what works in a machine's folder, which gets another; returns the daemons there."""
    machine = _machine(world, device)
    for other in machine:
        other.is_folder_away = False
        if not but_daemons:
            other.vanish()
    if world.app is not None and device.disk is world.devices[0].disk:
        world.app.crash()
    return machine


def _went_back(world: SimWorld, devices: list[SimDevice], *, has_folder: bool = False) -> None:
    """Takes note of what nobody holds any more, and of what some devices hold no more."""
    at_devices = {other.name: holders.held_by_device(other) for other in world.devices}
    held: set[Line] = set().union(*(one.lines for one in at_devices.values()))
    held.update(*map(holders.lines_of_server, world.servers))
    record = world.record
    record.has_gone_back = True
    record.lost |= record.all_facts - {fact_of(line) for line in held}
    record.files &= files_somewhere([*world.servers, *world.devices])
    record.mutable_files.clear()
    kept = set[tuple[str, str]]().union(*(one.secrets.items() for one in at_devices.values()))
    names = {name for name, _ in kept}
    # Where only an older value is left, a removal that came after it may still be on its way.
    record.secrets = {
        name: value
        for name, value in record.secrets.items()
        if (name, value) in kept or (name in names and name not in record.ever_removed)
    }
    for device in devices:
        record.withdraw(device.name, {fact_of(line) for line in at_devices[device.name].lines})
        record.shaken_at[device.name] = asyncio.get_running_loop().time()
        if has_folder:
            record.folders_put_back.add(device.name)
        if has_folder and world.carrier is not None:
            world.carrier.found_after_power_cut(device)
    if has_folder and world.app is not None and world.devices[0] in devices:
        world.app.found_restored()
        world.app.start()
    for guest in world.guests.values():
        guest.went_back(held)


def _delay_s(world: SimWorld, action: Action) -> float:
    """Returns how long a copy lies before it is put back: until some time before the end."""
    return action.a * (world.plan.actions[-1].at - action.at)


def _random(world: SimWorld, action: Action) -> Random:
    return Random(f"{world.plan.seed} {action}")
