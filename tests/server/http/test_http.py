"""The HTTP routes over a real socket."""

from __future__ import annotations

import asyncio
import hashlib
import json
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from sila_daemon.core.errors import StorageFullError
from sila_daemon.server.http.routes import packs as http_packs
from sila_daemon.server.ops.op_store import Batch
from sila_daemon.server.spaces.space_secrets import SecretSet, fingerprint
from tests.server.http_api import Api, running_api
from tests.server.world_fixture import SPACE, TREE, eventually, moves

UUID = "1" * 32
HELLO = hashlib.sha256(b"hello").hexdigest()


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path / "data") as api:
        yield api


async def test_literal_shapes_of_the_original(api: Api) -> None:
    assert (await api.ask("GET", "/health", token=None))[2] == {"ok": True}
    _, _, spaces = await api.ask("GET", "/spaces")
    assert spaces["ok"] is True and spaces["spaces"][0]["id"] == SPACE
    _, _, one = await api.ask("GET", f"/spaces/{SPACE}")
    assert (one["ok"], one["space"]["name"]) == (True, "Space")
    status, _, answer = await api.ask("GET", "/spaces/nowhere")
    assert (status, answer["ok"], answer["error"]) == (404, False, "not found")
    _, _, answer = await api.ask("POST", f"/spaces/{SPACE}/connect")
    assert answer == {
        "ok": True, "connect": {"namespace": f"/spaces/{SPACE}", "path": "/socket.io"},
    }  # fmt: skip
    _, _, me = await api.ask("GET", "/auth/me")
    assert me["email"] == "owner@example.org" and "ok" not in me
    _, _, refreshed = await api.ask("POST", "/auth/refresh", {"refresh_token": api.server.token})
    assert {"access_token", "refresh_token", "expires_in"} <= set(refreshed)


ROUTES = [
    ("GET", "/auth/me"), ("POST", "/auth/logout"), ("GET", "/spaces"), ("POST", "/spaces"),
    *(
        (method, f"/spaces/{SPACE}{path}")
        for method, path in [
            ("GET", ""), ("PATCH", ""), ("POST", "/connect"), ("GET", "/members"),
            ("GET", "/secrets"), ("PUT", "/secrets"), ("POST", "/files/missing"),
            ("PUT", f"/files/static/{HELLO}"), ("GET", f"/files/static/{HELLO}"),
            ("PUT", f"/files/var/{UUID}"), ("GET", f"/files/var/{UUID}"),
            ("GET", f"/files/var/{UUID}/revisions"),
            ("POST", "/files/pack"), ("POST", "/files/fetch"),
        ]
    ),
]  # fmt: skip


async def test_every_route_needs_a_token(api: Api) -> None:
    server = api.server
    expired = server.world.accounts.sessions._tokens.access(server.user.id, "", "f" * 32, -5)
    for method, path in ROUTES:
        for token in (None, "x", expired):
            status, _, answer = await api.ask(method, path, token=token)
            assert (status, answer["ok"]) == (401, False), (method, path, token)


async def test_the_spaces_of_others_are_not_there(api: Api) -> None:
    _, stranger = await api.server.another_user("stranger@example.org")
    for method, path in ROUTES:
        if path.startswith(f"/spaces/{SPACE}"):
            status, _, answer = await api.ask(method, path, token=stranger)
            assert (status, answer["code"]) == (404, "not_found"), (method, path)


async def test_a_viewer_changes_nothing(api: Api) -> None:
    viewer, token = await api.server.another_user("viewer@example.org")
    await api.server.world.directory.share(SPACE, viewer.id, "viewer")
    for method, path in ROUTES:
        if path.startswith(f"/spaces/{SPACE}") and (method in ("PUT", "PATCH") or "pack" in path):
            status, _, answer = await api.ask(method, path, token=token)
            assert (status, answer["code"]) == (403, "not_permitted"), (method, path)
    assert (await api.ask("GET", f"/spaces/{SPACE}", token=token))[2]["space"]["role"] == "viewer"


async def test_signing_in_out_and_too_often(api: Api) -> None:
    world = api.server.world
    await world.accounts.add_user("a@example.org", "good password")
    login = {"email": "a@example.org", "password": "good password", "device": {"name": "d"}}
    status, _, signed = await api.ask("POST", "/auth/login", login, token=None)
    assert status == 200
    assert set(signed) == {"ok", "access_token", "refresh_token", "expires_in", "user"}
    token = signed["access_token"]
    assert (await api.ask("GET", "/auth/me", token=token))[2] == signed["user"]
    assert (await api.ask("POST", "/auth/logout", token=token))[0] == 200
    assert (await api.ask("GET", "/auth/me", token=token))[0] == 401
    login["password"] = "bad password"
    statuses = [(await api.ask("POST", "/auth/login", login, token=None))[0] for _ in range(6)]
    assert statuses == [401] * 4 + [429] * 2
    _, headers, answer = await api.ask("POST", "/auth/login", login, token=None)
    assert answer["code"] == "rate_limited" and int(headers["Retry-After"]) > 0


@pytest.mark.parametrize(
    "body", [b"", b"null", b"[]", b"{", b"\xff", b"[" * 100_000, b'{"email":7,"password":{}}']
)
async def test_bad_bodies_are_refused(api: Api, body: bytes) -> None:
    for path in ("/auth/login", "/auth/refresh"):
        status, _, answer = await api.ask("POST", path, data=body, token=None)
        assert status in (400, 401, 413) and answer["ok"] is False
    status, _, answer = await api.ask("PUT", f"/spaces/{SPACE}/secrets", data=body)
    assert (status, answer["code"]) == (400, "precondition_required") or status == 428


async def test_an_interrupted_import_is_nobodys_space(api: Api) -> None:
    space_id = "e" * 32
    spaces = api.server.world.spaces
    await spaces.make(space_id)
    assert (await api.ask("POST", "/spaces", {"id": space_id}))[0] == 201
    await spaces.make("f" * 32)
    async with spaces.use("f" * 32) as space:
        await space.store.commit([Batch(TREE, moves(1, 1), "import")])
    assert (await api.ask("POST", "/spaces", {"id": "f" * 32}))[0] == 409


async def test_making_spaces(api: Api) -> None:
    status, _, made = await api.ask("POST", "/spaces", {})
    assert (status, made["space"]["name"]) == (201, "New space")
    async with api.server.world.spaces.use(made["space"]["id"]) as space:
        assert space.hub.head.seq > 0, "it has its space tree"
    wanted = "7" * 32
    assert (await api.ask("POST", "/spaces", {"id": wanted, "name": "Mine"}))[0] == 201
    async with api.server.world.spaces.use(wanted) as space:
        assert space.hub.head.seq == 0
    status, _, answer = await api.ask("POST", "/spaces", {"id": wanted})
    assert (status, answer["code"]) == (409, "taken")
    names: list[Any] = ["", "x" * 81, 7, None, []]
    for name in names:
        status = (await api.ask("POST", "/spaces", {"name": name}))[0]
        assert status == (201 if name is None else 400), name
    for bad in ("../../x", "A" * 32, "a" * 31, 7, "", "a" * 31 + "/", "a" * 31 + "\x00"):
        assert (await api.ask("POST", "/spaces", {"id": bad}))[0] == 400, bad


async def test_a_space_is_renamed_and_lists_have_etags(api: Api) -> None:
    _, headers, _ = await api.ask("GET", "/spaces")
    same = {"If-None-Match": headers["ETag"]}
    assert (await api.ask("GET", "/spaces", headers=same))[0] == 304
    assert (await api.ask("PATCH", f"/spaces/{SPACE}", {"name": "Other"}))[0] == 200
    status, _, answer = await api.ask("GET", "/spaces", headers=same)
    assert (status, answer["spaces"][0]["name"]) == (200, "Other")


async def test_secrets_are_sealed_and_change_only_on_what_was_seen(api: Api) -> None:
    path = f"/spaces/{SPACE}/secrets"
    world = api.server.world
    _, headers, answer = await api.ask("GET", path)
    async with world.spaces.use(SPACE) as space:
        box = space.secrets
    assert box.unseal(answer["sealed"]) == SecretSet()
    wanted = SecretSet({"api-key": "sk-1", "x": "\ud83d"}, {"old": fingerprint("gone")})
    body = {"sealed": box.seal(wanted)}
    empty = {"If-Match": headers["ETag"]}
    status, headers, answer = await api.ask("PUT", path, body, headers=empty)
    assert status == 200 and headers["ETag"] == f'"{answer["etag"]}"'
    assert (await api.ask("PUT", path, body, headers=empty))[0] == 412
    assert (await api.ask("PUT", path, body))[0] == 428
    for bad in ({}, {"sealed": "x"}, {"sealed": 7}, {"sealed": body["sealed"][:-8] + "AAAAAAA="}):
        seen = {"If-Match": headers["ETag"]}
        assert (await api.ask("PUT", path, bad, headers=seen))[0] == 422
    _, again, answer = await api.ask("GET", path)
    assert box.unseal(answer["sealed"]) == wanted and again["ETag"] == headers["ETag"]
    assert "sk-1" not in json.dumps(answer)
    stored = world.spaces.layout(SPACE).secrets.read_bytes()
    assert b"sk-1" not in stored, "sealed on disk as the local format is"


async def test_static_files_are_verified_and_served(api: Api) -> None:
    files = f"/spaces/{SPACE}/files"
    static = f"{files}/static/{HELLO}"
    status, _, answer = await api.ask("PUT", static, data=b"hellO")
    assert (status, answer["code"]) == (422, "corrupt_blob")
    assert (await api.ask("GET", static))[0] == 404
    asked = {"static": [HELLO], "var": []}
    _, _, lacking = await api.ask("POST", f"{files}/missing", asked)
    assert lacking == {"ok": True, **asked}
    status, _, answer = await api.ask("PUT", static, data=b"hello")
    assert (status, answer["size"]) == (201, 5)
    assert (await api.ask("PUT", static, data=b"hello"))[0] == 200
    assert (await api.ask("POST", f"{files}/missing", asked))[2]["static"] == []
    status, headers, body = await api.ask("GET", static)
    assert (status, body, headers["ETag"]) == (200, b"hello", f'"{HELLO}"')
    assert "immutable" in headers["Cache-Control"]
    for asked_range, expected in [
        ("bytes=1-2", (206, b"el")), ("bytes=3-", (206, b"lo")), ("bytes=-2", (206, b"lo")),
        ("bytes=0-99", (206, b"hello")), ("bytes=9-", (416, b"")), ("lines=1", (200, b"hello")),
    ]:  # fmt: skip
        status, _, body = await api.ask("GET", static, headers={"Range": asked_range})
        assert (
            206 if (status, body) == (200, b"hello") and expected[0] == 206 else status,
            body,
        ) == expected, asked_range
    cached = {"If-None-Match": f'"{HELLO}"'}
    assert (await api.ask("GET", static, headers=cached))[0] == 304
    leftovers = list(api.server.world.spaces.layout(SPACE).files_dir.glob(".*"))
    assert leftovers == []


async def test_a_large_file_is_streamed_both_ways(api: Api) -> None:
    data = bytes(range(256)) * 20_000
    blob_hash = hashlib.sha256(data).hexdigest()

    async def chunks() -> AsyncIterator[bytes]:
        for start in range(0, len(data), 100_000):
            yield data[start : start + 100_000]

    path = f"/spaces/{SPACE}/files/static/{blob_hash}"
    assert (await api.ask("PUT", path, data=chunks()))[0] == 201
    assert (await api.ask("GET", path))[2] == data


async def test_a_cut_upload_leaves_nothing(api: Api) -> None:
    host, _, port = api.server.url.removeprefix("http://").rpartition(":")
    reader, writer = await asyncio.open_connection(host, int(port))
    writer.write(
        f"PUT /spaces/{SPACE}/files/static/{HELLO} HTTP/1.1\r\nHost: x\r\n"
        f"Authorization: Bearer {api.server.token}\r\nContent-Length: 5\r\n\r\nhel".encode()
    )
    await writer.drain()
    writer.close()
    await reader.read()
    assert (await api.ask("GET", f"/spaces/{SPACE}/files/static/{HELLO}"))[0] == 404


async def test_mutable_files_keep_what_lost(api: Api) -> None:
    var = f"/spaces/{SPACE}/files/var/{UUID}"
    assert (await api.ask("PUT", var, data=b"one"))[0] == 428
    new = {"If-None-Match": "*"}
    status, headers, first = await api.ask("PUT", var, data=b"one", headers=new)
    assert (status, headers["ETag"]) == (200, f'"{first["revision"]}"')
    seen = {"If-Match": headers["ETag"]}
    status, headers, second = await api.ask("PUT", var, data=b"two", headers=seen)
    assert status == 200
    for stale in (seen, new, {"If-Match": '"99"'}, {"If-Match": '"x"'}):
        status, _, lost = await api.ask("PUT", var, data=b"late", headers=stale)
        assert (status, lost["code"], lost["revision"]) == (412, "changed", second["revision"])
    status, headers, body = await api.ask("GET", var)
    assert (body, headers["ETag"]) == (b"two", f'"{second["revision"]}"')
    _, _, listed = await api.ask("GET", f"{var}/revisions")
    assert [r["side"] for r in listed["revisions"]] == [False, False, True, True, True, True]
    _, _, earlier = await api.ask("GET", f"{var}/revisions?before=3")
    assert earlier["revisions"] == listed["revisions"][:2]
    assert (await api.ask("GET", f"{var}/revisions?before=0"))[2]["revisions"] == []
    assert (await api.ask("GET", f"{var}/revisions?before=x"))[2]["code"] == "bad_query"
    late = listed["revisions"][2]["sha256"]
    assert (await api.ask("GET", f"/spaces/{SPACE}/files/static/{late}"))[2] == b"late"
    asked = {"static": [], "var": [{"id": UUID, "sha256": hashlib.sha256(b"two").hexdigest()}]}
    lacking = f"/spaces/{SPACE}/files/missing"
    assert (await api.ask("POST", lacking, asked))[2]["var"] == []
    asked["var"][0]["sha256"] = HELLO
    assert (await api.ask("POST", lacking, asked))[2]["var"] == [UUID]


async def test_bytes_that_no_revision_knows_become_the_next_one(api: Api) -> None:
    """What a crash, or a full disk, between the bytes and their row leaves behind."""
    var = f"/spaces/{SPACE}/files/var/{UUID}"
    _, headers, _ = await api.ask("PUT", var, data=b"one", headers={"If-None-Match": "*"})
    async with api.server.world.spaces.use(SPACE) as space:
        space.files.store.blobs.put_var(UUID, [b"two"])
        space.files.store.blobs.put_var("2" * 32, [b"first"])
    status, after, body = await api.ask("GET", var)
    assert (status, body) == (200, b"two")
    assert after["ETag"] != headers["ETag"]
    assert after["X-Sha256"] == hashlib.sha256(b"two").hexdigest()
    # Its sender, who got no answer, repeats; then goes on from what it was told.
    status, again, answer = await api.ask(
        "PUT", var, data=b"two", headers={"If-Match": headers["ETag"]}
    )
    assert (status, again["ETag"]) == (200, after["ETag"]), answer
    status, _, _ = await api.ask("PUT", var, data=b"x", headers={"If-Match": again["ETag"]})
    assert status == 200
    assert (await api.ask("GET", f"/spaces/{SPACE}/files/var/{'2' * 32}"))[2] == b"first"


async def test_a_failed_row_does_not_hide_the_bytes(
    api: Api, monkeypatch: pytest.MonkeyPatch
) -> None:
    var = f"/spaces/{SPACE}/files/var/{UUID}"
    _, headers, _ = await api.ask("PUT", var, data=b"one", headers={"If-None-Match": "*"})
    seen = {"If-Match": headers["ETag"]}
    async with api.server.world.spaces.use(SPACE) as space:

        async def full(*_: object) -> None:
            raise StorageFullError("no space left")

        with monkeypatch.context() as patched:
            patched.setattr(space.files.store.database, "write", full)
            assert (await api.ask("PUT", var, data=b"two", headers=seen))[0] == 507
    _, found, body = await api.ask("GET", var)
    assert found["X-Sha256"] == hashlib.sha256(body).hexdigest()
    status, again, _ = await api.ask("PUT", var, data=b"two", headers=seen)
    assert status == 200
    _, now, body = await api.ask("GET", var)
    assert (body, now["ETag"]) == (b"two", again["ETag"])
    assert now["X-Sha256"] == hashlib.sha256(b"two").hexdigest()


async def test_who_is_taken_out_during_an_upload_stores_nothing(api: Api) -> None:
    world = api.server.world
    guest, token = await api.server.another_user("guest@example.org")
    await world.directory.share(SPACE, guest.id, "editor")

    files = world.spaces.layout(SPACE).files_dir

    async def body() -> AsyncIterator[bytes]:
        yield b"hel"
        await eventually(lambda: files.exists() and list(files.glob(".sila-*")))
        await world.directory.unshare(SPACE, guest.id)
        yield b"lo"

    for path in (f"files/static/{HELLO}", f"files/var/{UUID}"):
        await world.directory.share(SPACE, guest.id, "editor")
        status, _, _ = await api.ask(
            "PUT", f"/spaces/{SPACE}/{path}", data=body(), token=token,
            headers={"If-None-Match": "*"},
        )  # fmt: skip
        assert status == 404
        assert (await api.ask("GET", f"/spaces/{SPACE}/{path}"))[0] == 404
    assert [path for path in files.rglob("*") if path.is_file()] == []


async def test_a_pack_of_too_many_files_ends(api: Api, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(http_packs, "ASKED_MAX", 3)
    line = b'{"kind":"static","id":"%b","size":5}\nhello' % HELLO.encode()
    path = f"/spaces/{SPACE}/files/pack"
    assert (await api.ask("POST", path, data=line * 3))[0] == 200
    assert (await api.ask("POST", path, data=line * 4))[0] == 413


async def test_strangers_send_no_megabytes_of_json(api: Api) -> None:
    body = b'{"email":[%b0]}' % (b"[]," * 100_000)
    for path in ("/auth/login", "/auth/refresh"):
        assert (await api.ask("POST", path, data=body, token=None))[0] == 413


async def test_who_is_held_back_uses_up_nobody_elses_attempts(api: Api) -> None:
    await api.server.world.accounts.add_user("known@example.org", "good password")
    for number in range(20):
        await api.ask("POST", "/auth/login", {"email": f"x{number}@y.z"}, token=None)
    known = {"email": "known@example.org", "password": "bad"}
    for _ in range(10):
        assert (await api.ask("POST", "/auth/login", known, token=None))[0] == 429
    api.server.clock.ahead += 4  # One more attempt from here, and by then none lost by account.
    known["password"] = "good password"
    assert (await api.ask("POST", "/auth/login", known, token=None))[0] == 200


async def test_racing_writers_of_a_mutable_file(api: Api) -> None:
    var = f"/spaces/{SPACE}/files/var/{UUID}"
    new = {"If-None-Match": "*"}
    answers = await asyncio.gather(
        *(api.ask("PUT", var, data=b"%d" % index, headers=new) for index in range(8))
    )
    assert sorted(status for status, _, _ in answers) == [200] + [412] * 7
    _, _, listed = await api.ask("GET", f"{var}/revisions")
    assert len(listed["revisions"]) == 8, "every writer's bytes are kept"


@pytest.mark.parametrize(
    "bad",
    ["..%2f..%2fx", "%2e%2e", "A" * 64, "a" * 63, "a" * 65, "x" * 64, "a%00" + "a" * 60, "ä" * 32],
)
async def test_bad_ids_never_reach_the_disk(api: Api, bad: str) -> None:
    before = sorted(api.server.world.spaces.layout(SPACE).root.rglob("*"))
    for method, path in [
        ("PUT", f"files/static/{bad}"), ("GET", f"files/static/{bad}"),
        ("PUT", f"files/var/{bad}"), ("GET", f"files/var/{bad}"),
    ]:  # fmt: skip
        headers = {"If-None-Match": "*"}
        status, _, answer = await api.ask(
            method, f"/spaces/{SPACE}/{path}", data=b"x" if method == "PUT" else None,
            headers=headers,
        )  # fmt: skip
        assert status in (400, 404, 405) and answer["ok"] is False, (method, path)
    assert (await api.ask("GET", f"/spaces/{bad}"))[0] == 404
    items: list[Any] = [bad, None, 7, {}]
    for item in items:
        asked: dict[str, Any] = {"static": [item]}
        assert (await api.ask("POST", f"/spaces/{SPACE}/files/missing", asked))[0] == 400
    assert sorted(api.server.world.spaces.layout(SPACE).root.rglob("*")) == before


async def test_unknown_places_answer_in_shape(api: Api) -> None:
    status, _, answer = await api.ask("GET", "/nowhere")
    assert (status, answer) == (404, {"ok": False, "error": "not found", "code": "not_found"})
    assert (await api.ask("DELETE", "/health"))[0] == 405


def packed(kind: str, name: str, data: bytes, **members: Any) -> bytes:
    """Makes one file of a pack."""
    header = {"kind": kind, "id": name, "size": len(data), **members}
    return json.dumps(header).encode() + b"\n" + data


async def test_packs_carry_many_files_both_ways(api: Api) -> None:
    files = f"/spaces/{SPACE}/files"
    other = "2" * 32
    blobs = {hashlib.sha256(data).hexdigest(): data for data in (b"", b"a\nb", b"hello")}
    pack = b"".join(packed("static", name, data) for name, data in blobs.items())
    pack += packed("var", UUID, b"one", revision=None) + packed("var", other, b"x", revision="7")
    pack += packed("static", "0" * 64, b"not this")
    status, _, answer = await api.ask("POST", f"{files}/pack", data=pack)
    assert status == 200
    results = [(one["id"], one["ok"], one.get("code")) for one in answer["files"]]
    assert results == [
        *((name, True, None) for name in blobs),
        (UUID, True, None), (other, False, "changed"), ("0" * 64, False, "corrupt_blob"),
    ]  # fmt: skip
    asked = {"static": [*blobs, "f" * 64], "var": [UUID, other]}
    status, headers, body = await api.ask("POST", f"{files}/fetch", asked)
    assert (status, headers["Content-Type"]) == (200, "application/x-ndjson")
    expected = b"".join(packed("static", name, data) for name, data in blobs.items())
    revision = answer["files"][3]["revision"]
    expected += packed("var", UUID, b"one", revision=revision)
    assert body == expected.replace(b": ", b":").replace(b", ", b",")


@pytest.mark.parametrize(
    "tail",
    [
        b"{", b"null\n", b"[" * 100_000 + b"\n", b"x" * 9000,
        packed("static", HELLO, b"hello")[:-1],
        packed("static", "../x", b""), packed("other", HELLO, b""), packed("var", "..", b""),
        b'{"kind":"static","id":"%b","size":-1}\n' % HELLO.encode(),
        b'{"kind":"static","id":"%b","size":99999999999}\n' % HELLO.encode(),
        b'{"kind":"static","id":"%b","size":"5"}\nhello' % HELLO.encode(),
    ],
)  # fmt: skip
async def test_a_broken_pack_keeps_what_came_before(api: Api, tail: bytes) -> None:
    files = f"/spaces/{SPACE}/files"
    good = hashlib.sha256(b"good").hexdigest()
    pack = packed("static", good, b"good") + tail
    status, _, answer = await api.ask("POST", f"{files}/pack", data=pack)
    assert (status, answer["ok"]) == (400, False)
    assert (await api.ask("GET", f"{files}/static/{good}"))[2] == b"good"
    assert (await api.ask("GET", f"{files}/static/{HELLO}"))[0] == 404
