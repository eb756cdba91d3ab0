"""Reads an op file as a stream: whole lines only, in bounded memory, from any recorded offset.

A last line without a newline may still be growing. It is taken when it parses, left alone when
it does not, and in both cases the resume offset stays before it.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from sila_daemon.core.op_codec import LINE_BYTES_MAX, DecodedChunk, LineKind, decode_chunk
from sila_daemon.folder.problems import Problem

if TYPE_CHECKING:
    from sila_daemon.ports.disk import Disk, ReadableFile

CHUNK_BYTES = 1 << 20
"""Enough to make one call of the decoder worth it, little enough to hold many at once."""

_TAIL_CODES = {"bad_json", "not_utf8"}


@dataclass(slots=True)
class FileChunk:
    """The ops of some whole lines, and where they end."""

    decoded: DecodedChunk
    """Its own problems are counted within the chunk; use `problems` instead."""
    problems: list[Problem]
    end: int
    """The offset after the last complete line seen so far: where a later read may resume."""
    next_line: int
    """The number of the line that begins at `end`, counted from 1."""
    is_tail: bool = False
    """Whether this is a last line without its end, which may still change."""


def read_op_file(
    disk: Disk,
    path: Path,
    relative: str,
    kind: LineKind,
    *,
    start: int = 0,
    first_line: int = 1,
) -> Iterator[FileChunk]:
    """Yields the ops of a file from `start`, which is the beginning of line `first_line`.

    Yields at least one chunk, empty for an empty file. Raises OSError.
    """
    with disk.open_read(path) as file:
        cutter = _LineCutter(file, start)
        line, end = first_line, start
        for piece in cutter.pieces():
            decoded = decode_chunk(kind, piece.data)
            problems = [
                Problem(relative, line + found.line, found.code, found.message)
                for found in decoded.problems
            ]
            if piece.is_too_long:
                message = f"longer than {LINE_BYTES_MAX >> 20} MiB: passed over"
                problems.append(Problem(relative, line, "line_too_long", message))
            if piece.is_tail:
                problems = [_tail_problem(problem) for problem in problems]
            else:
                line += piece.newline_count
                end = piece.end
            yield FileChunk(decoded, problems, end, line, piece.is_tail)
        if cutter.is_empty:
            yield FileChunk(DecodedChunk(), [], end, line)


def lines_about(disk: Disk, path: Path, kind: LineKind, text: bytes) -> Iterator[DecodedChunk]:
    """Yields the ops of the whole lines that have a text somewhere, and decodes no others.

    What cannot be read is passed over. Raises OSError.
    """
    with disk.open_read(path) as file:
        for piece in _LineCutter(file, 0).pieces():
            if text in piece.data:
                lines = [line for line in piece.data.splitlines(keepends=True) if text in line]
                yield decode_chunk(kind, b"".join(lines))


def _tail_problem(problem: Problem) -> Problem:
    if problem.code not in _TAIL_CODES:
        return problem
    message = "the last line is not complete: left alone until it is"
    return Problem(problem.path, problem.line, "torn_tail", message)


@dataclass(slots=True)
class _Piece:
    data: bytes
    end: int
    newline_count: int
    is_tail: bool = False
    is_too_long: bool = False


class _LineCutter:
    """Cuts a file into runs of whole lines, an overlong line into nothing."""

    def __init__(self, file: ReadableFile, start: int) -> None:
        self._file = file
        self._offset = start
        self._carry = bytearray()
        self._is_skipping = False
        self.is_empty = True

    def pieces(self) -> Iterator[_Piece]:
        """Yields pieces that end with a newline, then perhaps one that does not."""
        while block := self._file.read_at(self._offset, CHUNK_BYTES):
            self._offset += len(block)
            yield from self._take(block)
        if self._carry or self._is_skipping:
            self.is_empty = False
            yield _Piece(bytes(self._carry), self._offset, 0, True, self._is_skipping)

    def _take(self, block: bytes) -> Iterator[_Piece]:
        base = self._offset - len(block)
        if self._carry or self._is_skipping:
            first = block.find(b"\n") + 1
            if not first:
                self._hold(block)
                return
            self._hold(block[:first])
            yield self._released(base + first)
            block, base = block[first:], base + first
        cut = block.rfind(b"\n") + 1
        if cut:
            yield self._piece(block[:cut], base + cut)
        self._hold(block[cut:])

    def _hold(self, part: bytes) -> None:
        """Keeps the beginning of a line, unless the line is too long already."""
        if not self._is_skipping:
            self._carry += part
            if len(self._carry.rstrip(b"\n")) > LINE_BYTES_MAX:
                self._carry.clear()
                self._is_skipping = True

    def _released(self, end: int) -> _Piece:
        if self._is_skipping:
            self._is_skipping = self.is_empty = False
            return _Piece(b"", end, 1, is_too_long=True)
        data = bytes(self._carry)
        self._carry.clear()
        return self._piece(data, end)

    def _piece(self, data: bytes, end: int) -> _Piece:
        self.is_empty = False
        return _Piece(data, end, data.count(b"\n"))
