"""The lines that were run before, newest last; kept from one sitting to the next."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from sila_tui.memory import Memory

SECTION = "commands"


class History:
    """Goes back and forth through what was run, among the lines that begin as this one."""

    def __init__(self, memory: Memory) -> None:
        self._memory = memory
        self._lines = memory.keys(SECTION)
        self._at = len(self._lines)
        self._begun = ""

    def note(self, line: str) -> None:
        """Keeps a line as the newest; one that begins with a blank is not kept, as in shells."""
        if line.strip() and not line.startswith(" "):
            newest = self._lines[-1:] and self._memory.number(SECTION, self._lines[-1])
            self._memory.put(SECTION, line, (newest or 0) + 1)

    def begin(self, line: str) -> None:
        """Takes what was typed as the beginning that older lines must have."""
        self._at, self._begun = len(self._lines), line

    def step(self, step: int) -> str | None:
        """The line before (-1) or after (1) the one shown; None when there is no further one."""
        at = self._at + step
        while 0 <= at < len(self._lines):
            if self._lines[at].startswith(self._begun):
                self._at = at
                return self._lines[at]
            at += step
        if step > 0 and self._at < len(self._lines):
            self._at = len(self._lines)
            return self._begun
        return None
