"""Tests of appending: which file takes what, and what a failing disk may do to it."""

from __future__ import annotations

import errno
import itertools
from pathlib import Path

import pytest

from sila_daemon.core.errors import InvalidIdError, StorageError, StorageFullError
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.ports.disk import Disk, SystemDisk
from tests.clocks import HandClock
from tests.folder.faulty_disk import FaultyDisk, until_it_completes
from tests.folder.spaces import (
    DAY,
    OTHER_PEER,
    PEER,
    SPACE,
    TREE,
    SeededRandomness,
    add_ops,
    fingerprint,
    make_space,
    moves,
    ops_on_disk,
)

ME = "cc" * 16
BATCH: list[Op] = [
    MoveOp(10, ME, "a", SPACE),
    PropertyOp(11, ME, "a", 'key with " and \n', b'"x\\ud83d"'),
    MoveOp(10, OTHER_PEER, "b", SPACE),
    PropertyOp(11, OTHER_PEER, "b", "name", b'"\xc3\xa9"'),
    PropertyOp(12, OTHER_PEER, "b", "name", None),
]


def appender(root: Path, disk: Disk | None = None, seed: int = 0) -> OpAppender:
    """An appender as a process of ours starts with."""
    randomness = SeededRandomness(seed)
    return OpAppender(SpaceLayout(root), disk or SystemDisk(), HandClock(), randomness)


def names(root: Path, tree_id: str = SPACE) -> set[str]:
    """The op files of a tree on the day of these tests."""
    folder = root / "space-v1/ops" / tree_id[:2] / tree_id[2:] / DAY
    return {path.name for path in folder.iterdir()} if folder.exists() else set()


def test_each_op_goes_where_the_format_says(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    before = names(root)
    appender(root).append(SPACE, {ME}, BATCH)
    (foreign,) = [name for name in names(root) - before if name.startswith(OTHER_PEER)]
    assert names(root) - before == {f"{ME}-m.jsonl", f"{ME}-p.jsonl", foreign}
    writer = foreign.removeprefix(f"{OTHER_PEER}.").removesuffix(".jsonl")
    assert len(writer) == 16
    folder = root / "space-v1/ops" / SPACE[:2] / SPACE[2:] / DAY
    assert (folder / f"{ME}-m.jsonl").read_bytes() == b'[10,"a","%b"]\n' % SPACE.encode()
    assert (folder / f"{ME}-p.jsonl").read_bytes() == (
        b'[11,"a","key with \\" and \\n","x\\ud83d"]\n'
    )
    assert (folder / foreign).read_bytes() == (
        b'["m",10,"b","%b"]\n["p",11,"b","name","\xc3\xa9"]\n["p",12,"b","name",{}]\n'
        % SPACE.encode()
    )


def test_what_is_appended_is_read_back_and_told(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    ours = appender(root)
    for batch in (BATCH, moves(ME, 5, 20), moves(OTHER_PEER, 5, 20)):
        for place in ours.append(SPACE, {ME}, batch):
            assert place.end == place.path.stat().st_size
            assert place.path.read_bytes()[: place.start].endswith(b"\n") or place.start == 0
    deletion = BATCH[-1]
    expected = {*BATCH, *moves(ME, 5, 20), *moves(OTHER_PEER, 5, 20)} - {deletion}
    assert expected <= ops_on_disk(root)


def test_the_root_comes_last_and_in_a_file_of_its_own(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    disk = FaultyDisk()
    ops: list[Op] = [
        MoveOp(1, OTHER_PEER, "0", None),
        MoveOp(2, OTHER_PEER, TREE, None),
        MoveOp(3, OTHER_PEER, "child", TREE),
    ]
    appender(root, disk).append(TREE, {ME}, ops)
    root_file, other = disk.opened_for_writing[1], disk.opened_for_writing[0]
    assert root_file.name == other.name.replace(".jsonl", "-0.jsonl")
    assert root_file.read_bytes() == b'["m",2,"%b",null]\n' % TREE.encode()
    assert b'"0",null' in other.read_bytes()
    assert ops_on_disk(root, TREE) == set(ops)
    appender(root).append("tree", {ME}, [MoveOp(1, ME, "tree", None)])
    assert [name.endswith("-0.jsonl") for name in names(root, "tree")] == [True]


def test_one_sync_for_each_file_and_batch(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    disk = FaultyDisk()
    ours = appender(root, disk)
    ours.append(SPACE, {ME}, BATCH)
    assert disk.calls.count("sync") == 3
    disk.calls.clear()
    ours.append(SPACE, {ME}, moves(ME, 100, 50))
    assert disk.calls == ["open_append", "write", "sync"]


def test_files_of_others_are_never_opened_for_writing(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    disk = FaultyDisk()
    appender(root, disk).append(SPACE, {ME}, moves(PEER, 5))
    assert [path.name.startswith(f"{PEER}.") for path in disk.opened_for_writing] == [True]


def test_a_new_directory_is_durable_in_each_one_above(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    disk = FaultyDisk()
    appender(root, disk).append("newtree", {ME}, moves(ME, 1))
    # ops, first two characters, the rest, year, month and day, then the file's own name.
    assert disk.calls.count("sync_dir") == 7


@pytest.mark.parametrize("cut", range(1, 33))
def test_a_torn_tail_of_ours_is_closed(cut: int, tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    line = b'[10,"vertex 10","somewhere else"]'
    assert len(line) == 33
    path = add_ops(root, f"{ME}-m.jsonl", b'[9,"x","y"]\n' + line[:cut])
    (place,) = appender(root).append(SPACE, {ME}, moves(ME, 1, 11))
    assert path.read_bytes() == (
        b'[9,"x","y"]\n' + line[:cut] + b'\n[11,"vertex 11","%b"]\n' % SPACE.encode()
    )
    assert place.start == 12 + cut + 1
    assert moves(ME, 1, 11)[0] in ops_on_disk(root)


@pytest.mark.slow
@pytest.mark.parametrize("error", [errno.ENOSPC, errno.EIO, errno.EACCES, errno.EMFILE])
def test_whatever_fails_the_repeated_batch_is_there_once_it_is_claimed(
    error: int, tmp_path: Path
) -> None:
    runs = itertools.count()
    for size in (0, 3):

        def attempt(disk: FaultyDisk, size: int = size) -> None:
            root = make_space(tmp_path / f"{next(runs)}")
            before = ops_on_disk(root)
            ours = appender(root, disk)
            if size:
                ours.append(SPACE, {ME}, moves(ME, size, 100))
            batch = [*BATCH, MoveOp(2, OTHER_PEER, "root", None)]
            try:
                ours.append(SPACE, {ME}, batch)
            except StorageError as failed:
                assert isinstance(failed, StorageFullError) == (error == errno.ENOSPC)
                ours.append(SPACE, {ME}, batch)
            found = ops_on_disk(root)
            # An empty object and None are the same deletion.
            assert {op.id for op in batch} <= {op.id for op in found}
            assert before <= found

        def careful(disk: FaultyDisk) -> None:
            try:
                attempt(disk)
            except StorageError:
                assert disk.has_failed  # The first of two batches failed: nothing to repeat.

        assert until_it_completes(error, careful) > 10


def test_after_a_failed_sync_the_file_is_left(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    disk = FaultyDisk(error=errno.EIO)
    ours = appender(root, disk)
    ours.append(SPACE, {ME}, moves(ME, 1))
    disk._fail_at = len(disk.calls) + 3  # open_append, write, sync.
    with pytest.raises(StorageError):
        ours.append(SPACE, {ME}, moves(ME, 1, 20))
    left = disk.opened_for_writing[-1]
    size = left.stat().st_size
    disk.opened_for_writing.clear()
    ours.append(SPACE, {ME}, moves(ME, 1, 20))
    ours.append(SPACE, {ME}, moves(ME, 1, 21))
    assert left not in disk.opened_for_writing and left.stat().st_size == size
    assert {path.name.partition(".")[0] for path in disk.opened_for_writing} == {ME}
    assert {*moves(ME, 2, 20)} <= ops_on_disk(root)


def test_a_full_disk_keeps_the_file_and_closes_its_tail(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    disk = FaultyDisk(error=errno.ENOSPC)
    ours = appender(root, disk)
    ours.append(SPACE, {ME}, moves(ME, 1))
    disk._fail_at = len(disk.calls) + 2
    with pytest.raises(StorageFullError):
        ours.append(SPACE, {ME}, moves(ME, 3, 20))
    ours.append(SPACE, {ME}, moves(ME, 3, 20))
    assert {path.name for path in disk.opened_for_writing} == {f"{ME}-m.jsonl"}
    assert {*moves(ME, 3, 20)} <= ops_on_disk(root)


def test_what_was_durable_of_a_failed_batch_is_not_written_twice(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    disk = FaultyDisk(error=errno.EIO)
    ours = appender(root, disk)
    ours.append(SPACE, {ME}, [])
    own: list[Op] = [MoveOp(10, ME, "a", SPACE), PropertyOp(11, ME, "a", "k", b"1")]
    ours.append(SPACE, {ME}, [*moves(ME, 1, 5), PropertyOp(6, ME, "a", "k", b"0")])
    disk._fail_at = len(disk.calls) + 6
    with pytest.raises(StorageError):
        ours.append(SPACE, {ME}, own)
    ours.append(SPACE, {ME}, own)
    path = disk.opened_for_writing[0]
    assert path.name == f"{ME}-m.jsonl" and path.read_bytes().count(b"\n") == 2


def test_a_missing_space_is_not_made_anew(tmp_path: Path) -> None:
    root = tmp_path / "s"
    ours = appender(root)
    with pytest.raises(StorageError):
        ours.append(SPACE, {ME}, BATCH)
    assert not root.exists()


def test_links_in_the_way_are_not_followed(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    outside = tmp_path / "outside"
    outside.write_bytes(b"")
    folder = root / "space-v1/ops" / SPACE[:2] / SPACE[2:] / DAY
    (folder / f"{ME}-m.jsonl").symlink_to(outside)
    ours = appender(root)
    with pytest.raises(StorageError):
        ours.append(SPACE, {ME}, moves(ME, 1))
    ours.append(SPACE, {ME}, moves(ME, 1))
    assert outside.read_bytes() == b""
    assert moves(ME, 1)[0] in ops_on_disk(root)


@pytest.mark.parametrize(
    "place", ["", "ops", f"ops/{SPACE[:2]}", f"ops/{SPACE[:2]}/{SPACE[2:]}/2026"]
)
@pytest.mark.parametrize("batches_before", [0, 1])
def test_a_link_on_the_way_is_not_followed_even_when_it_comes_later(
    place: str, batches_before: int, tmp_path: Path
) -> None:
    root = make_space(tmp_path / "s")
    ours = appender(root)
    for number in range(batches_before):
        ours.append(SPACE, {ME}, moves(ME, 1, number + 1))
    swapped = root / "space-v1" / place
    outside = swapped.rename(tmp_path / "outside")
    swapped.symlink_to(outside)
    before = fingerprint(outside)
    with pytest.raises(StorageError):
        ours.append(SPACE, {ME}, BATCH)
    assert fingerprint(outside) == before


@pytest.mark.parametrize("peer", ["../x", "", "a b", "x" * 129])
def test_unsafe_peers_are_refused_before_anything_is_written(peer: str, tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    before = names(root)
    with pytest.raises(InvalidIdError):
        appender(root).append(SPACE, {ME}, [*BATCH, *moves(peer, 1)])
    with pytest.raises(InvalidIdError):
        appender(root).append("../../x", {ME}, BATCH)
    assert names(root) == before


class FoldingDisk(SystemDisk):
    """A disk that takes names for the same that differ only in case."""

    def stat(self, path: Path):  # type: ignore[no-untyped-def]
        """Finds a name whatever its case."""
        for other in path.parent.iterdir() if path.parent.exists() else ():
            if other.name.casefold() == path.name.casefold():
                return super().stat(other)
        return super().stat(path)


def test_ids_that_differ_in_case_are_refused_where_that_matters(tmp_path: Path) -> None:
    root = make_space(tmp_path / "s")
    add_ops(root, "Ab-m.jsonl", b"")
    with pytest.raises(InvalidIdError):
        appender(root, FoldingDisk()).append(SPACE, {"aB"}, moves("aB", 1))
    appender(root).append(SPACE, {"aB"}, moves("aB", 1))
