"""HTTP: who may use a space, invites to it, and its deletion."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.http import answers, requests
from sila_daemon.server.http.about import about
from sila_daemon.server.http.common import address_of, json_body, ok, world_of
from sila_daemon.server.http.rules import RouteRule, caller_of, space_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response


def _note(request: Request, action: str, reason: str = "", space_id: str = "") -> None:
    caller = caller_of(request)
    world_of(request).audit.note(
        action,
        user_id=caller.user.id,
        space_id=caller.space.id if caller.space else space_id,
        reason=reason,
        address=address_of(request),
    )


async def _list_members(request: Request) -> Response:
    members = await world_of(request).directory.members(space_of(request).id)
    return ok(members=[member.to_json() for member in members])


async def _put_member(request: Request) -> Response:
    body, user_id = await json_body(request), request.path_params["user_id"]
    directory = world_of(request).directory
    member = await directory.share(space_of(request).id, user_id, body.get("role"))
    _note(request, "role_changed", f"{user_id} {member.role}")
    return ok(member=member.to_json())


async def _remove_member(request: Request) -> Response:
    user_id = request.path_params["user_id"]
    await world_of(request).directory.unshare(space_of(request).id, user_id)
    _note(request, "member_removed", user_id)
    return ok()


async def _make_invite(request: Request) -> Response:
    body = await json_body(request)
    secret, invite = await world_of(request).invites.make(
        space_of(request).id, caller_of(request).user, body.get("role"), body.get("expires")
    )
    _note(request, "invite_made", f"{invite.id} {invite.role}")
    url = str(request.base_url.replace(path=f"/invites/{secret}", query="", fragment=""))
    return ok(201, url=url, invite=invite.to_json())


async def _list_invites(request: Request) -> Response:
    invites = await world_of(request).invites.of_space(space_of(request).id)
    return ok(invites=[invite.to_json() for invite in invites])


async def _withdraw_invite(request: Request) -> Response:
    invite_id = request.path_params["invite_id"]
    await world_of(request).invites.withdraw(space_of(request).id, invite_id)
    _note(request, "invite_withdrawn", invite_id)
    return ok()


async def _look_at_invite(request: Request) -> Response:
    invite = await world_of(request).invites.find(request.path_params["token"])
    return ok(invite=invite.to_json())


async def _accept_invite(request: Request) -> Response:
    world, user = world_of(request), caller_of(request).user
    invite = await world.invites.accept(request.path_params["token"], user)
    _note(request, "invite_accepted", f"{invite.id} {invite.role}", invite.space_id)
    return ok(space=(await world.space_of(invite.space_id, user)).to_json())


async def _delete(request: Request) -> Response:
    removal = world_of(request).removal
    purged_at = await removal.delete_space(
        space_of(request).id, caller_of(request).user.id, address_of(request)
    )
    return ok(purgeAt=purged_at)


async def _undelete(request: Request) -> Response:
    world, user, space = world_of(request), caller_of(request).user, space_of(request)
    if space.deleted_at is not None:
        await world.removal.undelete_space(space.id, user.id, address_of(request))
    return ok(space=(await world.space_of(space.id, user)).to_json())


_SPACE = "/spaces/{space_id}"

MEMBER_RULES = [
    RouteRule(
        "DELETE",
        _SPACE,
        Right.OWNER,
        _delete,
        about("Deletes a space; until `purgeAt` it can be brought back.", answers.SpaceDeleted),
    ),
    RouteRule(
        "POST",
        f"{_SPACE}/undelete",
        Right.OWNER,
        _undelete,
        about("Brings a deleted space back.", answers.SpaceAnswer),
        sees_deleted=True,
    ),
    RouteRule(
        "GET",
        f"{_SPACE}/members",
        Right.VIEWER,
        _list_members,
        about("Lists who may use a space.", answers.MemberList),
    ),
    RouteRule(
        "PUT",
        f"{_SPACE}/members/{{user_id}}",
        Right.OWNER,
        _put_member,
        about(
            "Makes a user a member, or changes a member's role.",
            answers.MemberAnswer,
            takes=requests.MemberRole,
            codes="bad_role last_owner too_many",
        ),
    ),
    RouteRule(
        "DELETE",
        f"{_SPACE}/members/{{user_id}}",
        Right.OWNER_OR_SELF,
        _remove_member,
        about("Takes a member out.", answers.Done, codes="last_owner"),
    ),
    RouteRule(
        "GET",
        f"{_SPACE}/invites",
        Right.OWNER,
        _list_invites,
        about("Lists the invites that wait.", answers.InviteList),
    ),
    RouteRule(
        "POST",
        f"{_SPACE}/invites",
        Right.OWNER,
        _make_invite,
        about(
            "Makes an invite: an address that makes whoever follows it first a member.",
            {201: answers.InviteMade},
            takes=requests.InviteMake,
            codes="bad_role bad_expiry too_many",
        ),
    ),
    RouteRule(
        "DELETE",
        f"{_SPACE}/invites/{{invite_id}}",
        Right.OWNER,
        _withdraw_invite,
        about("Withdraws an invite.", answers.Done),
    ),
    RouteRule(
        "GET",
        "/invites/{token}",
        Right.USER,
        _look_at_invite,
        about("Tells what an invite is to.", answers.InviteAnswer, codes="bad_invite"),
    ),
    RouteRule(
        "POST",
        "/invites/{token}/accept",
        Right.USER,
        _accept_invite,
        about(
            "Makes oneself a member; a role that is greater already stays.",
            answers.SpaceAnswer,
            codes="bad_invite too_many",
        ),
    ),
]
"""The routes, each with the right that it needs."""
