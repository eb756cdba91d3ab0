"""What the folder showed to hold once, and shows no more: it is owed that again.

A file that was read is gone, shorter, or other than it was before the place up to which it was
read: a restored backup, a power cut, an older copy brought by a tool. Nothing is deleted for it.
Such a tool may be at work still, so a file gets some time to be as it was. Then everything in the
store is owed to the folder for those trees, and reading all of their files ends the debts of what
is there; so nobody has to know what the lost lines were.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.folder.layout import parse_op_file

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sila_daemon.ports.clock import Clock
    from sila_daemon.store.positions import Position
    from sila_daemon.store.space_store import SpaceStore


class LostLines:
    """The files of one folder that lack lines which were read from them."""

    def __init__(self, store: SpaceStore, clock: Clock, grace_s: float) -> None:
        self._store = store
        self._clock = clock
        self._grace_s = grace_s
        self._since: dict[str, float] = {}
        """When a file was first seen to lack something, by the monotonic clock."""

    def __len__(self) -> int:
        return len(self._since)

    def looked_at(self, paths: Iterable[str], lost: Iterable[str]) -> None:
        """Notes which of the files that were just looked at lack something."""
        now = self._clock.monotonic()
        found = {path: self._since.get(path, now) for path in lost}
        for path in paths:
            self._since.pop(path, None)
        self._since |= found

    @property
    def next_due(self) -> float | None:
        """When a file has had its time, by the monotonic clock; None when there is none."""
        return min(self._since.values()) + self._grace_s if self._since else None

    async def owe_again(self, positions: dict[str, Position]) -> bool:
        """Has the trees of files whose time is over read whole, and owes the folder all of them.

        Takes their files out of `positions`. Returns False when there are none.
        """
        now = self._clock.monotonic()
        due = [path for path, since in self._since.items() if since + self._grace_s <= now]
        if not due:
            return False
        trees = {parse_op_file(path).tree_id for path in due}
        forgotten = [path for path in positions if parse_op_file(path).tree_id in trees]
        await self._store.owe_to_folder_again(sorted(trees), forgotten)
        for path in forgotten:
            del positions[path]
        for path in due:
            del self._since[path]
        return True
