"""Which device mirrors to which server: drawn so that everything can reach everybody."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from collections.abc import Sequence
    from random import Random

DEVICES = (*[2] * 28, *[3] * 8, 4, 4, 5, 6)
"""Few find nearly everything, and each costs more than the one before."""
SERVERS = (1, 1, 1, 2, 2, 3)
FOLDERLESS = 0.15
"""How likely a device keeps the space in its store only; the first never does."""


@dataclass(frozen=True, slots=True)
class Topology:
    """Servers, and what each device has beside its store."""

    servers: int = 1
    mirrors: tuple[tuple[int, ...], ...] = ()
    """For each device its servers; those that are not named mirror to the first."""
    folderless: tuple[int, ...] = ()
    """Devices without a folder."""

    def servers_of(self, device: int) -> tuple[int, ...]:
        """Returns the servers of a device."""
        return self.mirrors[device] if device < len(self.mirrors) else (0,)


def draw_topology(random: Random, devices: int) -> Topology:
    """Gives every device some servers; no part of them is apart from the rest."""
    servers = random.choice(SERVERS)
    links = [
        set(random.sample(range(servers), random.randrange(1, servers + 1))) for _ in range(devices)
    ]
    while missing := sorted(set(range(servers)) - _reached(links)):
        # A device that is reached joins a server that is not, and so all that is beyond.
        joined = [device for device in range(devices) if links[device] & _reached(links)]
        links[random.choice(joined)].add(random.choice(missing))
    folderless = tuple(n for n in range(1, devices) if random.random() < FOLDERLESS)
    return Topology(servers, tuple(tuple(sorted(link)) for link in links), folderless)


def is_joined(mirrors: Sequence[Sequence[int]], servers: int) -> bool:
    """Tells whether everything reaches everything by servers alone."""
    return all(mirrors) and _reached([set(link) for link in mirrors]) == set(range(servers))


def _reached(links: list[set[int]]) -> set[int]:
    """Returns the servers that an op of the first device comes to."""
    reached = set(links[0])
    while True:
        wider = reached.union(*(link for link in links if link & reached))
        if wider == reached:
            return reached
        reached = wider
