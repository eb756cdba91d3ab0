"""What the daemon says about itself and its spaces, as values.

Reading is tolerant on purpose: a key that is missing gets a default and one that is unknown is
passed over, so that a newer daemon and an older screen can talk. Whatever is text has been cleaned.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urlsplit

from sila_tui.fetching import EVERYTHING, FetchPolicy
from sila_tui.words import WORST_FIRST, clean


def text_of(value: object) -> str:
    """The value as one clean line; empty when it is none."""
    return "" if value is None else clean(str(value))


def whole(value: object) -> int:
    """The value as a whole number; 0 when it is none."""
    return int(value) if isinstance(value, int | float) else 0


def moment(value: object) -> float | None:
    """Unix seconds from seconds, milliseconds or an ISO date; None when there is no time."""
    if isinstance(value, str):
        try:
            return datetime.fromisoformat(value.replace("Z", "+00:00")).timestamp()
        except ValueError:
            return None
    if not isinstance(value, int | float) or isinstance(value, bool):
        return None
    # Seconds reach this figure in the year 5138, milliseconds did in 1973.
    return value / 1000 if value > 1e11 else float(value)


def rows(value: object) -> list[Mapping[str, Any]]:
    """The mappings in a list that may be missing."""
    return [row for row in value if isinstance(row, Mapping)] if isinstance(value, list) else []


def place_name(url: str) -> str:
    """What people call a server: its host, with the port where it is not the usual one."""
    parts = urlsplit(url)
    return clean(parts.netloc.rpartition("@")[2] or url)


def _state(value: object) -> str:
    return value if isinstance(value, str) and value in WORST_FIRST else "unknown"


@dataclass(frozen=True)
class Remote:
    """One server that a space is mirrored to, and what each side is known to hold."""

    url: str
    state: str
    reason: str
    head: int
    server_head: int
    pending_ops: int
    pending_files: int
    pending_bytes: int
    last_ack_at: float | None
    oldest_pending_at: float | None
    retry_at: float | None
    refused_ops: int = 0
    """Ops that the server will not have; they wait for a person."""
    set_aside_ops: int = 0
    """Ops that came from there and cannot be read."""
    is_only_seen: bool = False
    """The server acknowledges nothing: what it has is seen there, and never certain."""
    unconfirmed_ops: int = 0
    """Ops that were sent to such a server and not seen there yet."""
    unsupported: tuple[str, ...] = ()
    """What does not go there."""

    @property
    def name(self) -> str:
        """The server as people call it."""
        return place_name(self.url)

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Remote:
        """Reads one element of `remotes`."""
        return cls(
            url=text_of(row.get("url")),
            state=_state(row.get("state")),
            reason=text_of(row.get("reason")),
            head=whole(row.get("head")),
            server_head=whole(row.get("serverHead")),
            pending_ops=whole(row.get("pendingOps")),
            pending_files=whole(row.get("pendingFiles")),
            pending_bytes=whole(row.get("pendingBytes")),
            last_ack_at=moment(row.get("lastAckAt")),
            oldest_pending_at=moment(row.get("oldestPendingAt")),
            retry_at=moment(row.get("retryAt")),
            refused_ops=whole(row.get("refusedOps")),
            set_aside_ops=whole(row.get("setAsideOps")),
            is_only_seen=row.get("assurance") == "seen",
            unconfirmed_ops=whole(row.get("unconfirmedOps")),
            unsupported=_texts(row.get("unsupported")),
        )


@dataclass(frozen=True)
class SpaceFacts:
    """One element of `spaces` in the daemon's status."""

    id: str
    name: str
    path: str
    """Empty when the space has no folder."""
    state: str
    reason: str
    trees: int
    ops: int
    files: int
    size_bytes: int
    folder_pending_ops: int
    folder_scanned_at: float | None
    remotes: tuple[Remote, ...]
    held_ops: int = 0
    """They would take much away, and wait for a person."""
    files_away: int = 0
    """Files that the policy leaves on the servers."""
    bytes_away: int = 0
    fetch: FetchPolicy = EVERYTHING

    @property
    def title(self) -> str:
        """The name, else the first characters of the id."""
        return self.name or self.id[:8] or "unnamed"

    @property
    def pending_ops(self) -> int:
        """Ops that wait for any server."""
        return sum(remote.pending_ops for remote in self.remotes)

    @property
    def unsent_ops(self) -> int:
        """Ops that wait to be sent to any server."""
        return sum(remote.pending_ops - remote.unconfirmed_ops for remote in self.remotes)

    @property
    def pending_files(self) -> int:
        """Files that wait for any server."""
        return sum(remote.pending_files for remote in self.remotes)

    @property
    def agreed_at(self) -> float | None:
        """When the server that agreed longest ago did; None if one never did."""
        times = [remote.last_ack_at for remote in self.remotes]
        known = [at for at in times if at is not None]
        return min(known) if known and len(known) == len(times) else None

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> SpaceFacts:
        """Reads one element of `spaces`."""
        folder = row.get("folder")
        folder = folder if isinstance(folder, Mapping) else {}
        return cls(
            id=text_of(row.get("id")),
            name=text_of(row.get("name")),
            path=text_of(row.get("path")),
            state=_state(row.get("state")),
            reason=text_of(row.get("reason")),
            trees=whole(row.get("trees")),
            ops=whole(row.get("ops")),
            files=whole(row.get("files")),
            size_bytes=whole(row.get("bytes")),
            folder_pending_ops=whole(folder.get("pendingOps")),
            folder_scanned_at=moment(folder.get("lastScan")),
            remotes=tuple(Remote.read(remote) for remote in rows(row.get("remotes"))),
            held_ops=whole(row.get("heldOps")),
            files_away=whole(row.get("filesAway")),
            bytes_away=whole(row.get("bytesAway")),
            fetch=FetchPolicy.read(row.get("fetch")),
        )


@dataclass(frozen=True)
class DaemonFacts:
    """The daemon's own line in its status."""

    version: str
    pid: int
    since: float | None

    @classmethod
    def read(cls, row: object) -> DaemonFacts:
        """Reads `daemon` of the status."""
        known = row if isinstance(row, Mapping) else {}
        since = moment(known.get("since"))
        return cls(text_of(known.get("version")), whole(known.get("pid")), since)


@dataclass(frozen=True)
class Activity:
    """Something that happened, in the daemon's order."""

    id: int
    at: float
    kind: str
    space_id: str
    who: str
    sentence: str
    state: str = ""
    """What a space has come to, for events of the kind `state`."""
    trees: tuple[str, ...] = ()
    """The trees that it happened in, where the daemon says."""

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Activity:
        """Reads the parameters of one event."""
        kind = text_of(row.get("kind"))
        return cls(
            id=whole(row.get("id")),
            at=moment(row.get("at")) or 0.0,
            kind=kind,
            space_id=text_of(row.get("space")),
            who=text_of(row.get("who")),
            sentence=_sentence(kind, row),
            state=_state(row.get("state")) if "state" in row else "",
            trees=_texts(row.get("trees")),
        )


def _texts(value: object) -> tuple[str, ...]:
    return tuple(text_of(item) for item in value) if isinstance(value, list) else ()


def _sentence(kind: str, row: Mapping[str, Any]) -> str:
    said = text_of(row.get("text") or row.get("message"))
    if said:
        # People know a server by its host.
        source = text_of(row.get("source"))
        return said.replace(source, place_name(source)) if "://" in source else said
    details = [
        f"{key} {clean(str(value))}"
        for key, value in row.items()
        if key not in {"id", "at", "kind", "space", "who"} and isinstance(value, str | int | float)
    ]
    words = kind.replace("_", " ").replace(".", " ").replace(":", " ")
    return " · ".join([words, *details])
