"""Ops that a server cannot bear: it dies of them, hangs up, or refuses whatever they come with.

They are met at the server's end of the wire. Which op it is, is decided when the next batch of a
mirror arrives; from then on it is that one, at that server, until all faults end.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.server.spaces.frames import acknowledgement

if TYPE_CHECKING:
    from collections.abc import Callable

    from tests.simulation.record import OpKey
    from tests.simulation.server import SimServer
    from tests.simulation.trace import Trace
    from tests.simulation.wire import Sent, Wire

EFFECTS = ("dies", "hangs up", "malformed_op", "value_not_json", "internal")
"""What a server does of it; the others are codes with which it refuses the batch."""


@dataclass(slots=True)
class Dose:
    """What one server cannot bear."""

    effect: str
    share: float
    """Where in the next batch it stands, from 0 to 1."""
    op: OpKey | None = None
    """None until there was a batch."""


class Poison:
    """Stands at the doors of all servers."""

    def __init__(
        self, servers: dict[str, SimServer], trace: Trace, revive: Callable[[SimServer], None]
    ) -> None:
        """`revive` has a server that died started again soon."""
        self._servers = servers
        self._trace = trace
        self._revive = revive
        self._doses: dict[str, Dose] = {}
        """By the server's URL."""

    def give(self, server: SimServer, effect: str, share: float) -> None:
        """Has some op of the next batch be one that a server cannot bear; one at a time."""
        self._doses.setdefault(server.url, Dose(effect, share))

    def heal(self) -> None:
        """From now on all ops are good."""
        self._doses.clear()

    def takes(self, wire: Wire, sent: Sent) -> bool:
        """Meets what a client sent; tells whether the server is not to see it."""
        dose = self._doses.get(wire.server_url)
        name, payload, number = sent
        is_of_mirror = name == "ops:send" and number is not None
        if dose is None or not is_of_mirror or not wire.name.startswith("device") or wire.farewell:
            return False
        body = json.loads(payload)
        ops = [_key(body["treeId"], op) for op in body["ops"]]
        if dose.op is None and ops:
            dose.op = ops[int(dose.share * len(ops)) % len(ops)]
            self._trace.fault(wire.name, "poison", dose.effect)
        if dose.op not in ops:
            return False
        self._take_effect(dose.effect, wire, number)
        return True

    def _take_effect(self, effect: str, wire: Wire, number: int | None) -> None:
        assert number is not None
        if effect == "dies":
            server = self._servers[wire.server_url]
            server.crash(None)
            self._revive(server)
        elif effect == "hangs up":
            wire.cut()
        else:
            answer: dict[str, Any] = {"ok": False, "code": effect, "message": "poison"}
            wire.put_down(acknowledgement(number, answer | {"retry": effect == "internal"}))


def _key(tree_id: str, op: Any) -> OpKey:
    return tree_id, op["id"]["counter"], op["id"]["peerId"]
