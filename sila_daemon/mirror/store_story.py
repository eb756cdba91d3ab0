"""What a person is told of a store that had to be made anew."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

from sila_daemon.mirror.wakes import News
from sila_daemon.store.rebuilt import load_rebuilt

if TYPE_CHECKING:
    from sila_daemon.mirror.record import MirrorPorts
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.store.rebuilt import Rebuilt
    from sila_daemon.store.space_store import SpaceStore

LOOK_S = 10.0
"""How often it is looked whether somebody took the damaged file away."""


class StoreStory:
    """The past of one space's store. `follow` works until there is nothing to wait for."""

    def __init__(self, ports: MirrorPorts, *, has_folder: bool, has_servers: bool) -> None:
        self._ports = ports
        self._has_folder = has_folder
        self._has_servers = has_servers
        self._rebuilt: Rebuilt | None = None
        self._needs_somebody = False

    async def load(self, store: SpaceStore) -> None:
        """Learns it from the store. Raises StorageError."""
        self._rebuilt = await load_rebuilt(store.database)
        self._needs_somebody = await self._is_to_be_seen()

    async def follow(self, wakes: Wakes) -> None:
        """Waits until a person has taken the damaged file away, if one has to."""
        while self._needs_somebody:
            await self._ports.clock.sleep(LOOK_S)
            self._needs_somebody = await self._is_to_be_seen()
            wakes.ring(News.STATE)

    def verdict(self) -> tuple[str, str]:
        """Returns what it makes of the space's state, in the words of commands, and why."""
        if self._rebuilt is None or not self._needs_somebody:
            return "current", ""
        others = (
            "Its servers have what had reached them; what was edited here while they could not be"
            " reached may be missing: look, and write it again or"
            if self._has_servers
            else "Nothing else holds this space:"
        )
        return "needs_you", (
            f"{self._rebuilt.sentence}. {others} bring back what is missing from a backup;"
            " once the damaged file is moved away or removed, this is not said again"
        )

    def to_json(self) -> dict[str, Any] | None:
        """Returns `rebuilt` of the status; None when the store is the first one."""
        rebuilt = self._rebuilt
        if rebuilt is None:
            return None
        return {
            "at": rebuilt.at_ms,
            "reason": rebuilt.reason,
            "kept": rebuilt.kept,
            "ops": rebuilt.ops,
            "unreadOps": rebuilt.unread_ops,
            "unreadParts": list(rebuilt.unread_parts),
        }

    async def _is_to_be_seen(self) -> bool:
        rebuilt = self._rebuilt
        # A folder has everything but the last half second; a server may lack days.
        if rebuilt is None or rebuilt.kept is None or rebuilt.is_whole or self._has_folder:
            return False
        if self._has_servers and rebuilt.unread_ops == 0:
            return False  # The rest is of this machine only, or comes again.
        kept = Path(rebuilt.kept)
        try:
            found = await self._ports.workers.run(lambda: self._ports.disk.stat(kept))
        except OSError:
            return True
        return found is not None
