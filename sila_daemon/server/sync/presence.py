"""Which devices are connected to a space, told to those that are.

Changes are gathered for a moment: when a network comes back, many devices do at once, and each is
told of all of them in one event instead of in one for each.
"""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING

from sila_daemon.server.spaces.frames import ConnectedDevice, Frame, event

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping

    from sila_daemon.ports.clock import Clock
    from sila_daemon.server.spaces.hub import Hub, Listener

GATHERED_S = 1.0
DEVICES_MAX = 200
"""In one event; of more, those that came first are told."""
_ID_LENGTH_MAX, _NAME_LENGTH_MAX, _PLATFORM_LENGTH_MAX = 128, 100, 32


def introduced(auth: Mapping[str, object], user_id: str) -> ConnectedDevice | None:
    """Returns the device that a CONNECT names; None for one that wants no part in presence."""
    device = auth.get("device")
    if auth.get("presence") is False or not isinstance(device, dict):
        return None
    found = [
        text[:limit] if isinstance(text, str) and text.isprintable() else ""
        for text, limit in (
            (device.get("id"), _ID_LENGTH_MAX),
            (device.get("name"), _NAME_LENGTH_MAX),
            (device.get("platform"), _PLATFORM_LENGTH_MAX),
        )
    ]
    return ConnectedDevice(user_id, *found) if found[0] else None


class Presence:
    """Tells the connections of a space about each other, when that has changed."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._due: dict[Hub, None] = {}
        self._filled = asyncio.Event()

    def changed(self, hub: Hub) -> None:
        """Takes note that a connection came or went."""
        self._due[hub] = None
        self._filled.set()

    async def run(self) -> None:
        """Tells what has changed until cancelled."""
        while True:
            await self._filled.wait()
            await self._clock.sleep(GATHERED_S)
            self._filled.clear()
            due, self._due = self._due, {}
            for hub in due:
                _tell(hub)


def _tell(hub: Hub) -> None:
    listeners = [listener for listener in hub.listeners if listener.device is not None]
    frame = _frame(listeners)
    for listener in listeners:
        listener.notify(frame)


def _frame(listeners: Iterable[Listener]) -> Frame:
    connected = dict.fromkeys(one.device for one in listeners if one.device is not None)
    devices = [
        {"id": one.id, "name": one.name, "platform": one.platform, "userId": one.user_id}
        for one in list(connected)[:DEVICES_MAX]
    ]
    return event("devices", {"devices": devices})
