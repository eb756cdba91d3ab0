"""Mutable files that were changed in two places apart: whether what is told of them is true.

In a calm world nobody does that: one program writes each such file. But a store that was put back
does not know what it had in common with a server, and a server that was put back does not know
what it gave out. Then a person has to choose, and until then both contents are kept.
"""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from tests.simulation.files import place_of, read_files, sha256

if TYPE_CHECKING:
    from collections.abc import Iterable

    from tests.simulation.device import SimDevice
    from tests.simulation.server import SimServer

_TOLD = re.compile("(?P<url>[^ ]+): the file (?P<name>[0-9a-f]{32}) was changed here and there;")


def conflict_told(device: SimDevice, servers: Iterable[SimServer]) -> str | None:
    """Returns the file that waits for a person, if the device tells so and all of it is true.

    There is another content on that server, and the server holds the device's beside it.
    """
    assert device.mirror is not None
    status = device.mirror.status()
    told = _TOLD.match(status["reason"]) if status["state"] == "needs_you" else None
    if told is None:
        return None
    name = told["name"]
    mine = read_files(place_of(device)).var.get(name)
    for server in servers:
        if server.url == told["url"] and mine is not None:
            there = read_files(place_of(server))
            is_other = there.var.get(name, mine) != mine
            return name if is_other and there.static.get(sha256(mine)) == mine else None
    return None
