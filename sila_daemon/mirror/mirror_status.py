"""The state of a whole space, as `status --json` shows it: never better than it is."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from sila_daemon.core.wording import counted
from sila_daemon.folder.problems import UNREADABLE
from sila_daemon.mirror.away_files import AwayCounts
from sila_daemon.mirror.folder_layer import FolderState
from sila_daemon.mirror.transfers import DOWN, UP, seconds_for

if TYPE_CHECKING:
    from collections.abc import Sequence

    from sila_daemon.folder.problems import Problem
    from sila_daemon.mirror.folder_layer import FolderLayer
    from sila_daemon.mirror.record import SpaceRecord
    from sila_daemon.mirror.remote_status import RemoteStatus
    from sila_daemon.mirror.transfers import Transfers
    from sila_daemon.mirror.watcher import Polling
    from sila_daemon.store.blobs import BlobCounts

_WORST_FIRST = ("broken", "needs_you", "offline", "syncing", "current")


@dataclass(slots=True)
class Totals:
    """How much there is in a space."""

    name: str | None = None
    trees: int = 0
    ops: int = 0
    blobs: BlobCounts | None = None
    away: AwayCounts = field(default_factory=AwayCounts)
    held_ops: int = 0
    """They wait for somebody to say yes or no."""
    conflicted_files: int = 0
    """They were changed in two places, and wait for a choice."""


def folder_verdict(folder: FolderLayer) -> tuple[str, str]:
    """Returns the state of the folder in the words of commands, and why."""
    if folder.state is FolderState.AWAY:
        return "needs_you", folder.reason
    if folder.state is FolderState.FAILING:
        return "broken", folder.reason
    if folder.state is FolderState.STARTING:
        return "syncing", "the folder is being read"
    count = folder.problem_count
    things = counted(count, "thing")
    is_lasting = folder.patience.is_over(count)
    if count and folder.carrier is not None and not is_lasting:
        return "syncing", f"{things} cannot be read yet: {folder.carrier.name} may be at work"
    if count:
        return "needs_you", f"{things} in the folder cannot be read"
    if folder.lost_file_count:
        files = counted(folder.lost_file_count, "op file", "lack")
        return "syncing", f"{files} what was read from them"
    if not folder.is_settled:
        owed = folder.owed.ops
        waits = (
            f"{counted(owed, 'change', 'wait')} for the folder"
            if owed
            else "the folder is being looked through"
        )
        return "syncing", waits
    if folder.long_turn.seconds:
        seconds = folder.long_turn.seconds
        return "syncing", f"a look at the folder takes {seconds} s already: its disk may hang"
    return "current", ""


def unread_verdict(problems: Sequence[Problem]) -> tuple[str, str]:
    """Returns the state of the files of a space without a folder, and why."""
    unread = sum(problem.code == UNREADABLE for problem in problems)
    if not unread:
        return "current", ""
    return "needs_you", f"{counted(unread, 'file', 'are')} here and cannot be read"


def held_reason(totals: Totals) -> str:
    """Says what the guard holds, and what to do."""
    changes = counted(totals.held_ops, "change")
    return f"{changes} that would take much away wait for you; see: sila-daemon held"


def verdict(
    record: SpaceRecord,
    is_paused: bool,
    trouble: str,
    totals: Totals,
    folder: FolderLayer | None,
    others: Sequence[tuple[str, str]],
    remotes: Sequence[RemoteStatus],
) -> tuple[str, str]:
    """Returns the state of the space, which is that of its worst layer, and why.

    `others` are such states and reasons beside those of folder and servers.
    """
    if trouble:
        return "broken", trouble
    if is_paused:
        return "paused", "paused" if record.paused_until is None else "paused for a while"
    found = [("needs_you", held_reason(totals))] if totals.held_ops else []
    if totals.conflicted_files:
        files = counted(totals.conflicted_files, "file", "were")
        reason = f"{files} changed in two places; see: sila-daemon file conflicts"
        found.append(("needs_you", reason))
    found += [folder_verdict(folder)] if folder is not None else []
    found += others
    found += [(remote.public_state, f"{remote.url}: {remote.public_reason}") for remote in remotes]
    state, reason = min(found, key=lambda entry: _WORST_FIRST.index(entry[0]))
    return state, "" if state == "current" else reason


def way_json(
    transfers: Transfers, direction: str, remotes: Sequence[RemoteStatus]
) -> dict[str, Any]:
    """Returns what is still to travel one way, and how that goes."""
    is_up = direction == UP
    files = sum(one.pending_files if is_up else one.coming_files for one in remotes)
    waiting = sum(one.pending_bytes if is_up else one.coming_bytes for one in remotes)
    left = max(0, waiting - transfers.under_way(direction))
    rate = transfers.rate(direction)
    return {
        "files": files,
        "bytes": left,
        "bytesPerSecond": int(rate),
        "secondsLeft": seconds_for(left, rate),
        "movedFiles": transfers.moved(direction).files,
        "movedBytes": transfers.moved(direction).bytes,
    }


def _polling_json(polling: Polling) -> dict[str, Any]:
    return {"everySeconds": polling.every_s, "reason": polling.reason, "hint": polling.hint}


def status_json(
    record: SpaceRecord,
    state: str,
    reason: str,
    totals: Totals,
    folder: FolderLayer | None,
    remotes: Sequence[RemoteStatus],
    transfers: Transfers,
    polling: Polling | None,
) -> dict[str, Any]:
    """Returns one element of `spaces`; times in Unix milliseconds.

    `polling` tells why events of the folder do not come.
    """
    blobs = totals.blobs
    shown: dict[str, Any] | None = None
    if folder is not None:
        scanned = folder.last_scan_at
        shown = {
            "lastScan": None if scanned is None else int(scanned * 1000),
            "pendingOps": folder.owed.ops,
            "carrier": None if folder.carrier is None else folder.carrier.name,
            "polling": None if polling is None else _polling_json(polling),
        }
    return {
        "id": record.id,
        "name": totals.name,
        "path": None if record.path is None else str(record.path),
        "state": state,
        "reason": reason,
        "trees": totals.trees,
        "ops": totals.ops,
        "heldOps": totals.held_ops,
        "conflictedFiles": totals.conflicted_files,
        "files": blobs.here if blobs else 0,
        "bytes": blobs.bytes_here if blobs else 0,
        "fetch": {
            "onDemand": record.fetch.on_demand,
            "newerThanDays": record.fetch.newer_than_days,
            "upToBytes": record.fetch.up_to_bytes,
        },
        "filesAway": totals.away.files,
        "bytesAway": totals.away.bytes,
        "transfers": {
            "files": len(transfers.active),
            UP: way_json(transfers, UP, remotes),
            DOWN: way_json(transfers, DOWN, remotes),
        },
        "folder": shown,
        "remotes": [remote.to_json() for remote in remotes],
    }
