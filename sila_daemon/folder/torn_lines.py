"""Tells a line that its writer tore and wrote again from one whose op is lost.

A writer that found the disk full in the midst of a line ends the torn piece with a newline and
writes the whole line after it. So a piece that cannot be read, and with which a later line of the
same file begins, says nothing that is not said there. That follows from the file alone, on every
device that the file comes to, and hides no damage: what is not repeated stays a problem.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING

from sila_daemon.core.op_codec import LINE_BYTES_MAX

if TYPE_CHECKING:
    from pathlib import Path

    from sila_daemon.folder.problems import Problem
    from sila_daemon.ports.disk import Disk

TORN_LINE = "torn_line"
"""The code of such a line: a remark, as nothing is lost."""

_CUT_CODES = frozenset({"bad_json", "not_utf8"})
"""What the beginning of a line looks like."""

_PIECES_MAX = 64
"""Looked for in one file: with more of them it is not a torn line that is wrong with it."""

_BEGINNING_BYTES = 1024

_CHUNK_BYTES = 1 << 20


def may_be_torn(problem: Problem) -> bool:
    """Tells whether a problem may be that of a torn line."""
    return problem.line is not None and problem.code in _CUT_CODES


def as_torn(problem: Problem) -> Problem:
    """Returns the remark in place of the problem of a torn line."""
    return replace(problem, code=TORN_LINE, message="torn as it was written, and written again")


def with_torn_lines(disk: Disk, path: Path, problems: list[Problem]) -> list[Problem]:
    """Returns the problems of one file, those of torn lines as remarks. Raises OSError."""
    suspects = {problem.line for problem in problems if may_be_torn(problem)}
    torn = written_again(disk, path, [line for line in suspects if line is not None])
    if not torn:
        return problems
    return [
        as_torn(problem) if problem.line in torn and may_be_torn(problem) else problem
        for problem in problems
    ]


def written_again(disk: Disk, path: Path, numbers: Collection[int]) -> set[int]:
    """Returns which of these lines, counted from 1, a later line begins with. Raises OSError."""
    return TornLines(disk, path).written_again(numbers)


class TornLines:
    """Looks through one file for lines that are written again; each look goes on after the last.

    So a file that only grows is read once, however often it is asked of. One that was replaced or
    lost something needs another of these.
    """

    def __init__(self, disk: Disk, path: Path) -> None:
        self._disk = disk
        self._path = path
        self._begin()

    def _begin(self) -> None:
        self.offset = 0
        """Bytes that were looked through: whole lines."""
        self._line_count = 0
        self._asked: set[int] = set()
        self._pieces: dict[int, _Piece] = {}
        self._found: set[int] = set()

    def written_again(self, numbers: Collection[int]) -> set[int]:
        """Returns which of these lines, counted from 1, a later line begins with.

        Raises OSError; the next look goes on all the same.
        """
        if not 0 < len(numbers) <= _PIECES_MAX:
            return set()
        if any(number <= self._line_count and number not in self._asked for number in numbers):
            # A line that was passed over before somebody asked for it: kept is only what is asked.
            self._begin()
        self._look_on(frozenset(numbers))
        return self._found.intersection(numbers)

    def _look_on(self, numbers: frozenset[int]) -> None:
        beginnings = self._beginnings()
        for line, end in _lines(self._disk, self._path, self.offset):
            number = self._line_count + 1
            # All at once, as the lines are many and nearly none begins like this.
            if beginnings and line.startswith(beginnings):
                again = {known for known, piece in self._pieces.items() if piece.begins(line)}
                self._found |= again
                for known in again:
                    del self._pieces[known]
                beginnings = self._beginnings()
            if number in numbers:
                self._asked.add(number)
                if line:
                    self._pieces[number] = _Piece.of(line)
                    beginnings = self._beginnings()
            self._line_count, self.offset = number, end

    def _beginnings(self) -> tuple[bytes, ...]:
        return tuple({piece.beginning for piece in self._pieces.values()})


@dataclass(frozen=True, slots=True)
class _Piece:
    """A line that may be torn, in little memory: it is kept for as long as nothing mends it."""

    beginning: bytes
    size: int
    digest: bytes
    """SHA-256 of the whole piece."""

    @classmethod
    def of(cls, line: bytes) -> _Piece:
        return cls(line[:_BEGINNING_BYTES], len(line), hashlib.sha256(line).digest())

    def begins(self, line: bytes) -> bool:
        """Tells whether a line is this and more."""
        if len(line) <= self.size or not line.startswith(self.beginning):
            return False
        return hashlib.sha256(line[: self.size]).digest() == self.digest


def _lines(disk: Disk, path: Path, offset: int) -> Iterable[tuple[bytes, int]]:
    """Yields whole lines without their newline, and where each ends, with it.

    One that is too long for an op comes as empty.
    """
    rest, end = b"", offset
    skipped = 0
    with disk.open_read(path) as file:
        while block := file.read_at(offset, _CHUNK_BYTES):
            offset += len(block)
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                end += skipped + len(line) + 1
                yield b"" if skipped else line, end
                skipped = 0
            if len(rest) > LINE_BYTES_MAX:
                skipped += len(rest)
                rest = b""
