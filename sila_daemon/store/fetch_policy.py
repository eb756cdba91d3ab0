"""Which immutable files of a space come to this machine by themselves; others wait on a server."""

from __future__ import annotations

from dataclasses import dataclass

_DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class FileFacts:
    """What the vertices that refer to a file tell of it; None where they do not."""

    size: int | None
    """Bytes."""
    created_ms: float | None
    """Unix milliseconds."""


@dataclass(frozen=True, slots=True)
class FetchPolicy:
    """What a file must be like to be fetched unasked; without conditions all are.

    What is not known of a file leaves it out of nothing. Mutable files always come.
    """

    on_demand: bool = False
    """None come before somebody asks for them."""
    newer_than_days: float | None = None
    up_to_bytes: int | None = None

    @property
    def takes_all(self) -> bool:
        """Whether it leaves nothing out."""
        return self == FetchPolicy()

    def wants(self, facts: FileFacts, now_ms: float) -> bool:
        """Tells whether a file comes unasked: it must meet every condition."""
        if self.on_demand or self.is_too_large(facts.size):
            return False
        if self.newer_than_days is None or facts.created_ms is None:
            return True
        return facts.created_ms >= now_ms - self.newer_than_days * _DAY_MS

    def is_too_large(self, size: int | None) -> bool:
        """Tells whether a file of this size stays where it is."""
        return None not in (size, self.up_to_bytes) and (size or 0) > (self.up_to_bytes or 0)
