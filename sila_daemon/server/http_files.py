"""HTTP: files of a space, one by one and in packs."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response, StreamingResponse

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, NotFoundError
from sila_daemon.server.http_common import (
    LISTS_BYTES_MAX,
    json_body,
    ok,
    quoted,
    refused,
    unquoted,
    world_of,
)
from sila_daemon.server.http_rules import RouteRule, caller_of, check_again, space_of
from sila_daemon.server.rights import Right

if TYPE_CHECKING:
    from starlette.types import Receive, Scope, Send

    from sila_daemon.server.space_files import FileBytes

_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")
RIGHTS_SECONDS_MAX = 1.0
"""How long a right may have ended that an upload goes on with."""

ASKED_MAX = 50_000
"""Files that one question may name."""


async def _missing(request: Request) -> Response:
    info = space_of(request)
    body = await json_body(request, LISTS_BYTES_MAX)
    static = listed(body.get("static"))
    var = [item if isinstance(item, dict) else {} for item in listed(body.get("var"))]
    hashes = [ids.checked_hash(item) for item in static]
    pairs = [
        (ids.checked_uuid(item.get("id")), ids.checked_hash(item.get("sha256"))) for item in var
    ]
    async with world_of(request).spaces.use(info.id) as space:
        lacking = await space.files.missing(hashes, pairs)
    return ok(static=lacking["static"], var=lacking["var"])


def listed(thing: Any) -> list[Any]:
    """Returns a list of a body; a missing one is empty. Raises FormatError."""
    if thing is None:
        return []
    if not isinstance(thing, list) or len(thing) > ASKED_MAX:
        raise FormatError(f"a list of at most {ASKED_MAX} files is expected")
    return thing


async def upload(request: Request) -> AsyncIterator[bytes]:
    """Yields the body of a request, as long as its sender may write, to the very end.

    Raises FormatError when it is cut off, and what the guard of the route raises.
    """
    clock = world_of(request).ports.clock
    asked_at = clock.monotonic()
    try:
        async for chunk in request.stream():
            if clock.monotonic() - asked_at > RIGHTS_SECONDS_MAX:
                await check_again(request)
                asked_at = clock.monotonic()
            yield chunk
    except ClientDisconnect:
        raise FormatError("the upload was cut off", code="incomplete") from None
    await check_again(request)


async def _put_static(request: Request) -> Response:
    info = space_of(request)
    blob_hash = ids.checked_hash(request.path_params["blob_hash"])
    async with world_of(request).spaces.use(info.id) as space:
        is_new = bool((await space.files.missing([blob_hash], []))["static"])
        blob = await space.files.put_static(blob_hash, upload(request))
        if is_new:
            space.hub.notify_all("files:changed", {"static": [blob.hash], "var": []})
    return ok(201 if is_new else 200, hash=blob.hash, size=blob.size)


async def _get_static(request: Request) -> Response:
    info = space_of(request)
    blob_hash = ids.checked_hash(request.path_params["blob_hash"])
    headers = {
        "ETag": quoted(blob_hash),
        "Cache-Control": "private, max-age=31536000, immutable",
        "Accept-Ranges": "bytes",
        **_INERT,
    }
    spaces = world_of(request).spaces
    space = await spaces.acquire(info.id)
    try:
        if request.headers.get("if-none-match") == headers["ETag"]:
            return Response(status_code=304, headers=headers)
        file, size = await space.files.open_static(blob_hash)
        start, end = _range(request.headers.get("range"), size)
        if start is None:
            file.close()
            headers["Content-Range"] = f"bytes */{size}"
            return Response(status_code=416, headers=headers)
        status = 200
        if (start, end) != (0, size):
            status = 206
            headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
        headers["Content-Length"] = str(end - start)
        body = space.files.read(file, start, end)
        return _FileResponse(body, status, headers)
    finally:
        spaces.release(space)


class _FileResponse(StreamingResponse):
    """A streamed file, closed also when the client has gone before the first byte."""

    def __init__(self, body: FileBytes, status: int, headers: dict[str, str]) -> None:
        super().__init__(body, status, headers, media_type="application/octet-stream")
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        try:
            await super().__call__(scope, receive, send)
        finally:
            self._body.close()


_INERT = {"X-Content-Type-Options": "nosniff", "Content-Disposition": "attachment"}
"""A file that somebody put here must never run as a page of this server."""


def _range(header: str | None, size: int) -> tuple[int | None, int]:
    """Returns the bytes asked for; a start of None when there are none such."""
    match = _RANGE.match(header.strip()) if header else None
    if match is None or match[1] == match[2] == "":
        return 0, size
    if match[1] == "":
        return (max(0, size - int(match[2])), size) if int(match[2]) and size else (None, 0)
    start = int(match[1])
    end = min(int(match[2]) + 1, size) if match[2] else size
    return (start, end) if start < end else (None, 0)


async def _put_var(request: Request) -> Response:
    user, info = caller_of(request).user, space_of(request)
    uuid = ids.checked_uuid(request.path_params["uuid"])
    expected = _expected_revision(request)
    async with world_of(request).spaces.use(info.id) as space:
        put = await space.files.put_var(uuid, upload(request), expected, user.id)
        if put.is_current:
            changed = {"id": uuid, "revision": str(put.revision)}
            space.hub.notify_all("files:changed", {"static": [], "var": [changed]})
    if put.is_current:
        headers = {"ETag": quoted(put.revision)}
        return ok(headers=headers, revision=str(put.revision), sha256=put.current.sha256)
    message = "somebody else was faster; what you sent is kept as a side revision"
    current = str(put.current.revision) if put.current.revision else None
    return refused(412, "changed", message, revision=current, side=str(put.revision))


def _expected_revision(request: Request) -> int | None:
    if (request.headers.get("if-none-match") or "").strip() == "*":
        return None
    text = unquoted(request.headers.get("if-match"))
    if text is None:
        raise FormatError("send If-Match or If-None-Match: *", code="precondition_required")
    # A revision that was never given out is simply not the current one.
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else -1


async def _get_var(request: Request) -> Response:
    info = space_of(request)
    uuid = ids.checked_uuid(request.path_params["uuid"])
    spaces = world_of(request).spaces
    space = await spaces.acquire(info.id)
    try:
        file, state = await space.files.open_var(uuid)
        tag = quoted(state.revision)
        headers = {"ETag": tag, "X-Sha256": state.sha256, "Cache-Control": "no-cache", **_INERT}
        if request.headers.get("if-none-match") == tag:
            file.close()
            return Response(status_code=304, headers=headers)
        size = file.stat().size
        headers["Content-Length"] = str(size)
        return _FileResponse(space.files.read(file, 0, size), 200, headers)
    finally:
        spaces.release(space)


async def _revisions(request: Request) -> Response:
    info = space_of(request)
    uuid = ids.checked_uuid(request.path_params["uuid"])
    async with world_of(request).spaces.use(info.id) as space:
        revisions = await space.files.var_revisions(uuid)
    if not revisions:
        raise NotFoundError("there is no such file", code="blob_missing")
    return ok(revisions=revisions)


_FILES = "/spaces/{space_id}/files"

FILE_RULES = [
    RouteRule("POST", f"{_FILES}/missing", Right.VIEWER, _missing),
    RouteRule("PUT", f"{_FILES}/static/{{blob_hash}}", Right.EDITOR, _put_static),
    RouteRule("GET", f"{_FILES}/static/{{blob_hash}}", Right.VIEWER, _get_static),
    RouteRule("PUT", f"{_FILES}/var/{{uuid}}", Right.EDITOR, _put_var),
    RouteRule("GET", f"{_FILES}/var/{{uuid}}", Right.VIEWER, _get_var),
    RouteRule("GET", f"{_FILES}/var/{{uuid}}/revisions", Right.VIEWER, _revisions),
]
"""The routes, each with the right that it needs."""
