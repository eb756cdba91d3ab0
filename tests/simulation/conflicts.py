"""Mutable files that were changed in two places apart: a person chooses, and both were kept.

In a calm world nobody does that: one program writes each such file. But a store that was put back
does not know what it had in common with a server, and a server that was put back does not know
what it gave out. And with several servers two contents may cross, each newest on one of them.
"""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import SilaError
from tests.simulation.files import place_of, read_files, sha256
from tests.simulation.record import ViolationError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.device import SimDevice
    from tests.simulation.record import Record


async def see_to_conflicts(
    devices: Iterable[SimDevice], states: Iterable[dict[str, Any]], record: Record
) -> None:
    """Has a person choose wherever a device asks for it. Raises ViolationError.

    What is told must be true: the content that lost is there, whole, beside the newer one.
    """
    for device, state in zip(devices, states, strict=False):
        if device.mirror is not None and state["conflictedFiles"]:
            with suppress(SilaError):  # The person comes back to it.
                await _choose(device, record)


async def _choose(device: SimDevice, record: Record) -> None:
    assert device.mirror is not None
    for waiting in await device.mirror.file_choices.waiting():
        if not record.has_gone_back and len(device.server_urls) < 2:
            raise ViolationError(f"{device.name} tells of a conflict that nobody made: {waiting}")
        kept = read_files(place_of(device)).static.get(waiting.sha256)
        if kept is None and device.name in record.folders_put_back:
            return  # It comes again from a server, or a person finds that nobody has it.
        if kept is None or sha256(kept) != waiting.sha256:
            raise ViolationError(f"{device.name} has not kept what it says: {waiting}")
        is_own = waiting.sha256 < "8"
        await device.mirror.file_choices.choose(waiting.uuid, waiting.sha256, own=is_own)
        # Which one is everywhere in the end is for that person to say.
        record.mutable_files.pop(waiting.uuid, None)
