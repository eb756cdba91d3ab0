"""HTTP: spaces, their members, and their secrets."""

from __future__ import annotations

import hashlib
from typing import TYPE_CHECKING

from starlette.responses import Response
from starlette.routing import Route

from sila_daemon.core.errors import FormatError, RemoteRefusedError
from sila_daemon.server.directory import checked_name
from sila_daemon.server.frames import dumps
from sila_daemon.server.http_common import (
    LISTS_BYTES_MAX,
    answering_errors,
    json_body,
    ok,
    quoted,
    refused,
    signed_in,
    space_asked,
    unquoted,
    world_of,
)
from sila_daemon.server.space_secrets import ChangedError

if TYPE_CHECKING:
    from starlette.requests import Request


async def _health(_: Request) -> Response:
    return ok()


async def _ready(request: Request) -> Response:
    await world_of(request).directory.is_taken("")
    return ok()


async def _list(request: Request) -> Response:
    user, _ = await signed_in(request)
    spaces = [info.to_json() for info in await world_of(request).directory.of_user(user.id)]
    tag = quoted(hashlib.sha256(dumps(spaces).encode()).hexdigest()[:32])
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers={"ETag": tag})
    return ok(headers={"ETag": tag}, spaces=spaces)


async def _create(request: Request) -> Response:
    user, _ = await signed_in(request)
    body = await json_body(request)
    info = await world_of(request).create_space(user, body.get("name"), body.get("id"))
    return ok(201, space=info.to_json())


async def _get(request: Request) -> Response:
    _, info = await space_asked(request)
    return ok(space=info.to_json())


async def _rename(request: Request) -> Response:
    user, info = await space_asked(request, to_write=True)
    if info.role != "owner":
        raise RemoteRefusedError("only an owner may rename a space", code="not_permitted")
    world = world_of(request)
    name = checked_name((await json_body(request)).get("name"))
    await world.directory.rename(info.id, name)
    return ok(space=(await world.space_of(info.id, user)).to_json())


async def _connect(request: Request) -> Response:
    _, info = await space_asked(request)
    return ok(connect={"namespace": f"/spaces/{info.id}", "path": "/socket.io"})


async def _members(request: Request) -> Response:
    _, info = await space_asked(request)
    members = await world_of(request).directory.members(info.id)
    return ok(members=[member.to_json() for member in members])


async def _get_secrets(request: Request) -> Response:
    _, info = await space_asked(request)
    async with world_of(request).spaces.use(info.id) as space:
        secrets = await space.secrets.get()
        sealed = space.secrets.seal(secrets)
    headers = {"ETag": quoted(secrets.etag), "Cache-Control": "no-store"}
    return ok(headers=headers, sealed=sealed)


async def _put_secrets(request: Request) -> Response:
    _, info = await space_asked(request, to_write=True)
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


def space_routes() -> list[Route]:
    """The routes, to be put into an application."""
    table = [
        ("/health", "GET", _health),
        ("/ready", "GET", _ready),
        ("/spaces", "GET", _list),
        ("/spaces", "POST", _create),
        ("/spaces/{space_id}", "GET", _get),
        ("/spaces/{space_id}", "PATCH", _rename),
        ("/spaces/{space_id}/connect", "POST", _connect),
        ("/spaces/{space_id}/members", "GET", _members),
        ("/spaces/{space_id}/secrets", "GET", _get_secrets),
        ("/spaces/{space_id}/secrets", "PUT", _put_secrets),
    ]
    return [Route(path, answering_errors(h), methods=[method]) for path, method, h in table]
