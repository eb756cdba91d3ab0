"""Rows, bytes, usage and quotas of a space's files, on a real folder."""

from __future__ import annotations

import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import TYPE_CHECKING

import pytest

from sila_daemon.core.errors import CorruptBlobError, StorageFullError
from sila_daemon.server.files import file_rows
from sila_daemon.server.files.file_rows import REVISIONS_MAX, Used, VarFacts
from sila_daemon.server.files.file_store import Sent
from sila_daemon.server.files.quotas import QuotaSettings
from sila_daemon.server.settings import ServerSettings
from tests.server.http_api import running_api
from tests.server.world_fixture import SPACE, open_world

if TYPE_CHECKING:
    import apsw

UUID = "1" * 32
ANN = Sent("ann")
BOB = Sent("bob")


async def chunks(*parts: bytes) -> AsyncIterator[bytes]:
    for part in parts:
        yield part


def sha256(data: bytes) -> str:
    return hashlib.sha256(data).hexdigest()


async def test_usage_follows_the_rows(tmp_path: Path) -> None:
    async with open_world(tmp_path / "data") as world:
        await world.spaces.make(SPACE)
        async with world.spaces.use(SPACE) as space:
            files, ledger = space.files, space.files.store.ledger
            for sent in (ANN, BOB):  # The second time it is known: it counts for the first sender.
                await files.static.put(sha256(b"hello"), chunks(b"he", b"llo"), sent)
            await files.var.put(UUID, chunks(b"one"), None, ANN)
            await files.var.put(UUID, chunks(b"three"), 1, BOB)
            await files.var.put(UUID, chunks(b"side"), 1, ANN)
            with pytest.raises(CorruptBlobError):
                await files.static.put("0" * 64, chunks(b"x" * 99), ANN)
            expected = {"ann": Used(5 + 4, 2), "bob": Used(5, 1)}
            assert await held(space.files) == expected
            assert ledger.held == Used(14, 3)
            assert world.spaces.quotas.of_user("ann") == Used(9, 2)
            assert world.spaces.quotas.promised("ann") == Used()
            await files.recount()
            assert await held(space.files) == expected


async def held(files: object) -> dict[str, Used]:
    """Returns what the usage table says, without those who hold nothing."""
    rows = await files.store.database.read(file_rows.usage)  # type: ignore[attr-defined]
    return {sender: used for sender, used in rows.items() if used != Used()}


async def test_bytes_without_a_row_get_one_after_a_crash(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with open_world(data) as world:
        await world.spaces.make(SPACE)
        async with world.spaces.use(SPACE) as space:
            await space.files.static.put(sha256(b"a"), chunks(b"a"), ANN)
            # As a crash between bytes and row leaves it: nobody could say that all is settled.
            space.files.store.blobs.put_static([b"stray"])
            space.files.store.blobs.put_var(UUID, [b"stray too"])
            await space.store.close()
            world.spaces.open_spaces.pop(SPACE).task.cancel()
    async with open_world(data) as world, world.spaces.use(SPACE) as space:
        assert await space.files.has_static(sha256(b"stray"))
        state = await space.files.var.state(UUID)
        assert state is not None and state.sha256 == sha256(b"stray too")
        assert space.files.store.ledger.held == Used(1 + 5 + 9, 3)
        wanted = [(UUID, sha256(b"stray too"))]
        assert (await space.files.missing([], wanted))["var"] == []


async def test_a_settled_space_is_not_looked_through(tmp_path: Path) -> None:
    data = tmp_path / "data"
    async with open_world(data) as world:
        await world.spaces.make(SPACE)
        async with world.spaces.use(SPACE) as space:
            await space.files.static.put(sha256(b"a"), chunks(b"a"), ANN)
            blobs = space.files.store.blobs
    blobs.put_static([b"stray"])
    async with open_world(data) as world, world.spaces.use(SPACE) as space:
        assert await space.files.static.row(sha256(b"a")) is not None
        assert await space.files.static.row(sha256(b"stray")) is None


async def test_a_row_whose_bytes_are_gone_is_missing(tmp_path: Path) -> None:
    async with open_world(tmp_path / "data") as world:
        await world.spaces.make(SPACE)
        async with world.spaces.use(SPACE) as space:
            await space.files.static.put(sha256(b"a"), chunks(b"a"), ANN)
            await space.files.var.put(UUID, chunks(b"b"), None, ANN)
            space.files.store.blobs.delete_static(sha256(b"a"))
            space.files.store.blobs.delete_var(UUID)
            lacking = await space.files.missing([sha256(b"a")], [(UUID, sha256(b"b"))])
            assert lacking == {"static": [sha256(b"a")], "var": [UUID]}
            await space.files.static.put(sha256(b"a"), chunks(b"a"), ANN)
            assert space.files.store.ledger.held == Used(2, 2), "counted once"


LIMITS = ServerSettings(
    quota=QuotaSettings(user_bytes_max=100, user_files_max=3, space_bytes_max=150)
)


async def test_quotas_hold_for_users_in_all_their_spaces(tmp_path: Path) -> None:
    other = "b" * 32
    async with open_world(tmp_path / "data", settings=LIMITS) as world:
        await world.spaces.make(SPACE)
        await world.spaces.make(other)
        async with world.spaces.use(SPACE) as here, world.spaces.use(other) as there:
            await here.files.static.put(sha256(b"a" * 60), chunks(b"a" * 60), ANN)
            with pytest.raises(StorageFullError) as caught:
                await there.files.static.put(sha256(b"b" * 41), chunks(b"b" * 40, b"b"), ANN)
            assert caught.value.code == "quota"
            await there.files.static.put(sha256(b"b" * 40), chunks(b"b" * 40), ANN)
            await here.files.static.put(sha256(b"a" * 60), chunks(b"a" * 60), ANN)
            for number, sender in [(0, BOB), (1, BOB)]:
                data = b"%d" % number * 45
                await here.files.static.put(sha256(data), chunks(data), sender)
            with pytest.raises(StorageFullError, match="this space"):
                await here.files.static.put(sha256(b"z"), chunks(b"z"), Sent("cyd"))
            await here.files.store.write(
                lambda db: file_rows.drop_static(db, sha256(b"a" * 60), 2**60)
            )
            await here.files.static.put(sha256(b"z"), chunks(b"z"), Sent("cyd"))
            leftovers = list(here.layout.files_dir.glob(".*"))
            assert leftovers == []


async def test_running_uploads_share_what_is_left(tmp_path: Path) -> None:
    async with open_world(tmp_path / "data", settings=LIMITS) as world:
        await world.spaces.make(SPACE)
        async with world.spaces.use(SPACE) as space:
            begun = await space.files.uploads.begin("1" * 64, Sent("ann", "", 70))
            with pytest.raises(StorageFullError):
                await space.files.uploads.begin("2" * 64, Sent("ann", "", 31))
            with pytest.raises(StorageFullError):
                await space.files.static.put(sha256(b"b" * 31), chunks(b"b" * 31), ANN)
            await space.files.uploads.cancel(begun)
            await space.files.static.put(sha256(b"b" * 31), chunks(b"b" * 31), ANN)
            assert world.spaces.quotas.promised("ann") == Used()


async def test_a_full_quota_over_http(tmp_path: Path) -> None:
    async with running_api(tmp_path / "data", LIMITS) as api:
        data = b"x" * 101
        path = f"/spaces/{SPACE}/files/static/{sha256(data)}"
        status, _, answer = await api.ask("PUT", path, data=data)
        assert (status, answer["code"]) == (507, "quota")
        headers = {"If-None-Match": "*"}
        path = f"/spaces/{SPACE}/files/var/{UUID}"
        assert (await api.ask("PUT", path, data=data, headers=headers))[0] == 507
        assert (await api.ask("PUT", path, data=data[1:], headers=headers))[0] == 200


async def test_revisions_come_in_pages(tmp_path: Path) -> None:
    def enter(db: apsw.Connection) -> None:
        for number in range(REVISIONS_MAX + 2):
            facts = VarFacts(sha256(b"%d" % number), 1, 0, "ann", "")
            file_rows.enter_revision(db, UUID, facts, 0, is_side=False)

    async with open_world(tmp_path / "data") as world:
        await world.spaces.make(SPACE)
        async with world.spaces.use(SPACE) as space:
            var = space.files.var
            await space.files.store.database.write(enter)
            newest, first = await var.revisions(UUID, 1 << 60), await var.revisions(UUID, 3)
    assert [int(one["revision"]) for one in newest] == list(range(3, REVISIONS_MAX + 3))
    assert [int(one["revision"]) for one in first] == [1, 2]


@pytest.mark.parametrize("refused", ["static", "var"])
async def test_a_quota_that_refuses_in_the_midst_of_a_pack(tmp_path: Path, refused: str) -> None:
    """What came before is kept, so that sending the rest again gets on."""
    # A mutable file is stored before the immutable ones that wait: it is too large by itself.
    first, second, third = b"a" * 50, b"b" * 40, b"c" * (20 if refused == "static" else 101)
    name = UUID if refused == "var" else sha256(third)
    lines = [("static", sha256(data), data) for data in (first, second)] + [(refused, name, third)]
    pack = b"".join(
        json.dumps({"kind": kind, "id": known_as, "size": len(data)}).encode() + b"\n" + data
        for kind, known_as, data in lines
    )
    files = f"/spaces/{SPACE}/files"
    async with running_api(tmp_path / "data", LIMITS) as api:
        status, _, answer = await api.ask("POST", f"{files}/pack", data=pack)
        assert (status, answer["code"]) == (507, "quota")
        assert (await api.ask("GET", f"{files}/static/{sha256(first)}"))[2] == first
        assert (await api.ask("GET", f"{files}/static/{sha256(second)}"))[2] == second
        assert (await api.ask("GET", f"{files}/{refused}/{name}"))[0] == 404
