"""What a folder is owed when it is new: written together, and paid when all of it is durable."""

from __future__ import annotations

from collections import Counter
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.ops import MoveOp, Op, PropertyOp
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.folder.tree_loader import load_tree
from sila_daemon.mirror import folder_writer
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.store.space_store import SpaceStore
from tests.folder.spaces import ops_on_disk
from tests.mirror.bench import Bench, current

if TYPE_CHECKING:
    from collections.abc import Sequence
    from pathlib import Path

    from sila_daemon.ports.descriptors import Descriptor
    from sila_daemon.store.positions import Position
    from tests.mirror.fake_server import FakeServer

TREES = [f"{number:032x}" for number in range(12)]
AUTHORS = ("aa" * 16, "bb" * 16)
OPS_EACH = 10


class CountingDisk(SystemDisk):
    """The real disk; counts the syncs of op files and of their directories."""

    def __init__(self) -> None:
        self.files: Counter[Path] = Counter()
        self.directories: Counter[Path] = Counter()

    def create(self, path: Path) -> Descriptor:
        return self._counted(super().create(path), path)

    def open_append(self, path: Path) -> Descriptor:
        return self._counted(super().open_append(path), path)

    def sync_dir(self, path: Path) -> None:
        if "ops" in path.parts:
            self.directories[path] += 1
        super().sync_dir(path)

    def _counted(self, file: Descriptor, path: Path) -> Descriptor:
        sync = file.sync

        def counted() -> None:
            if path.suffix == ".jsonl":
                self.files[path] += 1
            sync()

        file.sync = counted  # type: ignore[method-assign]
        return file


def history() -> list[tuple[str, Op]]:
    """Trees whose ops became known in turns, as those of chats that go on side by side."""
    made: list[tuple[str, Op]] = [(tree, MoveOp(1, AUTHORS[0], tree, None)) for tree in TREES]
    for counter in range(2, OPS_EACH + 1):
        author = AUTHORS[counter % 2]
        made += [(tree, MoveOp(counter, author, f"v{counter}", tree)) for tree in TREES]
    return made


async def paid_into_a_new_folder(
    bench: Bench, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> tuple[Path, list[int]]:
    """Has a space of a server take a folder; returns it, and how many debts each commit ended."""
    servers = (ServerRecord(server.url, "mirror"),)
    async with bench.mirror("a", servers=servers) as a:
        await current(a)
    payments: list[int] = []
    settle = SpaceStore.settle_written

    async def counted(store: SpaceStore, seqs: Sequence[int], reached: Sequence[Position]) -> None:
        payments.append(len(seqs))
        await settle(store, seqs, reached)

    monkeypatch.setattr(SpaceStore, "settle_written", counted)
    root = bench.folder("f")
    async with bench.mirror("a", folder=root, servers=servers) as a:
        await current(a)
        assert a.status()["folder"]["pendingOps"] == 0
    bench.close()
    return root, payments


@pytest.mark.parametrize("page", [5000, 50])
async def test_a_new_folder_has_each_file_and_directory_synced_once(
    tmp_path: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch, page: int
) -> None:
    monkeypatch.setattr(folder_writer, "PAGE_OPS", page)
    disk = CountingDisk()
    bench = Bench(tmp_path, server, disk)
    for tree, op in history():
        server.commit(tree, [op])
    root, payments = await paid_into_a_new_folder(bench, server, monkeypatch)

    assert payments == [len(TREES) * OPS_EACH]
    assert len(disk.files) == 3 * len(TREES)
    assert set(disk.files.values()) == {1}
    days = {path.parent for path in disk.files}
    assert len(days) == len(TREES)
    assert {disk.directories[day] for day in days} == {2}, "once more for the root, which is last"
    above = {path for day in days for path in list(day.parents)[:3]}
    assert {disk.directories[path] for path in above} == {1}
    folder = SpaceFolder.open(root, SystemDisk())
    found = folder.scan().by_tree().items()
    assert {tree: load_tree(folder, tree, files).tree.op_count for tree, files in found} == (
        dict.fromkeys(TREES, OPS_EACH)
    )


async def test_large_values_are_taken_few_at_a_time(
    tmp_path: Path, server: FakeServer, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(folder_writer, "BATCH_BYTES_MAX", 1000)
    bench = Bench(tmp_path, server)
    sizes = [300, 300, 500, 5000, 10, 20]
    ops: list[Op] = [
        PropertyOp(counter, AUTHORS[0], "v", "k", b'"%s"' % (b"1" * size))
        for counter, size in enumerate(sizes, start=2)
    ]
    server.commit(TREES[0], [MoveOp(1, AUTHORS[0], TREES[0], None), *ops])
    root, payments = await paid_into_a_new_folder(bench, server, monkeypatch)

    assert payments == [4, 1, 2], "with the root; the one that is too large by itself is alone"
    assert ops_on_disk(root, TREES[0]) >= set(ops)
