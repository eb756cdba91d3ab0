"""File events as a port. They are hints: what they miss, a scan finds."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Protocol

OnHint = Callable[[frozenset[Path]], None]


@dataclass(frozen=True, slots=True)
class Polling:
    """That a folder is looked through again and again, as events of it do not come."""

    every_s: float
    reason: str
    hint: str = ""
    """What to set, where that helps."""


class Watcher(Protocol):
    """Tells that something below a directory may have changed."""

    def subscribe(self, root: Path, on_hint: OnHint) -> Callable[[], None]:
        """Calls `on_hint` on the event loop with paths to look at; returns what ends it.

        An empty set means that anything may have changed.
        """
        ...

    def polling(self, root: Path) -> Polling | None:
        """Tells why and how often a directory is polled; None while its events come."""
        ...
