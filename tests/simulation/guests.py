"""Who takes part without a mirror: guests speak the protocol themselves.

A guest comes when the first action names it, so a plan without such actions has none.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Protocol

from tests.simulation.byzantine import Byzantine, ByzantineViewer
from tests.simulation.original_client import OriginalClient
from tests.simulation.slow_reader import SlowReader

if TYPE_CHECKING:
    from tests.simulation.plan import Action
    from tests.simulation.reader import Line
    from tests.simulation.server import SimServer
    from tests.simulation.world import SimWorld


class Guest(Protocol):
    """One of them."""

    def __init__(self, world: SimWorld) -> None: ...

    @property
    def is_at_rest(self) -> bool:
        """Whether it waits for nothing, once all faults have ended."""
        ...

    async def act(self, action: Action) -> None:
        """Does what an action says; what it waits for it does in tasks of its own."""
        ...

    def went_back(self, held: set[Line]) -> None:
        """Learns what anybody still holds, after a part of the world went back in time."""
        ...

    def server_restored(self, server: SimServer) -> None:
        """Learns that this part was a server's data."""
        ...

    async def heal(self) -> None:
        """Ends its own part in what goes wrong."""
        ...

    def check(self, held: dict[str, set[Line]]) -> None:
        """Holds what everybody has, by name, against what it did. Raises ViolationError."""
        ...


GUESTS: dict[str, type[Guest]] = {
    "forge": Byzantine,
    "forge_as_viewer": ByzantineViewer,
    "ask_and_wait": SlowReader,
    "original_set": OriginalClient,
    "original_create": OriginalClient,
    "original_delete": OriginalClient,
}
"""Who does each kind of action."""
