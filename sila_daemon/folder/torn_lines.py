"""Tells a line that its writer tore and wrote again from one whose op is lost.

A writer that found the disk full in the midst of a line ends the torn piece with a newline and
writes the whole line after it. So a piece that cannot be read, and with which a later line of the
same file begins, says nothing that is not said there. That follows from the file alone, on every
device that the file comes to, and hides no damage: what is not repeated stays a problem.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable
from dataclasses import replace
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
    if not 0 < len(numbers) <= _PIECES_MAX:
        return set()
    found: set[int] = set()
    pieces: dict[int, bytes] = {}
    for number, line in enumerate(_lines(disk, path), 1):
        for known, piece in list(pieces.items()):
            if len(line) > len(piece) and line.startswith(piece):
                found.add(known)
                del pieces[known]
        if number in numbers and line:
            pieces[number] = line
    return found


def _lines(disk: Disk, path: Path) -> Iterable[bytes]:
    """Yields whole lines without their newline; one that is too long for an op as empty."""
    rest, offset = b"", 0
    is_skipping = False
    with disk.open_read(path) as file:
        while block := file.read_at(offset, _CHUNK_BYTES):
            offset += len(block)
            *whole, rest = (rest + block).split(b"\n")
            for line in whole:
                yield b"" if is_skipping else line
                is_skipping = False
            if len(rest) > LINE_BYTES_MAX:
                rest, is_skipping = b"", True
