"""Disks that refuse."""

from __future__ import annotations

import errno
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from tests.simulation.device import SimDevice
    from tests.simulation.disk import MachineDisk
    from tests.simulation.faults.fault import Fault
    from tests.simulation.plan import Action
    from tests.simulation.world import SimWorld

ERRORS = (errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE, errno.EDQUOT)


def disk_error(world: SimWorld, device: SimDevice, action: Action) -> None:
    """Some of the next calls of a device's disk fail."""
    _fail(world, device.disk, action)


def server_disk_error(world: SimWorld, device: SimDevice, action: Action) -> None:
    """Some of the next calls of a server's disk fail."""
    _fail(world, world.server_of(action).disk, action)


FAULTS: tuple[Fault, ...] = (disk_error, server_disk_error)


def _fail(world: SimWorld, disk: MachineDisk, action: Action) -> None:
    error = ERRORS[int(action.a * len(ERRORS))]
    after, count = int(action.b * 30), 1 + int(action.a * 1000) % 4
    only = ".jsonl" if int(action.b * 10_000) % 2 else ""
    if only:
        after //= 5
    forgets = error == errno.EIO and int(action.b * 100_000) % 2 == 1
    where = f"x{count} after {after} {only}{' forgotten' if forgets else ''}"
    world.trace.fault(disk.name, f"disk {errno.errorcode[error]}", where)
    disk.faults.fail(error, after, count, only, forgets=forgets)
