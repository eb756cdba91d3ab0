"""What is known about one server at this moment, as status shows it."""

from __future__ import annotations

from dataclasses import dataclass
from enum import Enum
from typing import TYPE_CHECKING

from sila_daemon.core.wording import counted
from sila_daemon.mirror.greeting import ORIGINAL
from sila_daemon.store.sightings import SENDS_MAX

if TYPE_CHECKING:
    from sila_daemon.store.outbox import Debt

_AWAY = "cannot be reached: "


class RemoteState(Enum):
    """Where a server's mirror is on its way from nothing to equal."""

    OFFLINE = "offline"
    """Not connected; tried again at `retry_at`."""
    CONNECTING = "connecting"
    COMPARING = "comparing"
    """Finding out what either side lacks."""
    LIVE = "live"
    """Both sides tell each other what is new."""
    NEEDS_YOU = "needs_you"
    """Only a person can help; tried again now and then all the same."""
    FAILING = "failing"
    """The database or the disk here refuses."""


@dataclass(slots=True)
class RemoteStatus:
    """The facts about one server."""

    url: str
    state: RemoteState = RemoteState.OFFLINE
    reason: str = ""
    head: int = 0
    """Up to this number everything of the server is durable here."""
    server_head: int = 0
    """The newest op of the server that was heard of."""
    pending_ops: int = 0
    pending_files: int = 0
    pending_bytes: int = 0
    coming_files: int = 0
    """It has them, and they are being fetched."""
    coming_bytes: int = 0
    """As far as their sizes are known."""
    refused_ops: int = 0
    """It does not take them; they stay owed."""
    set_aside_ops: int = 0
    """It sent them, and they are none."""
    held_ops: int = 0
    """They are not offered before somebody agrees."""
    last_ack_ms: int | None = None
    oldest_pending_ms: int | None = None
    retry_at: float | None = None
    """Unix seconds."""
    are_files_equal: bool = False
    """Every file and secret that is to be mirrored was shown to be on both sides."""
    files_reason: str = ""
    protocol: int | None = None
    """What the server speaks; None before it answered for the first time."""
    heard_ops: int = 0
    """An original server showed them a moment ago: they do not wait, and are not seen yet."""
    doubted_trees: int = 0
    """An original server did not show everything of them that it was seen to have."""
    unconfirmed_ops: int = 0
    """Of those that are owed to an original server: they were sent, and not seen there yet."""
    given_up_ops: int = 0
    """Of those: they were sent as often as they may be."""

    @property
    def is_original(self) -> bool:
        """Whether the server acknowledges nothing: what it has is only ever seen."""
        return self.protocol == ORIGINAL

    @property
    def is_all_seen(self) -> bool:
        """Whether everything here was seen at an original server; it promises nothing."""
        return (
            self.is_original
            and self.state is RemoteState.LIVE
            and self.pending_ops == 0
            and not self.heard_ops
            and not self.doubted_trees
            and not self.set_aside_ops
            and not self.held_ops
        )

    @property
    def is_current(self) -> bool:
        """Whether everything here is acknowledged there, and everything there is durable here."""
        return (
            self.state is RemoteState.LIVE
            and not self.is_original
            and self.pending_ops == 0
            and not self.set_aside_ops
            and not self.held_ops
            and self.head >= self.server_head
            and self.are_files_equal
            and self.pending_files == 0
        )

    @property
    def public_state(self) -> str:
        """The state as commands name it."""
        if self.state in (RemoteState.NEEDS_YOU, RemoteState.OFFLINE):
            return str(self.state.value)
        if self.state is RemoteState.FAILING:
            return "broken"
        needs_you = self.refused_ops or self.set_aside_ops or self.held_ops
        if needs_you or (self.state is RemoteState.LIVE and self.files_reason):
            return "needs_you"
        return "current" if self.is_current else "syncing"

    @property
    def public_reason(self) -> str:
        """Why it is not current, in words."""
        if self.reason:
            return self._without_url(self.reason)
        if self.refused_ops or self.set_aside_ops:
            return f"{self._quarantined}; see: sila-daemon outbox"
        if self.held_ops:
            return (
                f"{counted(self.held_ops, 'change', 'wait')} for you before going there;"
                " see: sila-daemon held"
            )
        if self.state is not RemoteState.LIVE:
            return str(self.state.value)
        if self.is_original:
            return self._seen_reason
        if self.files_reason:
            return self._without_url(self.files_reason)
        if self.pending_ops:
            return f"{counted(self.pending_ops, 'change', 'wait')} for the server"
        if coming := max(0, self.server_head - self.head):
            return f"{counted(coming, 'change', 'are')} on the way from the server"
        if self.pending_files:
            return f"{counted(self.pending_files, 'file', 'wait')} for the server"
        return "" if self.are_files_equal else "files and secrets are being compared"

    @property
    def _seen_reason(self) -> str:
        unsent = self.pending_ops - self.unconfirmed_ops
        if unsent > 0:
            return f"{counted(unsent, 'change', 'wait')} for the server"
        if self.given_up_ops:
            changes = counted(self.given_up_ops, "change", "were")
            return f"{changes} sent {SENDS_MAX} times and not seen there; see: sila-daemon outbox"
        if self.unconfirmed_ops:
            changes = counted(self.unconfirmed_ops, "change", "were")
            return f"{changes} sent, and not seen there yet"
        if self.heard_ops or self.doubted_trees:
            return "what is there is being looked at"
        return "everything was seen there, which this kind of server never confirms"

    def _without_url(self, reason: str) -> str:
        """Leaves out the server's address, and that it is away: both always stand beside it."""
        for between in (": ", " "):
            if reason.startswith(self.url + between):
                reason = reason[len(self.url + between) :]
                break
        return reason.removeprefix(_AWAY) if self.state is RemoteState.OFFLINE else reason

    @property
    def _quarantined(self) -> str:
        refused, set_aside = self.refused_ops, self.set_aside_ops
        told = [f"the server refuses {counted(refused, 'change')}"] if refused else []
        if set_aside:
            told.append(f"{set_aside} of its changes cannot be read")
        return ", ".join(told)

    def owes(self, debt: Debt) -> None:
        """Takes note of what was counted."""
        self.pending_ops, self.oldest_pending_ms = debt.ops, debt.oldest_ms
        self.refused_ops, self.set_aside_ops = debt.refused, debt.set_aside
        self.held_ops = debt.held

    def owes_more(self, ops: int, now_ms: int) -> None:
        """Takes note of debts that were just committed, until they are counted."""
        if ops and self.oldest_pending_ms is None:
            self.oldest_pending_ms = now_ms
        self.pending_ops += ops

    def to_json(self) -> dict[str, object]:
        """Returns one element of `remotes` of the status."""
        return {
            "url": self.url,
            "state": self.public_state,
            "reason": self.public_reason,
            "head": self.head,
            "serverHead": self.server_head,
            "pendingOps": self.pending_ops,
            # None of them wait for a server that takes no files.
            "pendingFiles": 0 if self.is_original else self.pending_files,
            "pendingBytes": 0 if self.is_original else self.pending_bytes,
            "comingFiles": self.coming_files,
            "comingBytes": self.coming_bytes,
            "lastAckAt": self.last_ack_ms,
            "oldestPendingAt": self.oldest_pending_ms,
            "refusedOps": self.refused_ops,
            "setAsideOps": self.set_aside_ops,
            "heldOps": self.held_ops,
            "assurance": "seen" if self.is_original else "acknowledged",
            "unconfirmedOps": self.unconfirmed_ops,
            "unsupported": ["files", "secrets"] if self.is_original else [],
            "retryAt": None if self.retry_at is None else int(self.retry_at * 1000),
        }
