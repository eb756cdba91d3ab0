"""A person who does what status tells them to, once nothing goes wrong any more."""

from __future__ import annotations

from contextlib import suppress
from typing import TYPE_CHECKING

from sila_daemon.core.errors import StorageError

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.device import SimDevice


async def follow_hints(devices: Iterable[SimDevice]) -> None:
    """Has ops offered again that a server refused, or took to its grave a few times."""
    for device in devices:
        mirror = device.mirror
        if mirror is None:
            continue
        for remote in mirror.status()["remotes"]:
            if remote["refusedOps"]:
                with suppress(StorageError):
                    await mirror.retry_quarantined(remote["url"])
