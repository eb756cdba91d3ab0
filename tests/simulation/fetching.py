"""Devices that leave files on their server: who they are, and what they may lack."""

from __future__ import annotations

import re
from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.store.fetch_policy import FetchPolicy

if TYPE_CHECKING:
    from collections.abc import Iterable, Mapping
    from random import Random

    from tests.simulation.reader import Line
    from tests.simulation.surroundings import Surroundings
    from tests.simulation.topology import Topology

LEAVES_OUT = 0.7
"""How likely a device leaves files out that may, in a world where some do."""
POLICIES = (
    FetchPolicy(on_demand=True),
    FetchPolicy(on_demand=True),
    FetchPolicy(up_to_bytes=512),
    FetchPolicy(up_to_bytes=600, newer_than_days=1000),
)
"""Wall clocks are a year off at most: nothing is too old."""


_WHOLE_NUMBER = re.compile(r"\d+(\.0)?")
"""As the reader of folders spells numbers: all of them as doubles."""


@dataclass(frozen=True, slots=True)
class Fetcher:
    """A device that does not fetch every file."""

    device: int
    policy: FetchPolicy


def draw_fetchers(
    random: Random, devices: int, topology: Topology, around: Surroundings
) -> tuple[Fetcher, ...]:
    """Has devices leave files out over which none has to come to others."""
    tied = {0, *around.carried, around.twin}
    return tuple(
        Fetcher(device, random.choice(POLICIES))
        for device in range(devices)
        if device not in tied and len(topology.servers_of(device)) == 1
        if random.random() < LEAVES_OUT
    )


def may_lack(policy: FetchPolicy, sizes: Mapping[str, int], lines: Iterable[Line]) -> set[str]:
    """Returns the files that a policy leaves out, of those with the bytes that `sizes` tells.

    A vertex that referred to one file, and refers to another by now, tells the size of that one.
    """
    if policy.on_demand:
        return set(sizes)
    limit = policy.up_to_bytes
    assert limit is not None, "every policy here has a condition that this can decide"
    known = list(lines)
    says_large = {
        (line.tree, line.target)
        for line in known
        if line.key == "size"
        and _WHOLE_NUMBER.fullmatch(line.value or "")
        and float(line.value or 0) > limit
    }
    refers_large = {
        line.value
        for line in known
        if line.key == "hash" and (line.tree, line.target) in says_large
    }
    return {name for name in sizes if sizes[name] > limit or f'"{name}"' in refers_large}
