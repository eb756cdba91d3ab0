"""Tests of reading op files as a stream: tails, offsets, line numbers, bounded memory."""

from __future__ import annotations

import tracemalloc
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.op_codec import LINE_BYTES_MAX, LineKind, Row, to_op
from sila_daemon.folder.op_reader import CHUNK_BYTES, FileChunk, read_op_file
from sila_daemon.ports.disk import SystemDisk

if TYPE_CHECKING:
    from sila_daemon.core.ops import Op
    from sila_daemon.folder.problems import Problem

LINES = [
    b'[1,"0",null]\n',
    b'[2,"a","0"]\n',
    '[3,"é✨","a"]\n'.encode(),
    b'[4,"b","a"]\r\n',
    b'[5,"c","b"]\n',
]


def read(
    path: Path, kind: LineKind = LineKind.MOVES, start: int = 0, first_line: int = 1
) -> tuple[list[Op], list[Problem], FileChunk]:
    """Everything in a file, and its last chunk."""
    ops: list[Op] = []
    problems: list[Problem] = []
    last = None
    for chunk in read_op_file(
        SystemDisk(), path, path.name, kind, start=start, first_line=first_line
    ):
        rows: list[Row] = [*chunk.decoded.moves, *chunk.decoded.properties]
        ops += [to_op("p", row) for row in rows]
        problems += chunk.problems
        last = chunk
    assert last is not None
    return ops, problems, last


def counters(ops: list[Op]) -> list[int]:
    """What tells the ops of these tests apart."""
    return [op.counter for op in ops]


@pytest.mark.parametrize("cut", range(len(b"".join(LINES)) + 1))
def test_every_cut_position(cut: int, tmp_path: Path) -> None:
    """Whole lines are taken; a tail is taken if it parses; reading resumes before it."""
    path = tmp_path / "p-m.jsonl"
    whole = b"".join(LINES)
    path.write_bytes(whole[:cut])
    ops, problems, last = read(path)
    complete = whole[:cut].count(b"\n")
    end = sum(len(line) for line in LINES[:complete])
    tail = whole[end:cut]
    is_parsed = tail.rstrip(b"\r").endswith(b"]")
    assert counters(ops) == list(range(1, complete + is_parsed + 1))
    assert (last.end, last.next_line) == (end, complete + 1)
    is_torn = bool(tail) and not is_parsed
    assert [(problem.code, problem.line) for problem in problems] == (
        [("torn_tail", complete + 1)] if is_torn else []
    )
    path.write_bytes(whole)
    rest, problems, last = read(path, start=end, first_line=complete + 1)
    assert counters(rest) == list(range(complete + 1, 6))
    assert (problems, last.end, last.next_line) == ([], len(whole), 6)


def test_a_tail_of_zeros_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "p-m.jsonl"
    path.write_bytes(LINES[0] + bytes(50))
    ops, problems, last = read(path)
    assert counters(ops) == [1]
    assert [problem.code for problem in problems] == ["torn_tail"]
    assert last.end == len(LINES[0])


def test_an_empty_file_yields_one_chunk(tmp_path: Path) -> None:
    path = tmp_path / "p-m.jsonl"
    path.touch()
    ops, problems, last = read(path)
    assert (ops, problems, last.end, last.next_line) == ([], [], 0, 1)


def test_lines_have_their_numbers_across_chunks(tmp_path: Path) -> None:
    path = tmp_path / "p-p.jsonl"
    text = "x" * 1000
    lines = [f'[{number},"v","k","{text}"]\n' for number in range(1, 3001)]
    lines[2499] = "not JSON\n"
    lines[10] = "\n"
    path.write_text("".join(lines))
    assert path.stat().st_size > 2 * CHUNK_BYTES
    ops, problems, last = read(path, LineKind.PROPERTIES)
    assert len(ops) == 2998
    assert [(problem.line, problem.code) for problem in problems] == [(2500, "bad_json")]
    assert (last.end, last.next_line) == (path.stat().st_size, 3001)


def test_line_separators_of_unicode_do_not_separate(tmp_path: Path) -> None:
    path = tmp_path / "p-p.jsonl"
    path.write_text('[1,"v","k","a\u2028b\u0085c"]\n')
    ops, problems, _ = read(path, LineKind.PROPERTIES)
    assert len(ops) == 1 and problems == []


def test_an_overlong_line_is_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "p-p.jsonl"
    with path.open("wb") as file:
        file.write(b'[1,"v","k",1]\n[2,"v","k","')
        for _ in range((LINE_BYTES_MAX >> 20) + 4):
            file.write(b"x" * (1 << 20))
        file.write(b'"]\n[3,"v","k",3]\n')
    tracemalloc.start()
    ops, problems, last = read(path, LineKind.PROPERTIES)
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert counters(ops) == [1, 3]
    assert [(problem.line, problem.code) for problem in problems] == [(2, "line_too_long")]
    assert (last.end, last.next_line) == (path.stat().st_size, 4)
    assert peak < 3 * LINE_BYTES_MAX


def test_an_overlong_tail_is_left_alone(tmp_path: Path) -> None:
    path = tmp_path / "p-p.jsonl"
    path.write_bytes(b'[1,"v","k",1]\n[2,"v","k","' + b"x" * (LINE_BYTES_MAX + 1))
    ops, problems, last = read(path, LineKind.PROPERTIES)
    assert counters(ops) == [1]
    assert [(problem.line, problem.code) for problem in problems] == [(2, "line_too_long")]
    assert last.end == 14


def test_memory_does_not_grow_with_the_file(tmp_path: Path) -> None:
    path = tmp_path / "p-p.jsonl"
    line = b'[1,"v","k","%b"]\n' % (b"x" * 2000)
    with path.open("wb") as file:
        for _ in range(16):
            file.write(line * 1000)
    tracemalloc.start()
    total = sum(
        len(chunk.decoded.properties)
        for chunk in read_op_file(SystemDisk(), path, path.name, LineKind.PROPERTIES)
    )
    peak = tracemalloc.get_traced_memory()[1]
    tracemalloc.stop()
    assert total == 16_000
    assert peak < 12 * CHUNK_BYTES < path.stat().st_size


def test_the_older_typed_form(tmp_path: Path) -> None:
    path = tmp_path / "p.jsonl"
    path.write_bytes(b'["m",1,"0",null]\n["p",2,"0","_c","x"]\n["x",3]\n"a string"\n')
    ops, problems, _ = read(path, LineKind.TYPED)
    assert counters(ops) == [1, 2]
    assert [problem.line for problem in problems] == [3, 4]
