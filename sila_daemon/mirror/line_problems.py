"""How many lines of the folder's op files say something that cannot be read."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from sila_daemon.folder.problems import printable
from sila_daemon.folder.torn_lines import TornLines, may_be_torn
from sila_daemon.store.positions import REMARK_CODES

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.folder.problems import Problem
    from sila_daemon.ports.disk import Disk, FileStat
    from sila_daemon.ports.workers import Workers
    from sila_daemon.store.positions import FileProgress, Positions


class LineProblems:
    """Looks again at lines that may have been torn and written again, when their file changes.

    A file with such lines is read whole for this once, then only what came to it since: a peer may
    append to it all day.
    """

    def __init__(self, root: Path, disk: Disk, workers: Workers, positions: Positions) -> None:
        self._root = root
        self._disk = disk
        self._workers = workers
        self._positions = positions
        self._looks: dict[str, _Look] = {}
        """By file, as problems name it."""
        self.total = 0
        """How many were more than remarks when they were counted."""
        self.is_due = False
        """Whether what was read since then tells of others, or of what may mend some."""
        self._are_counted = False
        """Whether nothing was read since they were counted: without problems none come then."""
        self._is_any = True
        self._paths: set[str] = set()
        """The files in which they were."""

    def was_read(self, progress: FileProgress) -> None:
        """Takes note of a part of a file that was read and stored."""
        self._are_counted = False
        path = printable(progress.position.path)
        if progress.is_restart:
            self._looks.pop(path, None)
        self.is_due |= path in self._paths
        self.is_due |= any(problem.code not in REMARK_CODES for problem in progress.problems)

    async def count(self) -> None:
        """Counts those that are more than remarks. Raises StorageError."""
        if self._are_counted and not self._is_any:
            return
        # First: what is read meanwhile is counted the next time, and so is what cannot be read now.
        self._are_counted = self._is_any = True
        self.is_due = False
        problems = await self._positions.problems()
        self._is_any = bool(problems)
        suspects: dict[str, set[int]] = {}
        for problem in filter(may_be_torn, problems):
            suspects.setdefault(problem.path, set()).add(problem.line or 0)
        settled: list[Problem] = []
        if suspects:
            torn = await self._workers.run(lambda: self._torn(suspects))
            settled = [
                problem
                for problem in problems
                if may_be_torn(problem) and problem.line in torn.get(problem.path, ())
            ]
            await self._positions.note_torn(settled)
        blocking = [problem for problem in problems if problem.code not in REMARK_CODES]
        self._paths = {problem.path for problem in blocking}
        self.total = len(blocking) - len(settled)

    def _torn(self, suspects: dict[str, set[int]]) -> dict[str, set[int]]:
        """Returns the lines that were written again, by file."""
        torn: dict[str, set[int]] = {}
        for relative, lines in suspects.items():
            path = self._root / relative
            try:
                stat = self._disk.stat(path)
                if stat is None or stat.is_dataless:
                    continue  # It was read, and is not brought here again for this.
                look = self._looks.get(relative)
                if look is None or not look.is_of(stat):
                    look = self._looks[relative] = _Look(stat, TornLines(self._disk, path))
                if (look.stat, look.lost) != (stat, lines):
                    torn[relative] = look.file.written_again(lines)
                    look.stat, look.lost = stat, lines - torn[relative]
            except OSError:
                continue  # The scan tells what cannot be read.
        return torn


@dataclass(slots=True)
class _Look:
    """How far a file was looked through, and what it was then."""

    stat: FileStat
    file: TornLines
    lost: set[int] = field(default_factory=set)
    """Lines that were asked for and are not written again."""

    def is_of(self, stat: FileStat) -> bool:
        """Tells whether the file may only have grown since."""
        return stat.inode == self.stat.inode and stat.size >= self.file.offset
