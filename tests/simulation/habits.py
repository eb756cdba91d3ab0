"""How the other program in a folder works: drawn for each plan."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class AppHabits:
    """How it writes."""

    syncs: bool = True
    """Else nothing of it is promised before a power cut has spared it."""
    ends_lines_late: bool = False
    """Writes the newline of a line with the next one, or some time after it."""
    compacts: bool = False
    """Rewrites its property files in place, without what is superseded."""
