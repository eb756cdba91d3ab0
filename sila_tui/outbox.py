"""What waits for folders and servers, and the ops that need somebody, as the daemon answers it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_tui.facts import moment, place_name, rows, text_of, whole
from sila_tui.words import counted, size

if TYPE_CHECKING:
    from collections.abc import Mapping

REFUSED = "refused"


@dataclass(frozen=True)
class Waiting:
    """What one layer of a space still lacks."""

    layer: str
    state: str
    ops: int
    files: int
    size_bytes: int
    refused: int
    set_aside: int
    oldest_at: float | None
    reason: str

    @property
    def owed(self) -> str:
        """What waits, in words; empty when nothing does."""
        parts = [counted(self.ops, "op")] if self.ops else []
        parts += [counted(self.files, "file")] if self.files else []
        parts += [size(self.size_bytes)] if self.size_bytes else []
        parts += [f"{self.refused:,} of them refused"] if self.refused else []
        parts += [f"{self.set_aside:,} came that cannot be read"] if self.set_aside else []
        return ", ".join(parts)

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> Waiting:
        """Reads one element of `waiting` in `outbox.list`."""
        to = text_of(row.get("to"))
        return cls(
            layer=place_name(to) if "://" in to else to,
            state=text_of(row.get("state")),
            ops=whole(row.get("ops")),
            files=whole(row.get("files")),
            size_bytes=whole(row.get("bytes")),
            refused=whole(row.get("refused")),
            set_aside=whole(row.get("setAside")),
            oldest_at=moment(row.get("oldestAt")),
            reason=text_of(row.get("reason")),
        )


@dataclass(frozen=True)
class TroubledOp:
    """An op that a server refused, or that it sent and is none."""

    server: str
    is_refused: bool
    tree: str
    vertex: str
    key: str
    code: str
    reason: str
    at: float

    @property
    def title(self) -> str:
        """What became of what."""
        what = f"{self.key} of {self.vertex[:8]}" if self.key else f"place of {self.vertex[:8]}"
        if not self.vertex:
            what = "something that is no op"
        return f"{self.server} refused {what}" if self.is_refused else f"{self.server} sent {what}"

    @classmethod
    def read(cls, row: Mapping[str, Any]) -> TroubledOp:
        """Reads one element of `ops` in `outbox.list`."""
        return cls(
            server=place_name(text_of(row.get("server"))),
            is_refused=row.get("way") == REFUSED,
            tree=text_of(row.get("tree")),
            vertex=text_of(row.get("vertex")),
            key=text_of(row.get("key")),
            code=text_of(row.get("code")),
            reason=text_of(row.get("message")) or text_of(row.get("code")),
            at=moment(row.get("at")) or 0.0,
        )


@dataclass(frozen=True)
class Outbox:
    """Everything of one space that waits."""

    waiting: tuple[Waiting, ...] = ()
    ops: tuple[TroubledOp, ...] = ()
    more: int = 0
    """Ops that need somebody and are not listed; an export has them."""

    @classmethod
    def read(cls, answer: Mapping[str, Any]) -> Outbox:
        """Reads the answer to `outbox.list`."""
        return cls(
            tuple(Waiting.read(row) for row in rows(answer.get("waiting"))),
            tuple(TroubledOp.read(row) for row in rows(answer.get("ops"))),
            whole(answer.get("more")),
        )
