"""Secrets: none is missing, none that was removed came back, stores and folders say the same.

A secrets file that nobody can read is no way for secrets until a person sees to it. What then has
no other way, by a server, stays where it is: there it must be, and with all who are reached.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from tests.simulation.device import FOLDER, SPACE
from tests.simulation.reader import read_secrets

if TYPE_CHECKING:
    from tests.simulation.device import SimDevice
    from tests.simulation.record import Record


async def secrets_problem(devices: list[SimDevice], record: Record) -> str:
    """Tells what is wrong with the secrets of somebody; nothing where all is well."""
    held: dict[str, dict[str, str]] = {}
    unreadable: set[str] = set()
    for device in devices:
        assert device.mirror is not None
        mine = held[device.name] = await device.mirror.secrets()
        written = read_secrets(device.disk.view(), FOLDER, SPACE) if device.has_folder else {}
        if written is None:
            unreadable.add(device.name)
        # What another program wrote may not have been noticed yet: events get lost.
        elif device.has_folder and written != mine:
            return f"{device.name} holds {mine}, and its folder {written}"
        former = [] if record.has_gone_back else record.app_secrets[: record.app_secret_at_least]
        if mine.get("key-app") in former:
            return f"{device.name} has a former value of a secret: {mine['key-app']}"
        if back := record.removed.items() & mine.items():
            return f"{device.name} has secrets that were removed: {sorted(back)}"
    if lost := record.secrets.keys() - set().union(*held.values()):
        return f"nobody has the secrets {sorted(lost)}"
    for group in _groups(devices, unreadable):
        known = set().union(*(held[device.name] for device in group))
        for device in group:
            if lacking := (record.secrets.keys() & known) - held[device.name].keys():
                return f"{device.name} lacks the secrets {sorted(lacking)}"
    return ""


def _groups(devices: list[SimDevice], unreadable: set[str]) -> list[list[SimDevice]]:
    """Returns the devices that secrets reach each other from; all of them if all can be read."""
    groups: list[list[SimDevice]] = []
    for device in devices:
        reached = [
            group
            for group in groups
            if any(_is_joined(device, other, unreadable) for other in group)
        ]
        groups = [group for group in groups if group not in reached]
        groups.append([device, *(other for group in reached for other in group)])
    return groups


def _is_joined(one: SimDevice, other: SimDevice, unreadable: set[str]) -> bool:
    if set(one.server_urls) & set(other.server_urls):
        return True
    shares = one.shares_folder and other.shares_folder
    return shares and unreadable.isdisjoint((one.name, other.name))
