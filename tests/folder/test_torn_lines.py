"""A torn line that was written again is told from one that is lost."""

from __future__ import annotations

from pathlib import Path

import pytest

from sila_daemon.core.op_codec import LINE_BYTES_MAX
from sila_daemon.folder.torn_lines import TornLines, written_again
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


def test_a_look_goes_on_where_the_last_one_ended(tmp_path: Path) -> None:
    path = tmp_path / "p-p.jsonl"
    lines = TornLines(SystemDisk(), path)
    path.write_bytes(b"%b\n%b" % (LINE[:9], LINE[:20]))
    assert lines.written_again({1, 2}) == set(), "the second has no end yet"
    assert lines.offset == 10
    with path.open("ab") as file:
        file.write(b"\n%b\n" % LINE)
    assert lines.written_again({1, 2}) == {1, 2}
    assert lines.offset == path.stat().st_size
    path.unlink()
    with pytest.raises(FileNotFoundError):
        lines.written_again({1})


def test_a_line_that_nobody_asked_for_before_is_looked_for_from_the_beginning(
    tmp_path: Path,
) -> None:
    path = tmp_path / "p-p.jsonl"
    path.write_bytes(b"%b\n%b\n%b\n" % (LINE[:9], b"[1" + b"x" * 5000, LINE))
    lines = TornLines(SystemDisk(), path)
    assert lines.written_again({2}) == set()
    assert lines.written_again({1, 2}) == {1}
    with path.open("ab") as file:
        file.write(b"[1" + b"x" * 4999 + b"y]\n")
    assert lines.written_again({2}) == set(), "only the whole piece counts"
    with path.open("ab") as file:
        file.write(b"[1" + b"x" * 5000 + b"y]\n")
    assert lines.written_again({2}) == {2}


def test_a_line_beyond_all_measure_is_passed_over_from_look_to_look(tmp_path: Path) -> None:
    path = tmp_path / "p-p.jsonl"
    path.write_bytes(b"%b\n%b" % (LINE[:9], b"x" * (2 * LINE_BYTES_MAX)))
    lines = TornLines(SystemDisk(), path)
    assert lines.written_again({1, 2}) == set()
    with path.open("ab") as file:
        file.write(b"\n%b\n" % LINE)
    assert lines.written_again({1, 2}) == {1}
    assert lines.offset == path.stat().st_size
