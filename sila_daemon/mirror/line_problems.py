"""How many lines of the folder's op files say something that cannot be read."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.folder.torn_lines import may_be_torn, written_again
from sila_daemon.store.positions import REMARK_CODES

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.folder.problems import Problem
    from sila_daemon.ports.disk import Disk, FileStat
    from sila_daemon.ports.workers import Workers
    from sila_daemon.store.positions import Positions


class LineProblems:
    """Looks again at lines that may have been torn and written again, when their file changes."""

    def __init__(self, root: Path, disk: Disk, workers: Workers, positions: Positions) -> None:
        self._root = root
        self._disk = disk
        self._workers = workers
        self._positions = positions
        self._looked_at: dict[str, tuple[FileStat, set[int]]] = {}
        """Which lines of a file are not written again, and what the file was then."""
        self.are_counted = False
        """Whether nothing was read since they were counted: without problems none come then."""
        self._is_any = True

    async def count(self) -> int:
        """Returns how many problems are more than remarks. Raises StorageError."""
        if self.are_counted and not self._is_any:
            return 0
        # First: what is read meanwhile is counted the next time, and so is what cannot be read now.
        self.are_counted = self._is_any = True
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
        return len(blocking) - len(settled)

    def _torn(self, suspects: dict[str, set[int]]) -> dict[str, set[int]]:
        """Returns the lines that were written again, by file."""
        known, self._looked_at = self._looked_at, {}
        torn: dict[str, set[int]] = {}
        for relative, lines in suspects.items():
            path = self._root / relative
            try:
                stat = self._disk.stat(path)
                if stat is None:
                    continue
                if known.get(relative) != (stat, lines):
                    torn[relative] = written_again(self._disk, path, lines)
            except OSError:
                continue  # The scan tells what cannot be read.
            self._looked_at[relative] = stat, lines - torn.get(relative, set())
        return torn
