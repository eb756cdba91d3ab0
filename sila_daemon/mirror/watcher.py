"""File events as a port. They are hints: what they miss, a scan finds."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

OnHint = Callable[[frozenset[Path]], None]


class Watcher(Protocol):
    """Tells that something below a directory may have changed."""

    def subscribe(self, root: Path, on_hint: OnHint) -> Callable[[], None]:
        """Calls `on_hint` on the event loop with paths to look at; returns what ends it.

        An empty set means that anything may have changed.
        """
        ...
