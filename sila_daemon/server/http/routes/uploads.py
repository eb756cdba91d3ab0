"""HTTP: uploads of immutable files that go on after an interruption.

As draft-ietf-httpbis-resumable-upload says: a PUT of a file that carries `Upload-Complete` makes
an upload with an address of its own, which HEAD asks for its offset and PATCH goes on with.
"""

from __future__ import annotations

import re
from dataclasses import replace
from typing import TYPE_CHECKING

from starlette.responses import Response

from sila_daemon.core.errors import FormatError
from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.files.file_store import Sent
from sila_daemon.server.files.uploads import OffsetError
from sila_daemon.server.http import answers
from sila_daemon.server.http.about import Answer, Body, about, header
from sila_daemon.server.http.bodies import body_length, mime_type_of, upload
from sila_daemon.server.http.common import ok, refused, world_of
from sila_daemon.server.http.rules import RouteRule, caller_of, space_of

if TYPE_CHECKING:
    from starlette.requests import Request

    from sila_daemon.folder.blob_writer import StaticBlob
    from sila_daemon.server.files.uploads import Upload
    from sila_daemon.server.spaces.space_opening import OpenSpace

PART_TYPE = "application/partial-upload"
_NUMBER = re.compile(r"\d{1,15}\Z")


async def begin_upload(request: Request, space: OpenSpace, blob_hash: str, sender: str) -> Response:
    """Makes an upload, and takes whatever comes with it."""
    is_complete = _flag(request)
    if await space.files.has_static(blob_hash):
        row = await space.files.static.row(blob_hash)
        size = row.size if row else 0
        return ok(headers={"Upload-Complete": "?1"}, hash=blob_hash, size=size)
    length = body_length(request) if is_complete else _number(request, "upload-length")
    sent = Sent(sender, mime_type_of(request), length)
    begun = await space.files.uploads.begin(blob_hash, sent)
    return await _take(request, space, begun, 0, is_first=True)


async def _append(request: Request) -> Response:
    user, info = caller_of(request).user, space_of(request)
    if request.headers.get("content-type", "").partition(";")[0].strip().lower() != PART_TYPE:
        raise FormatError(f"send the next bytes as {PART_TYPE}", code="unsupported_media_type")
    offset = _number(request, "upload-offset")
    if offset is None:
        raise FormatError("send Upload-Offset", code="bad_header")
    async with world_of(request).spaces.use(info.id) as space:
        found = space.files.uploads.find(request.path_params["upload_id"], user.id)
        return await _take(request, space, found, offset, is_first=False)


async def _take(
    request: Request, space: OpenSpace, found: Upload, offset: int, *, is_first: bool
) -> Response:
    """Takes the body of a request; answers with the offset, or with the file that it became."""
    is_complete, uploads = _flag(request), space.files.uploads
    try:
        with space.files.static.being_sent(found.hash):
            await uploads.append(found, offset, upload(request))
            if not is_complete:
                return _more(request, found, is_first=is_first)
            blob = await uploads.finish(found)
    except OffsetError as error:
        answer = refused(409, "offset_mismatch", str(error), offset=error.offset)
        answer.headers.update(_facts(request, found))
        return answer
    notify_static(space, blob)
    return ok(201, {"Upload-Complete": "?1"}, hash=blob.hash, size=blob.size)


def _more(request: Request, found: Upload, *, is_first: bool) -> Response:
    """Answers that the next bytes may come; at first also where to."""
    facts = _facts(request, found)
    if not is_first:
        return Response(status_code=204, headers=facts)
    place = f"/spaces/{space_of(request).id}/files/uploads/{found.id}"
    return ok(201, facts | {"Location": place}, upload=place, offset=found.offset)


async def _offset(request: Request) -> Response:
    user, info = caller_of(request).user, space_of(request)
    async with world_of(request).spaces.use(info.id) as space:
        found = space.files.uploads.find(request.path_params["upload_id"], user.id)
        return Response(status_code=204, headers=_facts(request, found))


async def _cancel(request: Request) -> Response:
    user, info = caller_of(request).user, space_of(request)
    async with world_of(request).spaces.use(info.id) as space:
        found = space.files.uploads.find(request.path_params["upload_id"], user.id)
        await space.files.uploads.cancel(found)
    return Response(status_code=204)


def notify_static(space: OpenSpace, blob: StaticBlob) -> None:
    """Tells everybody in a space that a file has come."""
    space.hub.notify_all("files:changed", {"static": [blob.hash], "var": []})


def _facts(request: Request, found: Upload) -> dict[str, str]:
    files = world_of(request).settings.files
    facts = {
        "Upload-Offset": str(found.offset),
        "Upload-Complete": "?1" if found.is_finished else "?0",
        "Upload-Limit": f"max-size={files.file_bytes_max}, max-age={files.upload_hours * 3600}",
        "Cache-Control": "no-store",
    }
    if found.sent.length is not None:
        facts["Upload-Length"] = str(found.sent.length)
    return facts


def _flag(request: Request) -> bool:
    """Reads `Upload-Complete`. Raises FormatError."""
    text = request.headers.get("upload-complete", "").strip()
    if text not in ("?0", "?1"):
        raise FormatError("Upload-Complete is ?0 or ?1", code="bad_header")
    return text == "?1"


def _number(request: Request, name: str) -> int | None:
    text = request.headers.get(name)
    if text is None:
        return None
    if not _NUMBER.match(text.strip()):
        raise FormatError(f"{name} is a number of bytes", code="bad_header")
    return int(text)


_PATH = "/spaces/{space_id}/files/uploads/{upload_id}"

UPLOAD_HEADERS = ("Upload-Offset", "Upload-Complete", "Upload-Limit", "Upload-Length")

UPLOAD_COMPLETE = header(
    "Upload-Complete",
    "`?1`: the file ends with this body; `?0`: it goes on.",
    enum=["?0", "?1"],
)
UPLOAD_LENGTH = header("Upload-Length", "The bytes of the whole file.", pattern="^[0-9]{1,15}$")

UPLOAD_RULES = [
    RouteRule(
        "PATCH",
        _PATH,
        Right.EDITOR,
        _append,
        about(
            "Goes on with an upload.",
            {
                201: Answer(answers.StaticStored, headers=("Upload-Complete",)),
                204: Answer(headers=UPLOAD_HEADERS, text="The bytes are stored; more will come."),
            },
            takes=Body(None, (PART_TYPE,), is_required=False),
            parameters=[
                replace(UPLOAD_COMPLETE, is_required=True),
                header(
                    "Upload-Offset",
                    "Where in the file the body begins.",
                    is_required=True,
                    pattern="^[0-9]{1,15}$",
                ),
            ],
            codes="bad_header unsupported_media_type upload_missing offset_mismatch incomplete"
            " too_long too_large corrupt_blob quota storage_full",
        ),
    ),
    RouteRule(
        "HEAD",
        _PATH,
        Right.EDITOR,
        _offset,
        about(
            "Tells how much of an upload has come.",
            {204: Answer(headers=UPLOAD_HEADERS)},
            codes="upload_missing",
        ),
    ),
    RouteRule(
        "DELETE",
        _PATH,
        Right.EDITOR,
        _cancel,
        about("Gives an upload up.", {204: Answer()}, codes="upload_missing"),
    ),
]
"""The routes, each with the right that it needs."""
