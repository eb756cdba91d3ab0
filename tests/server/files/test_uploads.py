"""Uploads that go on after an interruption, over a real socket."""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sila_daemon.server.files.uploads import UPLOADS_PER_USER_MAX
from sila_daemon.server.settings import FilesSettings, ServerSettings
from tests.server.http_api import Api, running_api
from tests.server.world_fixture import SPACE, eventually, inline_ports, open_world

DATA = bytes(range(256)) * 3000
HASH = hashlib.sha256(DATA).hexdigest()
STATIC = f"/spaces/{SPACE}/files/static/{HASH}"
PART = "application/partial-upload"


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path / "data") as api:
        yield api


async def begun(api: Api, data: bytes = b"", path: str = STATIC, **headers: str) -> str:
    """Makes an upload and returns where it goes on."""
    sent = {"Upload-Complete": "?0", **headers}
    status, found, _ = await api.ask("PUT", path, data=data, headers=sent)
    assert status == 201, found
    assert found["Upload-Offset"] == str(len(data)) and found["Upload-Complete"] == "?0"
    return str(found["Location"])


async def append(
    api: Api, place: str, offset: Any, data: Any, *, complete: bool = False, **more: Any
) -> tuple[int, Any, Any]:
    """Sends the next bytes."""
    headers = {
        "Upload-Offset": str(offset),
        "Upload-Complete": "?1" if complete else "?0",
        "Content-Type": PART,
        **more.pop("headers", {}),
    }
    return await api.ask("PATCH", place, data=data, headers=headers, **more)


async def offset_of(api: Api, place: str) -> int:
    """Asks how much is there."""
    status, headers, _ = await api.ask("HEAD", place)
    assert status == 204 and headers["Cache-Control"] == "no-store"
    return int(headers["Upload-Offset"])


async def test_a_file_comes_in_parts(api: Api) -> None:
    length = {"Upload-Length": str(len(DATA)), "Content-Type": "image/png"}
    place = await begun(api, DATA[:1000], **length)
    assert await offset_of(api, place) == 1000
    status, headers, _ = await append(api, place, 1000, DATA[1000:400_000])
    assert (status, headers["Upload-Offset"]) == (204, "400000")
    assert (await api.ask("GET", STATIC))[0] == 404, "it is no file yet"
    status, headers, answer = await append(api, place, 400_000, DATA[400_000:], complete=True)
    assert (status, headers["Upload-Complete"]) == (201, "?1")
    assert answer == {"ok": True, "hash": HASH, "size": len(DATA)}
    status, headers, body = await api.ask("GET", STATIC)
    assert (status, body, headers["Content-Type"]) == (200, DATA, "image/png")
    # Who lost the last answer can still learn it.
    status, headers, _ = await api.ask("HEAD", place)
    assert (headers["Upload-Complete"], headers["Upload-Offset"]) == ("?1", str(len(DATA)))
    status, headers, _ = await api.ask("PUT", STATIC, headers={"Upload-Complete": "?0"})
    assert (status, headers["Upload-Complete"]) == (200, "?1"), "it is here already"


async def test_bytes_for_another_place_are_refused(api: Api) -> None:
    place = await begun(api, DATA[:10])
    for offset in (0, 9, 11):
        status, headers, answer = await append(api, place, offset, b"x")
        assert (status, answer["code"], answer["offset"]) == (409, "offset_mismatch", 10)
        assert headers["Upload-Offset"] == "10"
    for wrong in ("", "-1", "1e3", "9" * 30):
        status, _, answer = await append(api, place, wrong, b"x")
        assert (status, answer["code"]) == (400, "bad_header"), wrong
    bad = {"Upload-Complete": "yes"}
    assert (await append(api, place, 10, b"x", headers=bad))[0] == 400
    assert (await append(api, place, 10, b"x", headers={"Content-Type": "text/plain"}))[0] == 415
    assert await offset_of(api, place) == 10


async def test_a_wrong_hash_stores_nothing(api: Api) -> None:
    place = await begun(api, b"not")
    status, _, answer = await append(api, place, 3, b"this", complete=True)
    assert (status, answer["code"]) == (422, "corrupt_blob")
    assert (await api.ask("HEAD", place))[0] == 404
    root = api.server.world.spaces.layout(SPACE).version_dir
    assert list((root / "uploads").iterdir()) == []
    assert (await api.ask("GET", STATIC))[0] == 404


async def test_more_or_less_than_was_said_is_refused(api: Api) -> None:
    place = await begun(api, DATA[:10], **{"Upload-Length": "20"})
    status, _, answer = await append(api, place, 10, DATA[10:31])
    assert (status, answer["code"]) == (400, "too_long")
    status, _, answer = await append(api, place, 10, DATA[10:15], complete=True)
    assert (status, answer["code"]) == (400, "incomplete")
    assert await offset_of(api, place) == 15


async def test_nobody_else_finds_an_upload(api: Api) -> None:
    place = await begun(api, b"mine")
    member, token = await api.server.another_user("member@example.org")
    await api.server.world.directory.share(SPACE, member.id, "owner")
    headers = {"Upload-Offset": "4", "Upload-Complete": "?1", "Content-Type": PART}
    for method in ("HEAD", "PATCH", "DELETE"):
        assert (await api.ask(method, place, token=token, headers=headers))[0] == 404, method
    guessed = place[:-1] + ("0" if place[-1] != "0" else "1")
    for bad in (guessed, place + "x", f"/spaces/{SPACE}/files/uploads/..%2f..%2fx"):
        assert (await api.ask("PATCH", bad, headers=headers))[0] == 404, bad
    assert await offset_of(api, place) == 4
    assert (await api.ask("DELETE", place))[0] == 204
    assert (await api.ask("HEAD", place))[0] == 404


async def test_what_came_before_a_cut_is_kept(api: Api) -> None:
    place = await begun(api)
    host, _, port = api.server.url.removeprefix("http://").rpartition(":")
    _, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"PATCH {place} HTTP/1.1\r\nHost: x\r\nUpload-Offset: 0\r\nUpload-Complete: ?1\r\n"
        f"Content-Type: {PART}\r\nAuthorization: Bearer {api.server.token}\r\n"
        f"Content-Length: {len(DATA)}\r\n\r\n".encode()
        + DATA[:300_000]
    )
    await writer.drain()
    part = api.server.world.spaces.layout(SPACE).version_dir / "uploads"
    await eventually(lambda: any(path.stat().st_size for path in part.iterdir()))
    writer.close()
    upload = next(iter((await opened(api)).uploads._open.values()))
    await eventually(lambda: upload.offset == 300_000)
    assert await offset_of(api, place) == 300_000
    assert (await append(api, place, 300_000, DATA[300_000:], complete=True))[0] == 201


async def opened(api: Api) -> Any:
    """Returns the files of the space."""
    async with api.server.world.spaces.use(SPACE) as space:
        return space.files


async def test_the_request_that_came_last_goes_on(api: Api) -> None:
    """A connection that is half open holds nothing up."""
    place = await begun(api)
    arrived = asyncio.Event()

    async def stuck() -> AsyncIterator[bytes]:
        yield DATA[:300_000]
        await arrived.wait()
        yield DATA[300_000:]

    old = asyncio.create_task(append(api, place, 0, stuck(), complete=True))
    upload = next(iter((await opened(api)).uploads._open.values()))
    await eventually(lambda: upload.offset > 0)
    offset = await offset_of(api, place)
    assert (await append(api, place, offset, DATA[offset:], complete=True))[0] == 201
    arrived.set()
    status, _, answer = await old
    assert (status, answer["code"]) == (409, "offset_mismatch")
    assert (await api.ask("GET", STATIC))[2] == DATA


async def test_uploads_survive_a_restart_and_end_in_time(tmp_path: Path) -> None:
    data = tmp_path / "data"
    settings = ServerSettings(files=FilesSettings(upload_hours=2))
    async with running_api(data, settings) as api:
        place = await begun(api, DATA[:1000])
        other = "/spaces/" + SPACE + "/files/static/" + "0" * 64
        await begun(api, b"late", other)
        owner = api.server.user.id
    async with (
        open_world(data, inline_ports(), settings) as world,
        world.spaces.use(SPACE) as space,
    ):
        upload = space.files.uploads.find(place.rpartition("/")[2], owner)
        assert (upload.offset, upload.hash) == (1000, HASH)

        async def rest() -> AsyncIterator[bytes]:
            yield DATA[1000:]

        await space.files.uploads.append(upload, 1000, rest())
        assert (await space.files.uploads.finish(upload)).hash == HASH
        assert await space.files.has_static(HASH)
        world.ports.clock.ahead += 2 * 3600 + 1  # type: ignore[attr-defined]
        assert await space.files.uploads.expire() == 2
        assert list((space.layout.version_dir / "uploads").iterdir()) == []


async def test_a_user_has_few_unfinished_uploads(api: Api) -> None:
    places = [
        await begun(api, b"x", f"/spaces/{SPACE}/files/static/{number:064x}")
        for number in range(UPLOADS_PER_USER_MAX)
    ]
    status, _, answer = await api.ask("PUT", STATIC, headers={"Upload-Complete": "?0"})
    assert (status, answer["code"]) == (507, "quota")
    again = await begun(api, b"", f"/spaces/{SPACE}/files/static/{0:064x}")
    assert (await api.ask("HEAD", places[0]))[0] == 404, "the same file begins anew"
    assert (await api.ask("DELETE", again))[0] == 204
    await begun(api)


async def test_types_and_conditions(api: Api) -> None:
    for sent, kept in [
        ("text/plain; charset=utf-8", "text/plain; charset=utf-8"),
        ("nonsense", "application/octet-stream"), ("a/b" * 99, "application/octet-stream"),
    ]:  # fmt: skip
        data = sent.encode()
        path = f"/spaces/{SPACE}/files/static/{hashlib.sha256(data).hexdigest()}"
        assert (await api.ask("PUT", path, data=data, headers={"Content-Type": sent}))[0] == 201
        status, headers, body = await api.ask("HEAD", path)
        assert (status, headers["Content-Type"], body) == (200, kept, b"")
        assert headers["Content-Length"] == str(len(data))
        assert headers["Content-Disposition"] == "attachment"
        tag = headers["ETag"]
        for seen in (tag, f'"x", {tag}', f"W/{tag}", "*"):
            assert (await api.ask("GET", path, headers={"If-None-Match": seen}))[0] == 304, seen
        ranged = {"Range": "bytes=0-1", "If-Range": '"other"'}
        assert (await api.ask("GET", path, headers=ranged))[0] == 200
        ranged["If-Range"] = tag
        assert (await api.ask("GET", path, headers=ranged))[0] == 206


async def test_no_file_is_reached_past_the_server(api: Api) -> None:
    files = f"/spaces/{SPACE}/files"
    for method, path in [("GET", "url"), ("POST", "upload-url")]:
        for place in (f"static/{HASH}", f"var/{'1' * 32}"):
            status, _, answer = await api.ask(method, f"{files}/{place}/{path}")
            assert (status, answer["code"]) == (404, "no_direct_access")
        assert (await api.ask(method, f"{files}/static/x/{path}"))[0] == 400
        status, _, answer = await api.ask(method, f"{files}/other/{HASH}/{path}")
        assert (status, answer["code"]) == (404, "not_found")
