"""What happened in a run: a hash of everything, and the last lines for people."""

from __future__ import annotations

import hashlib
from collections import deque
from collections.abc import Callable

LINES_KEPT = 400


class Trace:
    """Takes one line for each thing that happens; equal runs have equal hashes."""

    def __init__(self, now: Callable[[], float], on_line: Callable[[str], None] | None) -> None:
        self.now = now
        self._on_line = on_line
        self._hash = hashlib.blake2b(digest_size=8)
        self.lines: deque[str] = deque(maxlen=LINES_KEPT)
        self.counts: dict[str, int] = {}
        """How often each kind of fault was injected."""

    def note(self, who: str, what: str) -> None:
        """Adds a line."""
        line = f"{self.now():9.3f} {who:8} {what}"
        self._hash.update(line.encode("utf-8", "surrogatepass") + b"\n")
        self.lines.append(line)
        if self._on_line is not None:
            self._on_line(line)

    def fault(self, who: str, kind: str, detail: str = "") -> None:
        """Adds the line of an injected fault, and counts it."""
        self.counts[kind] = self.counts.get(kind, 0) + 1
        self.note(who, f"FAULT {kind} {detail}".rstrip())

    @property
    def digest(self) -> str:
        """The hash of all lines so far."""
        return self._hash.hexdigest()
