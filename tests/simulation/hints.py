"""A person who does what status tells them to, once nothing goes wrong any more."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.device import SimDevice


async def follow_hints(devices: Iterable[SimDevice], states: Iterable[dict[str, Any]]) -> None:
    """Has ops offered again that a server refused, or took to its grave a few times.

    `states` are what the devices' mirrors say.
    """
    for device, state in zip(devices, states, strict=False):
        mirror = device.mirror
        if mirror is None:
            continue
        for remote in state["remotes"]:
            if remote["refusedOps"]:
                with suppress(StorageError):
                    await mirror.retry_quarantined(remote["url"])
