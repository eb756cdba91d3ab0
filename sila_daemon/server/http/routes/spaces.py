"""HTTP: spaces, their members, and their secrets."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from starlette.responses import Response

from sila_daemon.core.errors import FormatError
from sila_daemon.server.accounts.directory import checked_name
from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.http import answers, requests
from sila_daemon.server.http.about import Answer, Body, Parameter, about, header
from sila_daemon.server.http.common import (
    LISTS_BYTES_MAX,
    address_of,
    json_body,
    ok,
    quoted,
    refused,
    unquoted,
    world_of,
)
from sila_daemon.server.http.rules import RouteRule, caller_of, space_of
from sila_daemon.server.json_text import dumps
from sila_daemon.server.spaces.space_secrets import ChangedError

if TYPE_CHECKING:
    from starlette.requests import Request


async def _list(request: Request) -> Response:
    user, directory = caller_of(request).user, world_of(request).directory
    asked = request.query_params.get("deleted", "false")
    if asked not in ("true", "false"):
        raise FormatError("deleted is true or false", code="bad_query")
    if asked == "true":
        found = await directory.deleted_of_user(user.id)
        purged_at = world_of(request).removal.purged_at
        spaces = [{**one.to_json(), "purgeAt": purged_at(one.deleted_at or 0)} for one in found]
    else:
        spaces = [info.to_json() for info in await directory.of_user(user.id)]
    tag = quoted(hashlib.sha256(dumps(spaces).encode()).hexdigest()[:32])
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return ok(headers={"ETag": tag}, spaces=spaces)


async def _create(request: Request) -> Response:
    user = caller_of(request).user
    body = await json_body(request)
    world = world_of(request)
    info = await world.create_space(user, body.get("name"), body.get("id"))
    world.audit.note(
        "space_created", user_id=user.id, space_id=info.id, address=address_of(request)
    )
    return ok(201, space=info.to_json())


async def _get(request: Request) -> Response:
    info = space_of(request)
    return ok(space=info.to_json())


async def _rename(request: Request) -> Response:
    user, info = caller_of(request).user, space_of(request)
    world = world_of(request)
    name = checked_name((await json_body(request)).get("name"))
    await world.directory.rename(info.id, name)
    return ok(space=(await world.space_of(info.id, user)).to_json())


async def _connect(request: Request) -> Response:
    info = space_of(request)
    return ok(connect={"namespace": f"/spaces/{info.id}", "path": "/socket.io"})


async def _get_secrets(request: Request) -> Response:
    info = space_of(request)
    async with world_of(request).spaces.use(info.id) as space:
        secrets = await space.secrets.get()
        sealed = space.secrets.seal(secrets)
    headers = {"ETag": quoted(secrets.etag), "Cache-Control": "no-store"}
    return ok(headers=headers, sealed=sealed)


async def _put_secrets(request: Request) -> Response:
    info = space_of(request)
    expected = unquoted(request.headers.get("if-match"))
    if expected is None:
        raise FormatError("send If-Match with the ETag", code="precondition_required")
    body = await json_body(request, LISTS_BYTES_MAX)
    async with world_of(request).spaces.use(info.id) as space:
        secrets = space.secrets.unseal(body.get("sealed"))
        try:
            await space.secrets.put(secrets, expected)
        except ChangedError:
            return refused(412, "changed", "the secrets were changed meanwhile")
        space.hub.notify_all("secrets:changed", {"etag": secrets.etag})
    return ok(headers={"ETag": quoted(secrets.etag)}, etag=secrets.etag)


SPACE_RULES = [
    RouteRule(
        "GET",
        "/spaces",
        Right.USER,
        _list,
        about(
            "Lists one's spaces.",
            {200: Answer(answers.SpaceList, headers=("ETag",)), 304: Answer(headers=("ETag",))},
            parameters=[
                Parameter(
                    "deleted",
                    "`true`: only deleted spaces that one owns.",
                    schema={"type": "string", "enum": ["true", "false"]},
                ),
                header("If-None-Match", "The ETag of the list that is here already."),
            ],
            codes="bad_query",
        ),
    ),
    RouteRule(
        "POST",
        "/spaces",
        Right.USER,
        _create,
        about(
            "Makes a space.",
            {201: answers.SpaceAnswer},
            takes=Body(requests.SpaceCreate, is_required=False),
            codes="bad_name bad_id taken storage_full",
        ),
    ),
    RouteRule(
        "GET",
        "/spaces/{space_id}",
        Right.VIEWER,
        _get,
        about("Tells about one space.", answers.SpaceAnswer),
    ),
    RouteRule(
        "PATCH",
        "/spaces/{space_id}",
        Right.OWNER,
        _rename,
        about("Names a space.", answers.SpaceAnswer, takes=requests.SpaceRename, codes="bad_name"),
    ),
    RouteRule(
        "POST",
        "/spaces/{space_id}/connect",
        Right.VIEWER,
        _connect,
        about("Tells where Socket.IO clients find the space.", answers.Connect),
    ),
    RouteRule(
        "GET",
        "/spaces/{space_id}/secrets",
        Right.VIEWER,
        _get_secrets,
        about(
            "Sends the secrets of a space, sealed.",
            Answer(answers.Sealed, headers=("ETag",)),
            codes="secrets_undecryptable secrets_bad_shape",
        ),
        noted="secrets_read",
    ),
    RouteRule(
        "PUT",
        "/spaces/{space_id}/secrets",
        Right.EDITOR,
        _put_secrets,
        about(
            "Replaces the secrets of a space.",
            Answer(answers.SecretsStored, headers=("ETag",)),
            takes=requests.SealedSecrets,
            parameters=[header("If-Match", "The ETag of the secrets that are replaced.")],
            codes="precondition_required changed secrets_undecryptable secrets_bad_shape"
            " storage_full",
        ),
        noted="secrets_written",
    ),
]
"""The routes, each with the right that it needs."""
