"""From the transfers of spaces to the activity that people read: that some began, and what came."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from sila_daemon.control.activity import ActivityLog

_WAYS = {"up": "sent", "down": "received"}


class TransferNews:
    """Appends an event when files of a space begin to travel, and one when all have arrived."""

    def __init__(self, activity: ActivityLog) -> None:
        self._activity = activity
        self._is_active: dict[str, bool] = {}
        self._told: dict[tuple[str, str], tuple[int, int]] = {}

    def take(self, space_id: str, transfers: dict[str, Any]) -> None:
        """Takes `transfers` of a space's status."""
        was_active = self._is_active.get(space_id, False)
        is_active = self._is_active[space_id] = transfers["files"] > 0
        if is_active:
            if not was_active:
                self._append(space_id, active=True, files=0, size=0, text="files are on their way")
            return
        parts: list[str] = []
        files = size = 0
        for way, verb in _WAYS.items():
            moved = transfers[way]["movedFiles"], transfers[way]["movedBytes"]
            before = self._told.get((space_id, way), (0, 0))
            if moved < before:
                before = (0, 0)  # The space was opened anew.
            self._told[space_id, way] = moved
            count = moved[0] - before[0]
            if count:
                parts.append(f"{count:,} file{'s' * (count != 1)} {verb}")
            files += count
            size += moved[1] - before[1]
        if was_active or files:
            text = ", ".join(parts) or "no file arrived"
            self._append(space_id, active=False, files=files, size=size, text=text)

    def _append(self, space_id: str, *, active: bool, files: int, size: int, text: str) -> None:
        self._activity.append(
            "transfers", space_id, active=active, files=files, bytes=size, text=text
        )
