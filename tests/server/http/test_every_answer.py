"""A walk through all routes that gets every good answer that the OpenAPI document has."""

from __future__ import annotations

import hashlib
import json
from pathlib import Path
from typing import Any

import msgspec

from sila_daemon.server.settings import AccountSettings, ServerSettings
from tests.server.conformance import described
from tests.server.http_api import Api, running_api
from tests.server.world_fixture import SPACE

DATA = b"bytes of a file"
HASH = hashlib.sha256(DATA).hexdigest()
VAR = "d" * 32
FILES = f"/spaces/{SPACE}/files"


async def sign_in(api: Api) -> None:
    """Accounts, sessions, and a device that signs in by its code."""
    account: dict[str, Any] = {"email": "ann@example.org", "password": "a longer phrase"}
    _, _, signed = await api.ask("POST", "/auth/signup", account)
    token = signed["access_token"]
    _, _, other = await api.ask("POST", "/auth/login", {**account, "device": {"name": "Phone"}})
    await api.ask("POST", "/auth/refresh", {"refresh_token": other["refresh_token"]})
    await api.ask("GET", "/auth/me", token=token)
    _, _, listed = await api.ask("GET", "/auth/sessions", token=token)
    (phone,) = [one["id"] for one in listed["sessions"] if not one["current"]]
    await api.ask("DELETE", f"/auth/sessions/{phone}", token=token)
    new = {"old": account["password"], "new": "a phrase that is new"}
    await api.ask("POST", "/auth/password", new, token=token)
    _, _, begun = await api.ask("POST", "/auth/device")
    await let_in(api, begun["user_code"], account["email"], new["new"])
    _, _, device = await api.ask(
        "POST", "/auth/device/token", {"device_code": begun["device_code"]}
    )
    await api.ask("POST", "/auth/logout", token=device["access_token"])


async def let_in(api: Api, code: str, email: str, password: str) -> None:
    """Does what a person does on the page."""
    _, headers, page = await api.ask("GET", f"/device?user_code={code}", token=None)
    cookie = headers["Set-Cookie"].partition(";")[0]

    async def post(path: str, page: bytes, **fields: str) -> bytes:
        for name in ("form", "ticket"):
            _, _, value = page.decode().partition(f'name="{name}" value="')
            fields[name] = value.partition('"')[0]
        _, _, answer = await api.ask(
            "POST", path, token=None, headers={"Cookie": cookie}, data=fields
        )
        assert isinstance(answer, bytes)
        return answer

    page = await post("/device", page, user_code=code, email=email, password=password)
    await post("/device/decision", page, decision="allow")


async def share(api: Api) -> None:
    """Spaces, members and invites."""
    user, token = await api.server.another_user("bob@example.org")
    _, headers, _ = await api.ask("GET", "/spaces")
    await api.ask("GET", "/spaces", headers={"If-None-Match": headers["ETag"]})
    _, _, made = await api.ask("POST", "/spaces", {"name": "Other"})
    other = f"/spaces/{made['space']['id']}"
    await api.ask("GET", other)
    await api.ask("PATCH", other, {"name": "Another"})
    await api.ask("POST", f"{other}/connect")
    await api.ask("PUT", f"{other}/members/{user.id}", {"role": "viewer"})
    await api.ask("GET", f"{other}/members")
    await api.ask("DELETE", f"{other}/members/{user.id}")
    _, _, invited = await api.ask("POST", f"{other}/invites", {"role": "editor"})
    place = "/invites/" + invited["url"].rpartition("/")[2]
    await api.ask("GET", place, token=token)
    await api.ask("POST", f"{place}/accept", token=token)
    _, _, invited = await api.ask("POST", f"{other}/invites", {"role": "editor"})
    await api.ask("GET", f"{other}/invites")
    await api.ask("DELETE", f"{other}/invites/{invited['invite']['id']}")
    await api.ask("DELETE", other)
    await api.ask("GET", "/spaces?deleted=true")
    await api.ask("POST", f"{other}/undelete")
    _, headers, secrets = await api.ask("GET", f"/spaces/{SPACE}/secrets")
    match, body = {"If-Match": headers["ETag"]}, {"sealed": secrets["sealed"]}
    await api.ask("PUT", f"/spaces/{SPACE}/secrets", body, headers=match)
    await api.ask("GET", f"/spaces/{SPACE}/ops")
    await api.ask("GET", f"/spaces/{SPACE}/export")


async def read(api: Api, place: str) -> None:
    """A file as a whole, in part, unchanged, and beyond its end."""
    _, headers, data = await api.ask("GET", place)
    assert data == DATA
    await api.ask("GET", place, headers={"Range": "bytes=2-4"})
    await api.ask("GET", place, headers={"Range": "bytes=900-"})
    await api.ask("GET", place, headers={"If-None-Match": headers["ETag"]})


async def keep_files(api: Api) -> None:
    """Files one by one, in packs, and in pieces."""
    await api.ask("POST", f"{FILES}/missing", {"static": [HASH]})
    for _ in range(2):
        await api.ask("PUT", f"{FILES}/static/{HASH}", data=DATA)
    await api.ask("PUT", f"{FILES}/var/{VAR}", data=DATA, headers={"If-None-Match": "*"})
    await read(api, f"{FILES}/static/{HASH}")
    await read(api, f"{FILES}/var/{VAR}")
    await api.ask("GET", f"{FILES}/var/{VAR}/revisions")
    await api.ask("POST", f"{FILES}/fetch", {"static": [HASH], "var": [VAR]})
    packed = {"kind": "static", "id": HASH, "size": len(DATA)}
    await api.ask("POST", f"{FILES}/pack", data=json.dumps(packed).encode() + b"\n" + DATA)
    await api.ask("GET", f"{FILES}/static/{HASH}/url")
    await api.ask("POST", f"{FILES}/static/{HASH}/upload-url")
    long = DATA * 1000
    parts = long[:5000], long[5000:9000], long[9000:]
    place = f"{FILES}/static/{hashlib.sha256(long).hexdigest()}"
    _, headers, begun = await api.ask(
        "PUT", place, data=parts[0], headers={"Upload-Complete": "?0"}
    )
    upload = headers["Location"]
    assert (begun["upload"], begun["offset"]) == (upload, 5000)
    await api.ask("HEAD", upload)
    for offset, part, complete in ((5000, parts[1], "?0"), (9000, parts[2], "?1")):
        sent = {
            "Upload-Offset": str(offset), "Upload-Complete": complete,
            "Content-Type": "application/partial-upload",
        }  # fmt: skip
        await api.ask("PATCH", upload, data=part, headers=sent)
    other = hashlib.sha256(b"never whole").hexdigest()
    begin = {"Upload-Complete": "?0"}
    _, headers, _ = await api.ask("PUT", f"{FILES}/static/{other}", data=b"ne", headers=begin)
    await api.ask("DELETE", headers["Location"])


async def test_every_good_answer_of_the_document_is_given(tmp_path: Path) -> None:
    settings = msgspec.structs.replace(ServerSettings(), accounts=AccountSettings(sign_up="open"))
    async with running_api(tmp_path / "data", settings) as api:
        for path in ("/health", "/ready", "/openapi.json", "/metrics"):
            await api.ask("GET", path, token=None)
        await sign_in(api)
        await share(api)
        await keep_files(api)
    good = {
        (method.upper(), path, status)
        for path, methods in described()["paths"].items()
        for method, operation in methods.items()
        for status in operation["responses"]
        if int(status) < 400 or status == "416"
    }
    assert good - api.answered == set()
    routes = {
        (method.upper(), path) for path, all_ in described()["paths"].items() for method in all_
    }
    assert {(method, path) for method, path, _ in api.answered} >= routes
