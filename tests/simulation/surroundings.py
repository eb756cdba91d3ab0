"""What else is around the devices of a plan: threads, a carrier, a second daemon in one folder."""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from tests.simulation.habits import AppHabits
from tests.simulation.topology import is_joined

if TYPE_CHECKING:
    from random import Random

    from tests.simulation.topology import Topology

THREADS, CARRIER, TWIN = 0.3, 0.25, 0.15
"""How likely each is there."""
SERVERLESS = 0.5
"""How likely a device that a carrier looks after has no server that it can do without."""


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What a plan has beside devices and servers."""

    has_threads: bool = False
    """Workers and databases answer later, and others act meanwhile."""
    carried: tuple[int, ...] = ()
    """Devices whose folders a carrier keeps equal."""
    twin: int | None = None
    """A device that is a second daemon on the first one's machine, in the same folder."""
    app: AppHabits = field(default_factory=AppHabits)
    """How the other program writes, if there is one."""


def draw_surroundings(random: Random, devices: int, topology: Topology) -> Surroundings:
    """Draws what there is; a device without a folder has none of it."""
    has_threads = random.random() < THREADS
    others = [device for device in range(1, devices) if device not in topology.folderless]
    twin = random.choice(others) if others and random.random() < TWIN else None
    others = [device for device in others if device != twin]
    carried: tuple[int, ...] = ()
    if others and random.random() < CARRIER:
        carried = (0, *sorted(random.sample(others, random.randrange(1, min(2, len(others)) + 1))))
    syncs, ends_lines_late, compacts = (random.random() < chance for chance in (0.6, 0.3, 0.3))
    app = AppHabits(syncs, ends_lines_late, compacts)
    return Surroundings(has_threads, carried, twin, app)


def without_spare_servers(
    random: Random, topology: Topology, surroundings: Surroundings
) -> Topology:
    """Takes servers from devices that are reached by other ways than them."""
    tied = [device for device in (*surroundings.carried[1:], surroundings.twin) if device]
    mirrors = list(topology.mirrors)
    for device in tied:
        if random.random() < SERVERLESS:
            used = {server for n, link in enumerate(mirrors) if n != device for server in link}
            before = mirrors[device]
            mirrors[device] = tuple(server for server in before if server not in used)
            if not _is_joined(mirrors, [0, *tied], topology.servers):
                mirrors[device] = before  # It alone led to what is beyond its servers.
    return replace(topology, mirrors=tuple(mirrors))


def _is_joined(mirrors: list[tuple[int, ...]], tied: list[int], servers: int) -> bool:
    """Tells whether everything reaches everything, by servers or by the tied devices' folders."""
    by_folder = {server for device in tied for server in mirrors[device]}
    others = [link for device, link in enumerate(mirrors) if device not in tied]
    return is_joined([tuple(by_folder), *others], servers)
