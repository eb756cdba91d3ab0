"""Members, invites and the deletion of spaces, over HTTP and on living connections."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

from sila_daemon.server.settings import AccountSettings
from tests.server.http_api import Api, running_api
from tests.server.memory_client import join
from tests.server.world_fixture import SPACE, moves

if TYPE_CHECKING:
    from sila_daemon.server.accounts.platform import User

MEMBERS = f"/spaces/{SPACE}/members"
INVITES = f"/spaces/{SPACE}/invites"
DAY_MS = 86_400_000
GRACE_DAYS = AccountSettings().grace_days


@dataclass
class Guest:
    """Another user."""

    user: User
    token: str


@pytest.fixture
async def api(tmp_path: Path) -> AsyncIterator[Api]:
    async with running_api(tmp_path / "data") as api:
        yield api


@pytest.fixture
async def guest(api: Api) -> Guest:
    return Guest(*await api.server.another_user("guest@example.org"))


async def roles(api: Api) -> dict[str, str]:
    """Who is a member, as the owner sees it."""
    _, _, answer = await api.ask("GET", MEMBERS)
    return {member["email"]: member["role"] for member in answer["members"]}


async def invited(api: Api, role: str = "editor", **more: Any) -> str:
    """Makes an invite and returns the path that accepts it."""
    status, _, answer = await api.ask("POST", INVITES, {"role": role, **more})
    assert status == 201, answer
    assert answer["url"].startswith(f"{api.server.url}/invites/inv_")
    return str(answer["url"]).removeprefix(api.server.url) + "/accept"


async def test_owners_give_and_take_roles(api: Api, guest: Guest) -> None:
    path = f"{MEMBERS}/{guest.user.id}"
    status, _, answer = await api.ask("PUT", path, {"role": "viewer"})
    assert (status, answer["member"]["role"]) == (200, "viewer")
    assert await roles(api) == {"owner@example.org": "owner", "guest@example.org": "viewer"}
    assert (await api.ask("PUT", path, {"role": "editor"}))[0] == 200
    assert (await roles(api))["guest@example.org"] == "editor"
    assert (await api.ask("DELETE", path))[0] == 200
    assert (await api.ask("DELETE", path))[0] == 404
    assert (await api.ask("GET", f"/spaces/{SPACE}", token=guest.token))[0] == 404


@pytest.mark.parametrize("role", [None, "", "admin", 7, ["owner"], {}, "Owner", "owner "])
async def test_a_role_that_is_none_changes_nothing(api: Api, guest: Guest, role: Any) -> None:
    for method, path in (("PUT", f"{MEMBERS}/{guest.user.id}"), ("POST", INVITES)):
        status, _, answer = await api.ask(method, path, {"role": role})
        assert (status, answer["code"]) == (400, "bad_role")
    assert await roles(api) == {"owner@example.org": "owner"}


@pytest.mark.parametrize("user_id", ["f" * 32, "..%2F..%2Fx", "x%00", "%F0%9F%98%80", "a" * 3000])
async def test_nobody_is_no_member(api: Api, user_id: str) -> None:
    for method in ("PUT", "DELETE"):
        status, _, answer = await api.ask(method, f"{MEMBERS}/{user_id}", {"role": "viewer"})
        assert (status, answer["code"]) == (404, "not_found"), method


async def test_the_last_owner_cannot_leave_or_step_down(api: Api, guest: Guest) -> None:
    mine = f"{MEMBERS}/{api.server.user.id}"
    for method, body in (("DELETE", None), ("PUT", {"role": "editor"})):
        status, _, answer = await api.ask(method, mine, body)
        assert (status, answer["code"]) == (409, "last_owner")
    await api.ask("PUT", f"{MEMBERS}/{guest.user.id}", {"role": "owner"})
    assert (await api.ask("PUT", mine, {"role": "editor"}))[0] == 200
    assert (await api.ask("DELETE", mine))[0] == 200, "everybody may leave"


async def test_members_leave_by_themselves_and_remove_nobody_else(api: Api, guest: Guest) -> None:
    await api.ask("PUT", f"{MEMBERS}/{guest.user.id}", {"role": "viewer"})
    status, _, answer = await api.ask(
        "DELETE", f"{MEMBERS}/{api.server.user.id}", token=guest.token
    )
    assert (status, answer["code"]) == (403, "not_permitted")
    path = f"{MEMBERS}/{guest.user.id}"
    status, _, _ = await api.ask("PUT", path, {"role": "owner"}, token=guest.token)
    assert status == 403, "nobody raises themselves"
    assert (await api.ask("DELETE", path, token=guest.token))[0] == 200


async def test_roles_bite_at_once_on_living_connections(api: Api, guest: Guest) -> None:
    path, world = f"{MEMBERS}/{guest.user.id}", api.server.world
    await api.ask("PUT", path, {"role": "editor"})
    client = await join(world, guest.token)
    assert (await client.send(moves(1, 1)))["ok"]
    await api.ask("PUT", path, {"role": "viewer"})
    await client.comes("spaces:changed")
    assert (await client.send(moves(2, 2)))["code"] == "read_only"
    await api.ask("DELETE", path)
    await client.task
    assert client.events("auth:expired") == [{"code": "not_permitted"}]
    owner = await join(world, api.server.token)
    assert (await owner.send(moves(3, 3)))["ok"]
    assert client.events("ops:receive") == []
    owner.session.end("gone")
    await owner.task


async def test_an_invite_is_followed_once(api: Api, guest: Guest) -> None:
    path = await invited(api)
    _, other = await api.server.another_user("other@example.org")
    look = path.removesuffix("/accept")
    _, _, seen = await api.ask("GET", look, token=guest.token)
    assert (seen["invite"]["space"], seen["invite"]["role"]) == (
        {"id": SPACE, "name": "Space"}, "editor",
    )  # fmt: skip
    assert (await api.ask("POST", path, token=None))[0] == 401
    status, _, answer = await api.ask("POST", path, token=guest.token)
    assert (status, answer["space"]["id"], answer["space"]["role"]) == (200, SPACE, "editor")
    assert (await api.ask("POST", path, token=guest.token))[0] == 200, "an answer may be lost"
    status, _, answer = await api.ask("POST", path, token=other)
    assert (status, answer["code"]) == (404, "bad_invite")
    assert (await api.ask("GET", INVITES))[2]["invites"] == []
    await api.ask("DELETE", f"{MEMBERS}/{guest.user.id}")
    assert (await api.ask("POST", path, token=guest.token))[0] == 404, "not a way back in"


async def test_an_invite_raises_a_role_and_never_lowers_it(api: Api, guest: Guest) -> None:
    await api.ask("PUT", f"{MEMBERS}/{guest.user.id}", {"role": "editor"})
    await api.ask("POST", await invited(api, "viewer"), token=guest.token)
    assert (await roles(api))["guest@example.org"] == "editor"
    await api.ask("POST", await invited(api, "owner"), token=guest.token)
    assert (await roles(api))["guest@example.org"] == "owner"
    await api.ask("POST", await invited(api, "viewer"))
    assert (await roles(api))["owner@example.org"] == "owner"


async def test_an_invite_expires(api: Api, guest: Guest) -> None:
    soon = await invited(api, expires=int(time.time() * 1000) + DAY_MS)
    later = await invited(api)
    api.server.clock.ahead = 86_400 + 60
    assert (await api.ask("POST", soon, token=guest.token))[0] == 404
    assert len((await api.ask("GET", INVITES))[2]["invites"]) == 1
    await api.server.world.invites.remove_expired()
    assert (await api.ask("POST", later, token=guest.token))[0] == 200


@pytest.mark.parametrize("expires", [0, -1, 1, "soon", 2**70, 1.5, True, [], {}])
async def test_a_time_that_is_none_makes_no_invite(api: Api, expires: Any) -> None:
    status, _, answer = await api.ask("POST", INVITES, {"role": "viewer", "expires": expires})
    assert (status, answer["code"]) == (400, "bad_expiry")
    assert (await api.ask("GET", INVITES))[2]["invites"] == []


async def test_an_invite_is_withdrawn(api: Api, guest: Guest) -> None:
    path = await invited(api)
    (invite,) = (await api.ask("GET", INVITES))[2]["invites"]
    assert path.split("/")[2] not in str(invite), "its secret is known to nobody any more"
    assert (await api.ask("DELETE", f"{INVITES}/{invite['id']}"))[0] == 200
    assert (await api.ask("DELETE", f"{INVITES}/{invite['id']}"))[0] == 404
    assert (await api.ask("POST", path, token=guest.token))[0] == 404


async def test_the_invites_of_a_former_owner_are_worth_nothing(api: Api, guest: Guest) -> None:
    path = await invited(api)
    await api.ask("PUT", f"{MEMBERS}/{guest.user.id}", {"role": "owner"})
    await api.ask("PUT", f"{MEMBERS}/{api.server.user.id}", {"role": "editor"}, token=guest.token)
    _, other = await api.server.another_user("other@example.org")
    assert (await api.ask("POST", path, token=other))[0] == 404


@pytest.mark.parametrize("token", ["x", "inv_", "inv_" + "0" * 64, "..", "%00", "inv_" + "f" * 999])
async def test_made_up_invites_lead_nowhere(api: Api, token: str) -> None:
    status, _, answer = await api.ask("POST", f"/invites/{token}/accept")
    assert (status, answer["ok"]) == (404, False)


async def test_a_deleted_space_is_out_of_sight_and_comes_back(api: Api, guest: Guest) -> None:
    world = api.server.world
    await api.ask("PUT", f"{MEMBERS}/{guest.user.id}", {"role": "editor"})
    invite = await invited(api)
    client, elsewhere = await join(world, api.server.token), await join(world, guest.token)
    assert (await client.send(moves(1, 5)))["ok"]
    assert (await api.ask("DELETE", f"/spaces/{SPACE}", token=guest.token))[0] == 403
    status, _, answer = await api.ask("DELETE", f"/spaces/{SPACE}")
    assert status == 200
    assert answer["purgeAt"] > time.time() * 1000 + (GRACE_DAYS - 1) * DAY_MS
    await client.task
    await elsewhere.task
    assert client.events("auth:expired") == [{"code": "not_permitted"}]
    for method, path in (("GET", ""), ("PATCH", ""), ("DELETE", ""), ("POST", "/connect")):
        assert (await api.ask(method, f"/spaces/{SPACE}{path}", {"name": "x"}))[0] == 404, method
    assert (await api.ask("GET", "/spaces"))[2]["spaces"] == []
    assert (await api.ask("POST", "/spaces", {"id": SPACE}))[0] == 409, "its id is not free yet"
    assert (await api.ask("POST", invite, token=guest.token))[0] == 404
    (gone,) = (await api.ask("GET", "/spaces?deleted=true"))[2]["spaces"]
    assert (gone["id"], gone["purgeAt"]) == (SPACE, answer["purgeAt"])
    assert (await api.ask("GET", "/spaces?deleted=true", token=guest.token))[2]["spaces"] == []
    undelete = f"/spaces/{SPACE}/undelete"
    assert (await api.ask("POST", undelete, token=guest.token))[0] == 403
    assert (await api.ask("POST", undelete))[2]["space"]["name"] == "Space"
    assert (await api.ask("POST", undelete))[0] == 200
    again = await join(world, api.server.token)
    assert again.events("ready")[0]["cursor"]["seq"] == 5
    again.session.end("gone")
    await again.task


async def test_everybody_concerned_hears_of_changes(api: Api, guest: Guest) -> None:
    world = api.server.world
    mine = await world.create_space(guest.user, "Theirs", "9" * 32)
    client = await join(world, guest.token, mine.id)
    member = f"{MEMBERS}/{guest.user.id}"
    steps: list[tuple[str, str, Any]] = [
        ("PUT", member, {"role": "viewer"}), ("PUT", member, {"role": "editor"}),
        ("PATCH", f"/spaces/{SPACE}", {"name": "Other"}),
        ("DELETE", f"/spaces/{SPACE}", None), ("POST", f"/spaces/{SPACE}/undelete", None),
        ("DELETE", member, None),
    ]  # fmt: skip
    for count, (method, path, body) in enumerate(steps, 1):
        assert (await api.ask(method, path, body))[0] == 200, (method, path)
        await client.comes("spaces:changed", count)
    assert client.events("spaces:changed") == [{}] * len(steps)
    client.session.end("gone")
    await client.task


async def test_what_was_decided_is_in_the_audit_log(api: Api, guest: Guest) -> None:
    await api.ask("PUT", f"{MEMBERS}/{guest.user.id}", {"role": "viewer"})
    path = await invited(api)
    await api.ask("POST", path, token=guest.token)
    await api.ask("DELETE", f"{MEMBERS}/{guest.user.id}")
    await api.ask("DELETE", f"/spaces/{SPACE}")
    entries = await api.server.world.audit.entries(space_id=SPACE)
    assert [entry.action for entry in reversed(entries)] == [
        "role_changed", "invite_made", "invite_accepted", "member_removed", "space_deleted",
    ]  # fmt: skip
    assert {entry.address for entry in entries} == {"127.0.0.1"}
    assert entries[-1].reason == f"{guest.user.id} viewer"
    secret = path.split("/")[2]
    assert not any(secret in str(entry) for entry in entries)
