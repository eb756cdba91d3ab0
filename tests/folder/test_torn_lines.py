"""A torn line that was written again is told from one that is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from sila_daemon.core.op_codec import LINE_BYTES_MAX
from sila_daemon.folder.torn_lines import written_again
from sila_daemon.ports.disk import SystemDisk
from tests.folder.spaces import PEER, SPACE, add_ops, make_space
from tests.folder.test_verify import verify

LINE = '[30,"vertex","title","größer als vorher"]'.encode()


def again(path: Path, *numbers: int) -> set[int]:
    return written_again(SystemDisk(), path, numbers)


@pytest.mark.parametrize("cut", range(1, len(LINE)))
def test_a_line_torn_anywhere_and_written_again_harms_nobody(cut: int, tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    line = LINE.replace(b"vertex", SPACE.encode())
    other = b'[29,"%b","k",1]' % SPACE.encode()
    add_ops(root, f"{PEER}-p.jsonl", b"%b\n%b\n%b\n%b\n" % (other, line[:cut], other, line))
    found = verify(root)
    assert found.problems == []
    assert [note.code for note in found.notes] == ["torn_line"]


@pytest.mark.parametrize("rest", [b"", b'[30,"vertex","title","another"]\n', LINE[:9] + b"\n"])
def test_a_line_that_is_not_written_again_is_a_problem(rest: bytes, tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_ops(root, f"{PEER}-p.jsonl", LINE[:30] + b"\n" + rest)
    found = verify(root)
    assert "bad_json" in {problem.code for problem in found.problems}
    assert found.notes == []


def test_only_what_follows_counts_and_only_what_was_asked(tmp_path: Path) -> None:
    path = tmp_path / "p-p.jsonl"
    path.write_bytes(b"%b\n%b\n%b\n%b\n\n" % (LINE, LINE[:9], LINE[:20], LINE))
    assert again(path, 1, 2, 3) == {2, 3}
    assert again(path, 3) == {3}
    assert again(path, 5) == again(path, 99) == again(path) == set()


def test_lines_beyond_all_measure_are_passed_over(tmp_path: Path) -> None:
    path = tmp_path / "p-p.jsonl"
    path.write_bytes(b"%b\n%b\n%b\n" % (LINE[:9], b"x" * (2 * LINE_BYTES_MAX), LINE))
    assert again(path, 1, 2) == {1}


def test_a_file_that_is_damaged_all_over_is_not_gone_through(tmp_path: Path) -> None:
    path = tmp_path / "p-p.jsonl"
    path.write_bytes((LINE[:9] + b"\n") * 100 + LINE + b"\n")
    assert again(path, *range(1, 101)) == set()
