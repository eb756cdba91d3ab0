"""HTTP: ops by the time of their receipt, and a space as a whole."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.responses import Response, StreamingResponse

from sila_daemon.core import ids
from sila_daemon.core.errors import SilaError
from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.http import answers
from sila_daemon.server.http.about import NUMBER, Answer, Parameter, about
from sila_daemon.server.http.bodies import INERT, RIGHTS_SECONDS_MAX
from sila_daemon.server.http.common import address_of, query_number, world_of
from sila_daemon.server.http.rules import RouteRule, caller_of, check_again, space_of
from sila_daemon.server.ops.op_history import Asked, history
from sila_daemon.server.spaces.space_zip import SpaceZip

if TYPE_CHECKING:
    from starlette.requests import Request


async def _ops(request: Request) -> Response:
    info, tree = space_of(request), request.query_params.get("tree")
    asked = Asked(
        tree_id=None if tree is None else ids.checked_tree_id(tree),
        since=query_number(request, "from", 0),
        until=query_number(request, "to", 1 << 60),
        after=query_number(request, "after", 0),
    )
    async with world_of(request).spaces.use(info.id) as space:
        page = await history(space.store, asked)
    return Response(page.to_json(), media_type="application/json")


async def _export(request: Request) -> Response:
    info, world = space_of(request), world_of(request)
    world.audit.note(
        "space_exported",
        user_id=caller_of(request).user.id,
        space_id=info.id,
        address=address_of(request),
    )
    headers = {**INERT, "Content-Disposition": f'attachment; filename="{info.id}.zip"'}
    return StreamingResponse(_zip(request), media_type="application/zip", headers=headers)


async def _zip(request: Request) -> AsyncIterator[bytes]:
    """Yields an export, as long as whoever asked for it may have it."""
    world, clock = world_of(request), world_of(request).ports.clock
    checked_at = clock.monotonic()
    try:
        async with world.spaces.use(space_of(request).id) as space:
            async for chunk in SpaceZip(space, world.ports, world.spaces.scratch.place()).chunks():
                if clock.monotonic() - checked_at > RIGHTS_SECONDS_MAX:
                    await check_again(request)
                    checked_at = clock.monotonic()
                if chunk:
                    yield chunk
    except SilaError as error:
        # The answer has begun: only its sudden end can say that it is not whole.
        raise ConnectionError(f"an export was broken off: {error.message}") from error


TREE_ID = {"type": "string", "pattern": "^[A-Za-z0-9_-]{3,128}$"}

EXPORT_RULES = [
    RouteRule(
        "GET",
        "/spaces/{space_id}/ops",
        Right.VIEWER,
        _ops,
        about(
            "Lists ops by the time of their receipt, a page at a time.",
            answers.OpsPage,
            parameters=[
                Parameter("tree", "Only ops of this tree.", schema=TREE_ID),
                Parameter("from", "Unix milliseconds, included.", schema=NUMBER),
                Parameter("to", "Unix milliseconds, not included.", schema=NUMBER),
                Parameter("after", "`next` of the page before.", schema=NUMBER),
            ],
            codes="bad_query bad_id",
        ),
    ),
    RouteRule(
        "GET",
        "/spaces/{space_id}/export",
        Right.VIEWER,
        _export,
        about(
            "Sends the space as a zip of its folder. Only its sudden end tells that it broke off.",
            Answer(media_type="application/zip"),
        ),
    ),
]
"""The routes, each with the right that it needs."""
