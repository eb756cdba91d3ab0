"""Completes a path of this machine in the line of a command."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING

from sila_daemon.core.errors import UsageError
from sila_tui.command_words import Candidate, begun_argument

if TYPE_CHECKING:
    from sila_tui.local_paths import Completion


@dataclass(frozen=True)
class PathBegun:
    """A path at the end of a line."""

    head: str
    """What stands before it."""
    path: str
    is_last: bool
    """Whether nothing can follow it: then it needs no quotes."""
    only_folders: bool

    def line(self, path: str, *, is_whole: bool) -> str:
        """The line with another path, whose quotes stay open while it can go on."""
        if self.is_last or not any(char in path for char in " '\""):
            return f"{self.head} {path}"
        quote = '"' if "'" in path else "'"
        return f"{self.head} {quote}{path}{quote if is_whole else ''}"

    def become(self, found: Completion) -> str:
        """The line as far as it is certain."""
        is_whole = not found.names and not found.note and not found.line.endswith("/")
        return self.line(found.line, is_whole=is_whole)

    def candidates(self, found: Completion) -> list[Candidate]:
        """The lines that this one may become."""
        above, slash, _ = found.line.rpartition("/")
        return [
            Candidate(self.line(above + slash + name, is_whole=not name.endswith("/")), name)
            for name in found.names
        ]


def path_begun(line: str) -> PathBegun | None:
    """The path that a line ends with; None where no path of this machine is meant."""
    try:
        command, head, before, begun = begun_argument(line)
    except UsageError:
        return None
    if len(before) >= len(command.arguments) or not begun or "://" in begun:
        return None
    argument = command.arguments[len(before)]
    if argument.kind not in ("file", "folder"):
        return None
    is_last = len(before) == len(command.arguments) - 1
    return PathBegun(head, begun, is_last, only_folders=argument.kind == "folder")
