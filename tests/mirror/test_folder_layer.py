"""A mirror and its folder: read by positions, written by debts, never touched when in doubt."""

from __future__ import annotations

import errno
import json
import shutil
import sqlite3
from contextlib import closing
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import pytest

from sila_daemon.core.errors import NotFoundError, StorageError
from sila_daemon.folder.secrets import read_secrets, write_secrets
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.folder.tree_loader import load_tree
from sila_daemon.mirror.record import ServerRecord
from sila_daemon.ports.disk import ReadableFile, SystemDisk, WritableFile
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.store.space_store import SpaceStore
from tests.mirror.bench import SETTINGS, SPACE, Bench, current, until
from tests.mirror.fake_server import FakeServer

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Sequence

    from sila_daemon.core.rep_tree import RepTree
    from sila_daemon.mirror.space_mirror import SpaceMirror
    from sila_daemon.store.outbox import Debt
    from sila_daemon.store.space_store import Committed, Delivery

TREE = "66311b5732f44edab7e16ff76fa16666"
OTHER_TREE = "77311b5732f44edab7e16ff76fa17777"
DAY = "2026/11/21"


class CountingDisk(SystemDisk):
    """The real disk; notes which op files are read from, and from where."""

    def __init__(self) -> None:
        self.reads: list[tuple[str, int]] = []

    def open_read(self, path: Path) -> ReadableFile:  # type: ignore[override]
        opened = super().open_read(path)
        reads = self.reads
        if path.suffix != ".jsonl":
            return opened
        name, inner = path.name, opened.read_at

        def read_at(offset: int, size: int) -> bytes:
            if size > 4096:
                reads.append((name, offset))
            return inner(offset, size)

        opened.read_at = read_at  # type: ignore[method-assign]
        return opened


class UnsyncableDisk(SystemDisk):
    """The real disk, but that what other programs write never gets past its cache."""

    def open_read(self, path: Path) -> ReadableFile:  # type: ignore[override]
        opened = super().open_read(path)

        def sync() -> None:
            raise OSError(errno.EIO, "input/output error", str(path))

        opened.sync = sync  # type: ignore[method-assign]
        return opened


class PartlyRefusingDisk(SystemDisk):
    """The real disk, on which nothing new can be made for one tree."""

    def create(self, path: Path) -> WritableFile:  # type: ignore[override]
        if OTHER_TREE[2:] in str(path):
            raise PermissionError(errno.EACCES, "permission denied", str(path))
        return super().create(path)


@pytest.fixture
async def bench(tmp_path: Path, server: FakeServer) -> AsyncIterator[Bench]:
    bench = Bench(tmp_path, server, CountingDisk())
    yield bench
    bench.close()


def op_file(root: Path, peer: str, letter: str = "m", tree: str = TREE) -> Path:
    path = root / "space-v1" / "ops" / tree[:2] / tree[2:] / DAY / f"{peer}-{letter}.jsonl"
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


def write_lines(path: Path, *rows: object) -> None:
    with path.open("a") as file:
        file.writelines(json.dumps(row) + "\n" for row in rows)


def ops_in_folder(root: Path) -> dict[str, int]:
    folder = SpaceFolder.open(root, SystemDisk())
    return {
        tree_id: load_tree(folder, tree_id, files).tree.op_count
        for tree_id, files in folder.scan().by_tree().items()
    }


def problem_codes(bench: Bench, name: str) -> list[str]:
    """Reads them from the store of a mirror that is closed."""
    store = bench.tmp_path / f"home-{name}" / "space.sqlite"
    with closing(sqlite3.connect(store)) as connection:
        return [code for (code,) in connection.execute("SELECT code FROM problem")]


async def rename(mirror: SpaceMirror, name: str) -> None:
    def change(tree: RepTree) -> None:
        assert tree.root is not None
        tree.root.set("name", name)

    await mirror.edit(SPACE, change)


async def made_and_taken_away(bench: Bench) -> tuple[Path, Path]:
    """Makes a space in a folder, and moves that; returns its place, and where it is meanwhile."""
    root = bench.folder("f")
    async with bench.mirror("a", folder=root) as a:
        await a.create_space("Ours")
        await current(a)
    hidden = root.with_name("elsewhere")
    root.rename(hidden)
    return root, hidden


async def test_what_others_write_is_read_and_only_what_is_new(bench: Bench) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer")
    write_lines(path, [1, "0", None], [2, "v", None])
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        assert a.status()["ops"] == 2
        size = path.stat().st_size
        write_lines(path, [3, "w", "v"])
        bench.watcher.hint(path)
        await until(lambda: a.status()["ops"] == 3)
    disk = bench.disk
    assert isinstance(disk, CountingDisk)
    assert (path.name, size) in disk.reads
    disk.reads.clear()
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        write_lines(path, [4, "x", "v"])
        await a.sync_now()
        assert a.status()["ops"] == 4
    assert all(offset > size for _, offset in disk.reads), "nothing is read twice"


async def test_many_small_files_share_their_commits(
    bench: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    root = bench.folder("f")
    for number in range(60):
        write_lines(op_file(root, f"peer{number:03}"), [1, f"v{number}", None])
    sizes: list[int] = []
    commit = SpaceStore.commit

    async def counted(store: SpaceStore, deliveries: Sequence[Delivery]) -> list[Committed]:
        sizes.append(len(deliveries))
        return await commit(store, deliveries)

    monkeypatch.setattr(SpaceStore, "commit", counted)
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        assert a.status()["ops"] == 60
    assert sum(sizes) >= 60
    assert len(sizes) <= 6, "each of its own would wait for the disk sixty times"


async def test_a_new_directory_is_read_and_nothing_else_is_looked_at(bench: Bench) -> None:
    root = bench.folder("f")
    elsewhere = op_file(root, "elsewhere", tree="abcdef")
    write_lines(elsewhere, [1, "0", None])
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        write_lines(elsewhere, [2, "v", None])
        path = op_file(root, "peer")
        write_lines(path, [1, "0", None], [2, "v", None])

        bench.watcher.hint(path.parents[2])

        await until(lambda: a.status()["ops"] == 3)
        write_lines(op_file(root, "late"), [4, "w", "v"])
        await until(lambda: a.status()["ops"] == 4)  # It is looked at once more.
        assert a.status()["state"] == "current"
        bench.watcher.hint(root / "space-v1/ops/gone")  # Unclear: so everything is looked at.
        await until(lambda: a.status()["ops"] == 5)


async def test_a_torn_line_is_left_alone_until_it_is_complete(bench: Bench) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer")
    write_lines(path, [1, "0", None])
    with path.open("a") as file:
        file.write('[2, "v", "un')
    async with bench.mirror("a", folder=root) as a:
        await a.sync_now()
        assert a.status()["ops"] == 1
        with path.open("a") as file:
            file.write('finished"]\n')
        bench.watcher.hint(path)
        await until(lambda: a.status()["ops"] == 2)
        await current(a)


async def test_what_a_line_without_its_end_says_outlasts_that_line(bench: Bench) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer")
    path.write_text('[1, "0", null]\n[2, "v", null]')
    async with bench.mirror("a", folder=root) as a:
        await a.sync_now()
        assert a.status()["ops"] == 2
        path.write_text('[1, "0", null]\n[2, "v"')  # As a carrier does that begins anew.
        bench.watcher.hint(path)
        await current(a)
    assert ops_in_folder(root) == {TREE: 2}


async def test_a_rewritten_file_is_read_again_whole(bench: Bench) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer", "p")
    write_lines(path, [1, "v", "k", "first"], [2, "v", "k", "second"])
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        path.write_text('[2, "v", "k", "second"]\n[3, "v", "k", "a third that is long enough"]\n')
        bench.watcher.hint(path)
        await until(lambda: a.status()["ops"] == 3)
        path.write_text("")
        await a.sync_now()
        assert a.status()["ops"] == 3, "absence is not deletion"


@pytest.mark.parametrize("is_open", [True, False], ids=["while open", "while closed"])
@pytest.mark.parametrize("how", ["gone", "cut", "zeroed", "all gone"])
async def test_what_a_folder_lost_is_written_there_again(
    bench: Bench, how: str, is_open: bool
) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer", "p")
    write_lines(path, [1, "v", "k", "first"], [2, "v", "k", "second"], [3, "v", "k", "third"])
    write_lines(op_file(root, "other", "p"), [1, "v", "k", "stays"])
    whole = path.read_bytes()

    def lose() -> None:
        if how == "cut":
            path.write_bytes(whole[: whole.index(b"\n") + 1])
        elif how == "zeroed":
            path.write_bytes(b"\0" * len(whole))
        elif how == "gone":
            path.unlink()
        else:
            shutil.rmtree(root / "space-v1" / "ops")

    async with bench.mirror("a", folder=root) as a:
        await current(a)
        if is_open:
            lose()
            await a.sync_now()
            assert sum(ops_in_folder(root).values()) == 4
    if not is_open:
        lose()
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: sum(ops_in_folder(root).values()) == 4)
        await a.sync_now()
        assert a.status()["ops"] == 4
        assert a.status()["state"] == "current"
    if how != "all gone":
        ours = [found for found in root.rglob("*.jsonl") if found.name.startswith("peer.")]
        rewritten = [line for found in ours for line in found.read_bytes().splitlines()]
        assert len(rewritten) == (2 if how == "cut" else 3), "what was still there is not repeated"


async def test_a_file_that_is_back_soon_is_not_written_again(bench: Bench) -> None:
    bench.settings = replace(SETTINGS, loss_grace_s=3600)
    root = bench.folder("f")
    path = op_file(root, "peer", "p")
    write_lines(path, [1, "v", "k", "first"], [2, "v", "k", "second"])
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        aside = path.with_name("aside")
        path.rename(aside)
        bench.watcher.hint(path)
        await until(lambda: "1 op file lacks what was read" in a.status()["reason"])
        assert a.status()["state"] == "syncing"
        aside.rename(path)
        bench.watcher.hint(path)
        await current(a)
    assert [found.name for found in root.rglob("*.jsonl")] == [path.name]


async def test_lines_that_may_not_last_are_written_once_more(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeServer(SPACE), UnsyncableDisk())
    root = bench.folder("f")
    write_lines(op_file(root, "peer", "p"), [1, "v", "k", "first"])
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: len(list(root.rglob("peer.*.jsonl"))) == 1)
        await current(a)
        assert a.status()["ops"] == 1
    bench.close()


async def test_edits_are_written_where_the_app_reads_them(bench: Bench) -> None:
    root = bench.folder("f")
    async with bench.mirror("a", folder=root) as a:
        await a.create_space("Ours")
        await rename(a, "Renamed")
        await current(a)
        assert ops_in_folder(root) == {SPACE: a.status()["ops"]}
    folder = SpaceFolder.open(root, SystemDisk())
    tree = load_tree(folder, SPACE, folder.scan().files).tree
    assert tree.root is not None
    assert tree.root.name == "Renamed"


async def test_what_is_owed_is_written_after_a_crash_and_nothing_twice(bench: Bench) -> None:
    root, hidden = await made_and_taken_away(bench)
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: a.status()["state"] == "needs_you")
        await rename(a, "While it was away")
        assert a.status()["folder"]["pendingOps"] == 1
        assert not root.exists(), "nothing is made where the folder is missing"
        hidden.rename(root)
        bench.watcher.hint()
        await current(a)
        assert sum(ops_in_folder(root).values()) == a.status()["ops"]
    lines = sum(len(path.read_bytes().splitlines()) for path in root.rglob("*.jsonl"))
    assert lines == sum(ops_in_folder(root).values())


async def test_what_was_appended_where_a_file_was_gone_outlasts_its_return(bench: Bench) -> None:
    """A rolled back file may come back exactly as it is known: size, inode and time."""
    root = bench.folder("f")
    async with bench.mirror("a", folder=root) as a:
        await a.create_space("Ours")
        await current(a)
        [names] = root.rglob("*-p.jsonl")
        kept = names.with_name("kept")
        kept.hardlink_to(names)
        names.unlink()
        await rename(a, "Written meanwhile")
        await until(lambda: a.status()["folder"]["pendingOps"] == 0)
        assert b"Written meanwhile" in names.read_bytes()
        kept.replace(names)
        assert b"Written meanwhile" not in names.read_bytes()
        bench.watcher.hint()
        await until(lambda: sum(ops_in_folder(root).values()) == a.status()["ops"])
        await current(a)
        assert sum(ops_in_folder(root).values()) == a.status()["ops"]


async def test_what_is_committed_while_debts_are_counted_is_owed_at_once(bench: Bench) -> None:
    root = bench.folder("f")
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        layers: Any = a._layers
        folder, counted = layers.folder, layers.store.debt

        async def debt(layer: str) -> Debt:
            before = await counted(layer)
            folder.added(1)
            return cast("Debt", before)

        layers.store.debt = debt
        await folder.owed.count()
        assert a.status()["folder"]["pendingOps"] == 1
        assert a.status()["state"] == "syncing", "nobody knows whether the count had it"


async def test_another_space_in_its_place_stops_everything(bench: Bench) -> None:
    root = bench.folder("f")
    async with bench.mirror("a", folder=root) as a:
        await a.create_space("Ours")
        await current(a)
        before = {path: path.read_bytes() for path in root.rglob("*.jsonl")}
        (root / "space-v1" / "space.json").write_text(json.dumps({"id": TREE}))
        write_lines(op_file(root, "peer"), [1, "evil", None])
        count = a.status()["ops"]
        await rename(a, "Not for this folder")
        with pytest.raises(StorageError):
            await a.sync_now()
        assert a.status()["state"] == "needs_you"
        assert "another space" in a.status()["reason"]
        await until(lambda: a.status()["ops"] == count + 1)
        assert a.status()["ops"] == count + 1
    for path, data in before.items():
        assert path.read_bytes() == data


async def test_a_file_makes_no_folder_where_the_space_is_away(bench: Bench) -> None:
    root = bench.folder("f")

    async def chunks() -> AsyncIterator[bytes]:
        yield b"bytes"

    async with bench.mirror("a", folder=root) as a:
        await current(a)
        root.rename(root.with_name("elsewhere"))
        with pytest.raises(NotFoundError, match="there is no folder"):
            await a.put_blob(chunks())
        assert not root.exists()
        root.with_name("elsewhere").rename(root)
        blob_hash, _ = await a.put_blob(chunks())
    assert (root / "space-v1/files/static/sha256" / blob_hash[:2] / blob_hash[2:]).is_file()


async def test_a_missing_marker_stops_everything(bench: Bench) -> None:
    root = bench.folder("f")
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        (root / "sila.md").unlink()
        write_lines(op_file(root, "peer"), [1, "v", None])
        with pytest.raises(StorageError):
            await a.sync_now()
        assert a.status()["state"] == "needs_you"
        assert a.status()["ops"] == 0


async def test_bad_lines_are_told_until_the_file_is_well(bench: Bench) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer")
    path.write_text('[1, "v", null]\nnot json\n[2, "w", "v"]\n')
    for _ in range(2):
        async with bench.mirror("a", folder=root) as a:
            await until(lambda m=a: m.status()["state"] == "needs_you")  # type: ignore[misc]
            assert a.status()["ops"] == 2
    path.write_text('[1, "v", null]\n[2, "w", "v"]\n')
    async with bench.mirror("a", folder=root) as a:
        await current(a)


async def test_ops_of_a_conflict_copy_are_written_where_the_app_reads_them(
    bench: Bench, server: FakeServer
) -> None:
    root = bench.folder("f")
    write_lines(op_file(root, "peer"), [1, "v", None])
    copy = op_file(root, "peer").with_name("peer-m (conflicted copy).jsonl")
    write_lines(copy, [1, "v", None], [2, "w", "v"])
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url),)) as a:
        await current(a)
        assert len(server.history) == 2
    written = [path for path in root.rglob("*.jsonl") if path.name.startswith("peer.")]
    assert len(written) == 1
    assert written[0].read_text() == '["m",2,"w","v"]\n'


async def test_only_what_was_written_of_a_page_is_paid(tmp_path: Path) -> None:
    bench = Bench(tmp_path, FakeServer(SPACE), PartlyRefusingDisk())
    root = bench.folder("f")
    for tree in (TREE, OTHER_TREE):
        # What stands in a copy only is still to be written where the app reads it.
        copy = op_file(root, "peer", tree=tree).with_name("peer-m (conflicted copy).jsonl")
        write_lines(copy, [1, "v", "0"], [2, "w", "v"])
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: a.status()["state"] == "broken" and a.status()["ops"] == 4)
        await until(lambda: a.status()["folder"]["pendingOps"] == 2)
        written = [path.parts[-6] + path.parts[-5] for path in root.rglob("peer.*.jsonl")]
        assert written == [TREE]
    bench.close()


async def test_two_folders_become_equal_through_a_server(bench: Bench, server: FakeServer) -> None:
    one, two = bench.folder("one"), bench.folder("two")
    to = (ServerRecord(server.url, "mirror"),)
    async with (
        bench.mirror("a", folder=one, servers=to) as a,
        bench.mirror("b", folder=two, servers=to) as b,
    ):
        await a.create_space("Ours")
        write_lines(op_file(one, "peer"), [1, "0", None], [2, TREE, None], [3, "v", TREE])
        write_lines(op_file(two, "reep", "p"), [4, "v", "name", "from two"])
        await a.sync_now()
        await b.sync_now()
        await a.sync_now()
        await current(a, b)
        assert a.status()["ops"] == b.status()["ops"] == len(server.history)
        assert ops_in_folder(one) == ops_in_folder(two)
        assert sum(ops_in_folder(one).values()) == len(server.history)


async def test_blobs_and_secrets_reach_the_other_folder(bench: Bench, server: FakeServer) -> None:
    one, two = bench.folder("one"), bench.folder("two")
    to = (ServerRecord(server.url, "mirror"),)
    blob_hash = "a591a6d40bf420404a011733cfb7b190d62c65bf0bcda32b57b277d9ad9f146e"
    place = Path("space-v1/files/static/sha256") / blob_hash[:2] / blob_hash[2:]
    (one / place).parent.mkdir(parents=True)
    (one / place).write_bytes(b"Hello World")
    uuid = "6a2f41a3c54c4fceb5e3ed1f0b7b3e5d"
    mutable = Path("space-v1/files/var/uuid") / uuid[:2] / uuid[2:]
    (one / mutable).parent.mkdir(parents=True)
    (one / mutable).write_bytes(b"mutable")
    disk, randomness = SystemDisk(), SystemRandomness()
    write_secrets(disk, one / "space-v1/secrets", SPACE, {"key": "sk"}, randomness)
    write_lines(op_file(one, "peer"), [1, "0", None], [2, TREE, None], [3, "f", TREE])
    write_lines(op_file(one, "peer", "p"), [4, "f", "hash", blob_hash], [5, "f", "id", uuid])
    async with (
        bench.mirror("a", folder=one, servers=to) as a,
        bench.mirror("b", folder=two, servers=to) as b,
    ):
        await a.sync_now()
        await current(a)
        await until(lambda: (two / place).exists() and (two / mutable).exists())
        await current(b)
        assert (two / place).read_bytes() == b"Hello World"
        assert (two / mutable).read_bytes() == b"mutable"
        await b.sync_now()
        opened = read_secrets(disk, two / "space-v1/secrets", SPACE)
        assert opened is not None
        assert opened.values == {"key": "sk"}
        write_secrets(disk, two / "space-v1/secrets", SPACE, {"other": "2"}, randomness)
        await b.sync_now()
        await a.sync_now()
        opened = read_secrets(disk, one / "space-v1/secrets", SPACE)
        assert opened is not None
        assert opened.values == {"key": "sk", "other": "2"}, "absence changes nothing"


async def test_secrets_that_do_not_open_are_kept(bench: Bench) -> None:
    root = bench.folder("f")
    path = root / "space-v1" / "secrets"
    path.write_bytes(b"bm90IHNlYWxlZCBieSB1cyBhdCBhbGw=")
    async with bench.mirror("a", folder=root) as a:
        await a.set_secret("key", "sk")
        await a.create_space("Ours")
        await until(lambda: sum(ops_in_folder(root).values()) > 5)
        assert path.read_bytes() == b"bm90IHNlYWxlZCBieSB1cyBhdCBhbGw="
        await until(lambda: a.status()["state"] == "needs_you")


async def test_secrets_that_a_cloud_tool_has_not_brought_are_waited_for(bench: Bench) -> None:
    root = bench.folder("f")
    path = root / "space-v1" / "secrets"
    stand_in = path.with_name(".secrets.icloud")
    stand_in.touch()
    async with bench.mirror("a", folder=root) as a:
        await a.set_secret("key", "sk")
        await until(lambda: a.status()["state"] == "needs_you")
        assert not path.exists()
        stand_in.unlink()
        write_secrets(SystemDisk(), path, SPACE, {"other": "2"}, SystemRandomness())
        bench.watcher.hint(path)
        await current(a)
        opened = read_secrets(SystemDisk(), path, SPACE)
        assert opened is not None
        assert opened.values == {"key": "sk", "other": "2"}


async def test_an_emptied_folder_deletes_nothing_and_is_filled_again(
    bench: Bench, server: FakeServer
) -> None:
    root = bench.folder("f")
    async with bench.mirror("a", folder=root, servers=(ServerRecord(server.url),)) as a:
        await a.create_space("Ours")
        await current(a)
        count = a.status()["ops"]
        shutil.rmtree(root / "space-v1" / "ops")
        await a.sync_now()
        assert a.status()["ops"] == count == len(server.history)
        assert sum(ops_in_folder(root).values()) == count, "what nobody had read back yet, too"
        await current(a)


def var_path(root: Path, uuid: str) -> Path:
    path = root / "space-v1/files/var/uuid" / uuid[:2] / uuid[2:]
    path.parent.mkdir(parents=True, exist_ok=True)
    return path


async def test_a_torn_line_that_was_written_again_is_no_reason_to_act(bench: Bench) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer")
    path.write_bytes(b'[1,"0",null]\n[2,"ver\n')
    async with bench.mirror("a", folder=root) as a:
        await until(lambda: a.status()["state"] == "needs_you")
        with path.open("ab") as file:
            file.write(b'[2,"vertex",null]\n')
        await a.sync_now()
        await current(a)
        with path.open("ab") as file:
            file.write(b'[3,"lost\n')
        await a.sync_now()
        assert a.status()["state"] == "needs_you"
        assert a.status()["reason"].startswith("1 ")
    assert problem_codes(bench, "a") == ["torn_line", "bad_json"]


async def test_a_tail_that_was_completed_is_told_of_no_more(bench: Bench) -> None:
    root = bench.folder("f")
    path = op_file(root, "peer")
    path.write_bytes(b'[1,"0",null]\n[2,"ver')
    async with bench.mirror("a", folder=root) as a:
        await current(a)
        with path.open("ab") as file:
            file.write(b'tex",null]\n[3,"another",null]\n[4,"la')
        await a.sync_now()
        assert a.status()["ops"] == 3
    assert problem_codes(bench, "a") == ["torn_tail"]
    async with bench.mirror("a", folder=root) as a:
        with path.open("ab") as file:
            file.write(b'st",null]\n')
        await a.sync_now()
    assert problem_codes(bench, "a") == []
