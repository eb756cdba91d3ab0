"""What a tree needs to make ops of its own: an identity, the time and new ids."""

from __future__ import annotations

from collections.abc import Callable


class Editor:
    """The author of local ops.

    The peer id is made at the first edit and lives no longer than this object: a process never
    goes on under the peer id of an earlier one, so no op id is ever given out twice, whatever
    was restored or copied meanwhile.
    """

    def __init__(self, now: Callable[[], str], new_id: Callable[[], str]) -> None:
        """Takes a clock that gives ISO 8601 in UTC with milliseconds, and a source of ids."""
        self.now = now
        self.new_id = new_id
        self._peer: str | None = None

    @property
    def peer(self) -> str:
        """The peer id of every op that this editor makes."""
        if self._peer is None:
            self._peer = self.new_id()
        return self._peer

    @property
    def has_edited(self) -> bool:
        """Whether a peer id was taken."""
        return self._peer is not None
