"""From what mirrors report to the activity that people read, gathered to stay readable."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sila_daemon.runtime.transfer_news import TransferNews

if TYPE_CHECKING:
    from collections.abc import Callable

    from sila_daemon.control.activity import ActivityLog
    from sila_daemon.ports.clock import Clock

GATHER_S = 0.03
"""What comes within this time from one source into one space is one event: nobody waits longer."""


class ActivityPump:
    """Gathers ops by space and source; passes on a change of state only when it is one."""

    def __init__(self, activity: ActivityLog, clock: Clock) -> None:
        self._activity = activity
        self._clock = clock
        self._ops: dict[tuple[str, str | None], dict[str, Any]] = {}
        self._held: dict[tuple[str, str], int] = {}
        self._states: dict[str, tuple[Any, ...]] = {}
        self._changed: dict[str, Callable[[], dict[str, Any]]] = {}
        self._moving: dict[str, Callable[[], dict[str, Any]]] = {}
        self._transfers = TransferNews(activity)
        self._news = asyncio.Event()

    def note(
        self, space_id: str, event: dict[str, Any], status: Callable[[], dict[str, Any]]
    ) -> None:
        """Takes what a mirror reports; only takes notes. `status` is asked later."""
        if event["kind"] == "ops":
            entry = self._ops.setdefault(
                (space_id, event["source"]), {"count": 0, "trees": dict[str, None]()}
            )
            entry["count"] += event["count"]
            entry["trees"] |= dict.fromkeys(event["trees"])
        elif event["kind"] == "held":
            key = space_id, str(event["source"])
            self._held[key] = self._held.get(key, 0) + event["count"]
        elif event["kind"] == "transfers":
            self._moving[space_id] = status
        elif event["kind"] == "rebuilt":
            self._activity.append("rebuilt", space_id, text=event["text"])
        elif event["kind"] == "state":
            self._changed[space_id] = status
        self._news.set()

    async def run(self) -> None:
        """Passes on what was gathered, until cancelled."""
        while True:
            await self._news.wait()
            await self._clock.sleep(GATHER_S)
            self._news.clear()
            self._pass_on()

    def _pass_on(self) -> None:
        gathered, self._ops = self._ops, {}
        for (space_id, source), entry in gathered.items():
            count = entry["count"]
            text = f"{count:,} {'op' if count == 1 else 'ops'} {_origin(source)}"
            self._activity.append(
                "ops", space_id, source=source, count=count, trees=list(entry["trees"]), text=text
            )
        held, self._held = self._held, {}
        for (space_id, source), count in held.items():
            text = f"{count:,} {'op' if count == 1 else 'ops'} {_origin(source)} held"
            self._activity.append("held", space_id, source=source, count=count, text=text)
        moving, self._moving = self._moving, {}
        for space_id, status_now in moving.items():
            self._transfers.take(space_id, status_now()["transfers"])
        changed, self._changed = self._changed, {}
        for space_id, status_now in changed.items():
            status = status_now()
            remotes = tuple((remote["url"], remote["state"]) for remote in status["remotes"])
            state = (status["state"], remotes)
            if self._states.get(space_id) == state:
                continue
            self._states[space_id] = state
            said = status["state"].replace("_", " ")
            reason = status["reason"] or ""
            self._activity.append(
                "state",
                space_id,
                state=status["state"],
                reason=reason,
                text=state_text(said, reason),
            )


def state_text(state: str, reason: str) -> str:
    """A state with its reason, which may say no more than the state, or of which server."""
    subject, _, why = reason.rpartition(": ")
    if reason.startswith(f"{state} "):
        return reason
    if why == state:
        return f"{state}: {subject}" if subject else state
    return f"{state}: {reason}" if reason else state


def _origin(source: str | None) -> str:
    if source is None:
        return "written here"
    return "from the folder" if source == "folder" else f"from {source}"
