"""Ops by time, exports, imports, and spaces that are found in the data folder."""

from __future__ import annotations

import hashlib
import io
import json
import shutil
import zipfile
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.core.errors import FormatError, ProtectionError
from sila_daemon.core.ops import PropertyOp
from sila_daemon.folder.dump import dump_space
from sila_daemon.folder.space_folder import SpaceFolder
from sila_daemon.ports.disk import SystemDisk
from sila_daemon.ports.randomness import SystemRandomness
from sila_daemon.server.commands.registry import run_command
from sila_daemon.server.commands.space_export import export_space
from sila_daemon.server.commands.space_import import import_space
from sila_daemon.server.files.file_store import Sent
from sila_daemon.server.ops import jsonl_import, op_history
from sila_daemon.server.ops.op_store import Batch
from sila_daemon.server.spaces import found_ops, space_zip
from sila_daemon.server.spaces.found_ops import PUT_ASIDE
from sila_daemon.server.spaces.found_spaces import adopt_found
from tests.server.http_api import Api, running_api
from tests.server.world_fixture import OTHER_PEER, PEER, SPACE, TREE, moves, open_world, prop

if TYPE_CHECKING:
    from sila_daemon.server.world import World

FIXTURES = Path(__file__).parents[2] / "fixtures" / "spaces"
NAMES = sorted(
    path.name for path in FIXTURES.iterdir() if (path / "space-v1" / "space.json").is_file()
)


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path / "data") as api:
        yield api


def dumped(root: Path) -> Any:
    """Returns what a folder holds, without where it came from."""
    folder = SpaceFolder.open(root, SystemDisk())
    dump = dump_space(folder, SystemRandomness(), io.BytesIO())
    found: Any = json.loads(b"".join(dump.render(with_secrets=False)))
    found.pop("problems")
    return found


async def pages(api: Api, query: str) -> list[list[dict[str, Any]]]:
    """Asks page after page."""
    found, after = [], ""
    while True:
        status, _, answer = await api.ask("GET", f"/spaces/{SPACE}/ops?{query}{after}")
        assert (status, answer["ok"]) == (200, True)
        found.append(answer["ops"])
        if answer["next"] is None:
            return found
        after = f"&after={answer['next']}"


async def test_ops_by_the_time_of_their_receipt(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(op_history, "PAGE_OPS", 3)
    async with api.server.world.spaces.use(SPACE) as space:
        start = space.hub.head.seq
        await space.store.commit([Batch(TREE, moves(1, 5), "ann/s/x")])
        api.server.clock.ahead += 100
        await space.store.commit([Batch("c" * 32, moves(1, 2), "bob/s/x")])
        await space.store.commit([Batch(TREE, [prop(6, b'"\\ud83d"'), prop(7, None)], "ann/s/y")])
        await space.store.commit([Batch(TREE, [prop(6, b"1")], "bob/s/x")])
    found = [op for page in await pages(api, f"tree={TREE}") for op in page]
    assert [op["op"]["id"]["counter"] for op in found] == [1, 2, 3, 4, 5, 6, 7, 6]
    assert [op["userId"] for op in found] == ["ann"] * 5 + ["ann"] * 2 + ["bob"]
    assert found[5]["op"]["value"] == "\ud83d" and "value" not in found[6]["op"]
    assert {op["treeId"] for op in found} == {TREE}
    middle = next(op["receivedAt"] for page in await pages(api, f"tree={'c' * 32}") for op in page)
    later = [op for page in await pages(api, f"from={middle}") for op in page]
    assert len(later) == 5 and min(op["receivedAt"] for op in later) == middle
    earlier = [op for page in await pages(api, f"to={middle}") for op in page]
    assert len(earlier) == start + 5
    everything = [op["seq"] for page in await pages(api, "") for op in page]
    assert everything == list(range(1, start + 11))
    assert max(len(page) for page in await pages(api, "")) == 3
    assert await pages(api, f"from={middle}&to={middle}") == [[]]


async def test_a_page_ends_where_nothing_was_found_for_long(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(op_history, "SCANNED_OPS", 4)
    async with api.server.world.spaces.use(SPACE) as space:
        await space.store.commit([Batch(TREE, moves(1, 9), "x")])
        await space.store.commit([Batch("d" * 32, moves(1, 1), "x")])
    found = await pages(api, f"tree={'d' * 32}")
    assert len(found) > 2 and [len(page) for page in found if page] == [1]


@pytest.mark.parametrize(
    "query", ["tree=..", "tree=a%00b", "from=x", "to=-1", "after=1e9", "from=" + "9" * 30, "tree="]
)
async def test_bad_questions_about_ops(api: Api, query: str) -> None:
    assert (await api.ask("GET", f"/spaces/{SPACE}/ops?{query}"))[0] == 400
    assert (await api.ask("GET", f"/spaces/{SPACE}/ops?after=999999999"))[2]["ops"] == []


async def fill(world: World) -> None:
    """Puts something of everything into the space."""
    async with world.spaces.use(SPACE) as space:
        await space.store.commit([Batch(TREE, moves(1, 50), "x")])
        values = [
            PropertyOp(n, OTHER_PEER, "v1", f"k{n}", b'"%d"' % n, False) for n in range(51, 90)
        ]
        await space.store.commit([Batch(TREE, values, "x")])
        await space.store.commit([Batch(TREE, [prop(60, b'"\\ud83d"'), prop(60, b"2")], "x")])
        data = b"hello"
        await space.files.static.put(hashlib.sha256(data).hexdigest(), _chunks(data), Sent())
        await space.files.var.put("1" * 32, _chunks(b"var"), None, Sent())
        secrets = await space.secrets.get()
        secrets.values["api-key"] = "sk-1"
        await space.secrets.put(secrets, (await space.secrets.get()).etag)


async def _chunks(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def test_an_export_over_http_is_the_folder(
    api: Api, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    await fill(api.server.world)
    status, headers, body = await api.ask("GET", f"/spaces/{SPACE}/export")
    assert (status, headers["Content-Type"]) == (200, "application/zip")
    assert SPACE in headers["Content-Disposition"]
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        assert archive.testzip() is None
        archive.extractall(tmp_path / "out")
    found = dumped(tmp_path / "out")
    assert found["spaceId"] == SPACE and found["secrets"] == ["api-key"]
    assert found["trees"][TREE]["ops"] == 50 + 39 + 1
    (properties,) = (tmp_path / "out").rglob(f"{PEER}-p.jsonl")
    assert len(properties.read_bytes().splitlines()) == 2, "both contents of one id are there"
    assert [one["size"] for one in found["files"]["static"]] == [5]
    assert len(found["files"]["var"]) == 1
    # A tree that is too large for memory comes out the same.
    monkeypatch.setattr(space_zip, "HELD_BYTES", 100)
    monkeypatch.setattr(space_zip, "PAGE_ROWS", 7)
    _, _, body = await api.ask("GET", f"/spaces/{SPACE}/export")
    with zipfile.ZipFile(io.BytesIO(body)) as archive:
        archive.extractall(tmp_path / "again")
    assert dumped(tmp_path / "again") == found
    assert not (tmp_path / "data" / "scratch").exists() or not list(
        (tmp_path / "data" / "scratch").iterdir()
    )
    entries = await api.server.world.audit.entries()
    assert [entry.action for entry in entries].count("space_exported") == 2


async def test_who_is_taken_out_gets_no_whole_export(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    import aiohttp

    world = api.server.world
    await fill(world)
    guest, token = await api.server.another_user("guest@example.org")
    await world.directory.share(SPACE, guest.id, "viewer")
    made = space_zip.SpaceZip.chunks

    async def slow(self: space_zip.SpaceZip) -> AsyncIterator[bytes]:
        first = True
        async for chunk in made(self):
            yield chunk
            if first and chunk:
                first = False
                await world.directory.unshare(SPACE, guest.id)
                api.server.clock.ahead += 2

    monkeypatch.setattr(space_zip.SpaceZip, "chunks", slow)
    with pytest.raises(aiohttp.ClientPayloadError):
        await api.ask("GET", f"/spaces/{SPACE}/export", token=token)


@pytest.mark.parametrize("name", NAMES)
async def test_what_is_imported_comes_out_again(tmp_path: Path, name: str) -> None:
    async with open_world(tmp_path / "data") as world:
        owner = await world.accounts.add_user("a@b.co", None)
        result = await import_space(world, FIXTURES / name, owner)
        exported = await export_space(world, result["id"], tmp_path / "out.zip")
        assert (exported["ops"], exported["files"]) == (result["ops"], result["files"])
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "out")
    before, after = dumped(FIXTURES / name), dumped(tmp_path / "out")
    assert after == before
    async with open_world(tmp_path / "other") as world:
        owner = await world.accounts.add_user("a@b.co", None)
        again = await import_space(world, tmp_path / "out.zip", owner)
        assert again["ops"] == result["ops"]
        with pytest.raises(ProtectionError):
            await import_space(world, tmp_path / "out.zip", owner)
        assert not list((tmp_path / "other" / "scratch").glob("*"))


async def test_an_export_on_command_is_noted_once(tmp_path: Path) -> None:
    async with open_world(tmp_path / "data") as world:
        owner = await world.accounts.add_user("a@b.co", None)
        await world.create_space(owner, "Ours", SPACE)
        out = str(tmp_path / "out.zip")
        await run_command(world, "space export", {"space": SPACE, "out": out})
        exports = [e for e in await world.audit.entries() if e.action == "space_exported"]
        assert [(entry.space_id, entry.reason) for entry in exports] == [(SPACE, "command")]


async def test_a_zip_that_is_none_leaves_nothing(tmp_path: Path) -> None:
    (tmp_path / "x.zip").write_bytes(b"PK nonsense")
    async with open_world(tmp_path / "data") as world:
        owner = await world.accounts.add_user("a@b.co", None)
        with pytest.raises(FormatError):
            await import_space(world, tmp_path / "x.zip", owner)
        assert list((tmp_path / "data" / "spaces").iterdir()) == []
        assert not list((tmp_path / "data" / "scratch").glob("*"))


def placed(data: Path) -> str:
    """Copies a fixture to where a server looks for its spaces."""
    source = FIXTURES / NAMES[0]
    space_id = json.loads((source / "space-v1" / "space.json").read_text())["id"]
    shutil.copytree(source, data / "spaces" / space_id[:2] / space_id)
    return str(space_id)


async def test_a_space_with_op_files_is_taken_over_once(tmp_path: Path) -> None:
    data = tmp_path / "data"
    space_id = placed(data)
    root = data / "spaces" / space_id[:2] / space_id
    async with open_world(data) as world:
        assert await adopt_found(world.spaces, world.directory, world.ports) == [space_id]
        assert await adopt_found(world.spaces, world.directory, world.ports) == []
        await export_space(world, space_id, tmp_path / "out.zip")
        owner = await world.accounts.add_user("a@b.co", None)
        await world.directory.share(space_id, owner.id, "owner")
        assert [info.id for info in await world.directory.of_user(owner.id)] == [space_id]
    assert (root / "space-v1" / PUT_ASIDE).is_dir(), "what was imported is kept"
    assert not (root / "space-v1" / "ops").exists()
    with zipfile.ZipFile(tmp_path / "out.zip") as archive:
        archive.extractall(tmp_path / "out")
    assert dumped(tmp_path / "out") == dumped(FIXTURES / NAMES[0])


async def test_an_interrupted_take_over_goes_on(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    data = tmp_path / "data"
    space_id = placed(data)

    async def half(*args: Any) -> Any:
        await real(*args)
        raise KeyboardInterrupt  # As a kill after the import and before it was noted.

    real = jsonl_import.import_ops
    with monkeypatch.context() as patched:
        patched.setattr(found_ops, "import_ops", half)
        async with open_world(data) as world:
            with pytest.raises(KeyboardInterrupt):
                await world.spaces.acquire(space_id)
    assert (data / "spaces" / space_id[:2] / space_id / "space-v1" / "ops").is_dir()
    async with open_world(data) as world:
        assert await adopt_found(world.spaces, world.directory, world.ports) == [space_id]
        exported = await export_space(world, space_id, tmp_path / "out.zip")
    trees = dumped(FIXTURES / NAMES[0])["trees"].values()
    assert exported["ops"] == sum(tree["ops"] for tree in trees)


async def test_op_files_that_come_later_are_taken_too(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with open_world(data) as world:
        user = await world.accounts.add_user("a@b.co", None)
        await world.create_space(user, "S", SPACE)
    root = data / "spaces" / SPACE[:2] / SPACE
    day = root / "space-v1" / "ops" / TREE[:2] / TREE[2:] / "2026" / "01" / "02"
    day.mkdir(parents=True)
    (day / f"{PEER}-m.jsonl").write_text('[1,"v1",null]\nnonsense\n[2,"v2","v1"]\n')
    async with open_world(data) as world, world.spaces.use(SPACE) as space:
        assert await space.hub.queries.highest(TREE) == 2
    assert (root / "space-v1" / PUT_ASIDE).is_dir()
