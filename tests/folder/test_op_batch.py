"""Ops of many trees that are appended together: what is synced when, what counts after errors."""

from __future__ import annotations

import errno
import os
from collections import Counter
from collections.abc import Callable
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import StorageError
from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.folder import op_batch
from sila_daemon.folder.layout import SpaceLayout
from sila_daemon.folder.op_appender import OpAppender
from sila_daemon.folder.op_batch import FILES_AT_ONCE, WINDOW_BYTES_MAX
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.workers import ThreadWorkers
from tests.clocks import HandClock
from tests.folder.busy_workers import BusyWorkers
from tests.folder.spaces import DAY, SeededRandomness, make_space, ops_on_disk

if TYPE_CHECKING:
    from sila_daemon.folder.op_batch import OpBatch
    from sila_daemon.ports.descriptors import Descriptor, ReadDescriptor

AUTHORS = ("aa" * 16, "bb" * 16)
TREES = tuple(f"{number:032x}" for number in range(0x30, 0x90, 0x20))

Trees = dict[str, list[Op]]


class NotingDisk(SystemDisk):
    """The real disk; notes what is written and synced, and refuses some of it."""

    def __init__(self) -> None:
        self.calls: list[tuple[str, Path]] = []
        self.open_now: set[Path] = set()
        self.open_max = 0
        self.refuses: Callable[[str, Path], bool] = lambda what, path: False
        self.code = errno.EIO

    def _note(self, what: str, path: Path) -> None:
        self.calls.append((what, path))
        if self.refuses(what, path):
            raise OSError(self.code, os.strerror(self.code), str(path))

    def create(self, path: Path) -> Descriptor:
        self._note("create", path)
        return self._noted(super().create(path), path)

    def open_read(self, path: Path) -> ReadDescriptor:
        self._note("open_read", path)
        return super().open_read(path)

    def open_append(self, path: Path) -> Descriptor:
        return self._noted(super().open_append(path), path)

    def sync_dir(self, path: Path) -> None:
        self._note("sync_dir", path)
        super().sync_dir(path)

    def _noted(self, file: Descriptor, path: Path) -> Descriptor:
        write, sync, close = file.write, file.sync, file.close

        def noted_write(data: bytes) -> None:
            self._note("write", path)
            write(data)

        def noted_sync() -> None:
            self._note("sync", path)
            sync()

        def noted_close() -> None:
            self.open_now.discard(path)
            close()
            self._note("close", path)

        file.write, file.sync, file.close = noted_write, noted_sync, noted_close  # type: ignore[method-assign]
        self.open_now.add(path)
        self.open_max = max(self.open_max, len(self.open_now))
        return file

    def paths(self, what: str) -> list[Path]:
        """Of which calls of one kind were made, in their order."""
        return [path for name, path in self.calls if name == what]

    def when(self, what: str, path: Path) -> int:
        """The number of the last such call."""
        return max(number for number, call in enumerate(self.calls) if call == (what, path))


def appender(root: Path, disk: NotingDisk) -> OpAppender:
    return OpAppender(SpaceLayout(root), disk, HandClock(), SeededRandomness())


def appended(ours: OpAppender, trees: Trees) -> OpBatch:
    batch = ours.batch((), trees)
    batch.run()
    return batch


def of_two_authors(*tree_ids: str, has_root: bool = False) -> Trees:
    """Ops of two files each, and the root's."""
    trees: Trees = {}
    for tree_id in tree_ids:
        trees[tree_id] = [MoveOp(2, AUTHORS[0], tree_id, None)] if has_root else []
        trees[tree_id] += [MoveOp(3, author, f"v{author}", tree_id) for author in AUTHORS]
    return trees


def day_of(root: Path, tree_id: str) -> Path:
    return root / "space-v1" / "ops" / tree_id[:2] / tree_id[2:] / DAY


def times_written(root: Path, line: bytes) -> int:
    return sum(path.read_bytes().count(line) for path in root.rglob("*.jsonl"))


def test_everything_is_written_before_the_first_sync_and_each_directory_synced_once(
    tmp_path: Path,
) -> None:
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    trees = of_two_authors(*TREES)
    batch = appended(appender(root, disk), trees)
    batch.raise_failure()

    files = disk.paths("write")
    assert len(files) == 2 * len(TREES)
    first_sync = min(disk.when("sync", path) for path in files)
    assert max(disk.when("write", path) for path in files) < first_sync
    assert Counter(disk.paths("sync")) == dict.fromkeys(files, 1)
    directories = Counter(disk.paths("sync_dir"))
    assert max(directories.values()) == 1
    assert all(disk.when("sync_dir", path.parent) > disk.when("sync", path) for path in files)
    assert {above for path in files for above in path.parents[:6]} <= directories.keys()
    assert list(batch.appended) == list(TREES)
    for tree_id, ops in trees.items():
        assert ops_on_disk(root, tree_id) == set(ops)


def test_roots_are_written_when_all_else_of_their_trees_is_durable(tmp_path: Path) -> None:
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    batch = appended(appender(root, disk), of_two_authors(*TREES, has_root=True))
    batch.raise_failure()

    for tree_id in TREES:
        day = day_of(root, tree_id)
        (root_file,) = day.glob("*-0.jsonl")
        others = set(day.iterdir()) - {root_file}
        began = disk.when("create", root_file)
        assert len(others) == 2
        assert all(disk.when("sync", path) < began for path in others)
        first = disk.calls.index(("sync_dir", day))
        assert first < began < disk.when("sync_dir", day), "once for the others, once for it"
        assert len(batch.appended[tree_id]) == 3


def test_files_beyond_so_many_bytes_wait_until_those_before_them_are_durable(
    tmp_path: Path,
) -> None:
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    value = b'"%s"' % (b"x" * (WINDOW_BYTES_MAX // 2))
    trees: Trees = {tree_id: [PropertyOp(3, AUTHORS[0], "v", "k", value)] for tree_id in TREES}
    batch = appended(appender(root, disk), trees)
    batch.raise_failure()

    first, second, third = disk.paths("write")
    assert disk.open_max == 2
    assert disk.when("write", second) < disk.when("sync", first)
    assert disk.when("sync_dir", second.parent) < disk.when("write", third)
    for tree_id, ops in trees.items():
        assert ops_on_disk(root, tree_id) == set(ops)


async def test_files_beyond_what_may_be_open_take_turns_on_threads(tmp_path: Path) -> None:
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    authors = [f"{number:032x}" for number in range(FILES_AT_ONCE // 2)]
    trees: Trees = {tree_id: [MoveOp(2, a, "v", tree_id) for a in authors] for tree_id in TREES}
    workers = ThreadWorkers(4, "test")
    batch = appender(root, disk).batch((), trees)
    assert not batch.is_small
    await batch.run_on(workers)
    workers.close()
    batch.raise_failure()

    assert disk.open_max == FILES_AT_ONCE
    assert not disk.open_now
    assert len(disk.paths("sync")) == len(set(disk.paths("sync"))) == len(authors) * len(TREES)
    assert set(batch.appended) == set(TREES)
    for tree_id, ops in trees.items():
        assert ops_on_disk(root, tree_id) == set(ops)


async def test_one_thread_finds_out_whether_a_disk_answers(tmp_path: Path) -> None:
    disk, workers = NotingDisk(), BusyWorkers()
    asked: list[int] = []

    def note(what: str, _: Path) -> bool:
        asked.extend([workers.busy] if what == "sync" else [])
        return False

    disk.refuses = note
    trees = of_two_authors(*TREES)
    batch = appender(make_space(tmp_path / "s"), disk).batch((), trees)
    await batch.run_on(workers)
    assert set(batch.appended) == set(TREES)
    assert asked[0] == 1, "all spaces share the threads that a disk may hold"
    assert max(asked) > 1 and len(asked) == 2 * len(TREES)


def test_what_was_paid_otherwise_is_not_told_again(tmp_path: Path) -> None:
    """After a failure, the scan of the folder may find what was durable all the same."""
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    ours = appender(root, disk)
    first, second = (MoveOp(3, author, "v", TREES[0]) for author in AUTHORS)
    disk.refuses = lambda what, path: what == "write" and AUTHORS[1] in path.name
    assert not appended(ours, {TREES[0]: [first, second]}).appended
    disk.refuses = lambda what, path: False
    later = MoveOp(4, AUTHORS[0], "v", TREES[0])
    (told,) = appended(ours, {TREES[0]: [later]}).appended[TREES[0]]
    assert told.line_count == 1
    assert b'"m",4,' in told.path.read_bytes()[told.start : told.end], "the later op alone"
    assert ops_on_disk(root, TREES[0]) == {first, later}


def test_a_tree_that_is_refused_holds_up_none_before_it_and_loses_none_after_it(
    tmp_path: Path,
) -> None:
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    ours, trees = appender(root, disk), of_two_authors(*TREES, has_root=True)
    refused = day_of(root, TREES[1])
    disk.refuses = lambda what, path: what == "create" and path.parent == refused
    batch = appended(ours, trees)

    assert list(batch.appended) == [TREES[0]]
    with pytest.raises(StorageError, match=f"ops of tree {TREES[1]}: Input/output error"):
        batch.raise_failure()
    assert ops_on_disk(root, TREES[0]) == set(trees.pop(TREES[0]))
    assert not list(root.rglob(f"{TREES[1][2:]}/**/*.jsonl"))
    assert not disk.open_now
    disk.refuses = lambda what, path: False
    batch = appended(ours, trees)
    batch.raise_failure()
    assert list(batch.appended) == list(TREES[1:])
    for tree_id, ops in trees.items():
        assert ops_on_disk(root, tree_id) == set(ops)


def test_a_directory_that_cannot_be_made_durable_has_nothing_written_below_it(
    tmp_path: Path,
) -> None:
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    refused = day_of(root, TREES[1]).parent
    disk.refuses = lambda what, path: what == "sync_dir" and path == refused
    batch = appended(appender(root, disk), of_two_authors(*TREES))

    assert TREES[1] not in batch.appended
    with pytest.raises(StorageError, match=f"ops of tree {TREES[1]}"):
        batch.raise_failure()
    assert not list(refused.rglob("*.jsonl"))


def test_a_file_whose_sync_failed_is_left_and_what_was_synced_is_not_written_again(
    tmp_path: Path,
) -> None:
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    ours = appender(root, disk)
    trees: Trees = {
        tree_id: [PropertyOp(3, author, "v", f"{author}{tree_id}", b"1") for author in AUTHORS]
        for tree_id in TREES
    }
    failing = False

    def refuse(what: str, path: Path) -> bool:
        nonlocal failing
        is_it = path.name.startswith(AUTHORS[1]) and path.parent == day_of(root, TREES[1])
        is_first = what == "sync" and is_it and not failing
        failing = failing or is_first
        return is_first

    disk.refuses = refuse
    batch = appended(ours, trees)
    assert failing
    with pytest.raises(StorageError, match=f"ops of tree {TREES[1]}"):
        batch.raise_failure()
    (left,) = [path for path in root.rglob("*.jsonl") if ours.has_left(path)]
    size = left.stat().st_size
    durable = [path for path in disk.paths("sync") if path != left]
    assert TREES[1] not in batch.appended and durable
    for tree_id in batch.appended:
        del trees[tree_id]
    again = appended(ours, trees)
    again.raise_failure()

    assert batch.appended.keys() | again.appended.keys() == set(TREES)
    assert left.stat().st_size == size
    for path in durable:
        author, tree_id = path.name.partition(".")[0], path.parts[-6] + path.parts[-5]
        assert times_written(root, f"{author}{tree_id}".encode()) == 1
    parts = again.appended[TREES[1]]
    assert {part.path.name.partition(".")[0] for part in parts} == set(AUTHORS), (
        "what was durable before is told of too"
    )
    assert left not in [part.path for part in parts]


@pytest.mark.parametrize("code", [errno.EIO, errno.ENOSPC])
def test_a_close_that_fails_after_a_failed_write_is_told_of_as_the_write_is(
    tmp_path: Path, code: int
) -> None:
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    ours, trees = appender(root, disk), of_two_authors(*TREES)
    disk.code = code
    disk.refuses = lambda what, path: what in ("write", "close")
    batch = appended(ours, trees)

    with pytest.raises(StorageError, match=f"ops of tree {TREES[0]}: {os.strerror(code)}"):
        batch.raise_failure()
    (begun,) = disk.paths("write")
    assert ours.has_left(begun)
    assert not batch.appended and not disk.open_now
    disk.refuses = lambda what, path: what == "close"
    batch = appended(ours, trees)
    batch.raise_failure()
    assert set(batch.appended) == set(TREES), "what was synced is durable, whatever its close says"
    assert begun not in [part.path for some in batch.appended.values() for part in some]


def test_a_file_whose_close_failed_before_its_sync_is_left(tmp_path: Path) -> None:
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    ours, trees = appender(root, disk), of_two_authors(*TREES)
    disk.refuses = lambda what, path: what in ("sync", "close")
    batch = appended(ours, trees)

    assert not batch.appended
    with pytest.raises(StorageError):
        batch.raise_failure()
    begun = disk.paths("write")
    assert len(begun) == 2 * len(TREES)
    assert all(ours.has_left(path) for path in begun), "those too that were not synced"
    disk.refuses = lambda what, path: False
    batch = appended(ours, trees)
    batch.raise_failure()
    assert set(batch.appended) == set(TREES)
    assert not set(begun) & set(disk.paths("write")[len(begun) :])


def test_names_that_cannot_be_made_durable_do_not_count(tmp_path: Path) -> None:
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    ours, trees = appender(root, disk), of_two_authors(*TREES)
    day = day_of(root, TREES[0])
    disk.refuses = lambda what, path: what == "sync_dir" and path == day
    batch = appended(ours, trees)

    assert TREES[0] not in batch.appended
    with pytest.raises(StorageError):
        batch.raise_failure()
    assert all(ours.has_left(path) for path in day.iterdir())
    assert not disk.open_now


@pytest.mark.parametrize("what", ["sync_dir", "open_read"])
def test_a_process_with_too_much_open_leaves_no_file(tmp_path: Path, what: str) -> None:
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    ours, trees = appender(root, disk), of_two_authors(*TREES)
    if what == "open_read":
        appended(ours, of_two_authors(*TREES)).raise_failure()  # So that there is a last line.
    day = day_of(root, TREES[0])
    disk.code = errno.EMFILE
    disk.refuses = lambda name, path: name == what and day in (path, path.parent)
    batch = appended(ours, trees)

    assert TREES[0] not in batch.appended
    with pytest.raises(StorageError, match="Too many open files"):
        batch.raise_failure()
    files = set(root.rglob("*.jsonl"))
    assert not any(ours.has_left(path) for path in files)
    disk.refuses = lambda name, path: False
    del trees[TREES[1]], trees[TREES[2]]
    again = appended(ours, trees)
    again.raise_failure()
    assert {part.path for part in again.appended[TREES[0]]} <= files
    assert ops_on_disk(root, TREES[0]) == set(trees[TREES[0]])


def test_a_space_that_goes_away_in_the_midst_gets_no_new_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(op_batch, "FILES_AT_ONCE", 2)
    root, disk = make_space(tmp_path / "s"), NotingDisk()
    ours, trees = appender(root, disk), of_two_authors(*TREES)
    away = tmp_path / "away"

    def unmount(what: str, path: Path) -> bool:
        if what == "sync" and root.exists():
            root.rename(away)
        return False

    disk.refuses = unmount
    batch = appended(ours, trees)
    with pytest.raises(StorageError, match="No such file"):
        batch.raise_failure()
    assert not root.exists()
    assert not batch.appended
    away.rename(root)
    disk.refuses = lambda what, path: False
    batch = appended(ours, trees)
    batch.raise_failure()
    assert set(batch.appended) == set(TREES)
    for tree_id, ops in trees.items():
        assert ops_on_disk(root, tree_id) == set(ops)
