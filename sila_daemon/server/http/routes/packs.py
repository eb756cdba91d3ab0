"""HTTP: many small files in one request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.responses import Response, StreamingResponse

from sila_daemon.core import ids
from sila_daemon.core.errors import CorruptBlobError, FormatError
from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.files.file_packs import MEDIA_TYPE, PackedFile, read_pack, write_pack
from sila_daemon.server.files.file_store import Sent
from sila_daemon.server.http import answers, requests
from sila_daemon.server.http.about import Answer, Body, about
from sila_daemon.server.http.bodies import upload
from sila_daemon.server.http.common import (
    LISTS_BYTES_MAX,
    json_body,
    ok,
    world_of,
)
from sila_daemon.server.http.routes.files import ASKED_MAX, listed
from sila_daemon.server.http.rules import RouteRule, caller_of, space_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from sila_daemon.server.files.space_files import SpaceFiles


async def _pack(request: Request) -> Response:
    """Stores a pack. Files before a broken place are kept: sending all again is harmless."""
    user, info = caller_of(request).user, space_of(request)
    changed: dict[str, list[Any]] = {"static": [], "var": []}
    async with world_of(request).spaces.use(info.id) as space:
        try:
            results: list[dict[str, Any]] = []
            async for packed in read_pack(upload(request)):
                if len(results) == ASKED_MAX:
                    raise FormatError(f"a pack has at most {ASKED_MAX} files", code="too_large")
                results.append(await _store(space.files, packed, user.id, changed))
        finally:
            if changed["static"] or changed["var"]:
                space.hub.notify_all("files:changed", changed)
    return ok(files=results)


async def _store(
    files: SpaceFiles, packed: PackedFile, sender: str, changed: dict[str, list[Any]]
) -> dict[str, Any]:
    result: dict[str, Any] = {"kind": packed.kind, "id": packed.id, "ok": True}
    sent = Sent(sender, "", len(packed.data))
    if packed.kind == "static":
        try:
            await files.static.put(packed.id, _once(packed.data), sent)
        except CorruptBlobError as error:
            return {**result, "ok": False, "code": error.code}
        changed["static"].append(packed.id)
        return result
    put = await files.var.put(packed.id, _once(packed.data), packed.expected, sent)
    if not put.is_current:
        current = str(put.current.revision) if put.current.revision else None
        conflict = {"ok": False, "code": "changed", "revision": current}
        return {**result, **conflict, "side": str(put.revision)}
    changed["var"].append({"id": packed.id, "revision": str(put.revision)})
    return {**result, "revision": str(put.revision)}


async def _once(data: bytes) -> AsyncIterator[bytes]:
    yield data


async def _fetch(request: Request) -> Response:
    info = space_of(request)
    body = await json_body(request, LISTS_BYTES_MAX)
    static = [ids.checked_hash(item) for item in listed(body.get("static"))]
    var = [ids.checked_uuid(item) for item in listed(body.get("var"))]
    spaces = world_of(request).spaces

    async def stream() -> AsyncIterator[bytes]:
        async with spaces.use(info.id) as space:
            async for chunk in write_pack(space.files, static, var):
                yield chunk

    return StreamingResponse(stream(), media_type=MEDIA_TYPE)


PACK_RULES = [
    RouteRule(
        "POST",
        "/spaces/{space_id}/files/pack",
        Right.EDITOR,
        _pack,
        about(
            "Stores many small files: for each a line of JSON, then its bytes.",
            answers.Packed,
            takes=Body(None, (MEDIA_TYPE,), is_required=False),
            codes="bad_format bad_id incomplete too_large quota storage_full",
        ),
    ),
    RouteRule(
        "POST",
        "/spaces/{space_id}/files/fetch",
        Right.VIEWER,
        _fetch,
        about(
            "Sends many small files; those that are not here, or larger than 8 MiB, are left out.",
            Answer(media_type=MEDIA_TYPE),
            takes=requests.FilesWanted,
            codes="bad_format bad_id",
        ),
        noted="files_read",
    ),
]
"""The routes, each with the right that it needs."""
