"""HTTP: files of a space, one by one and in packs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from sila_daemon.core import ids
from sila_daemon.core.errors import FormatError, NotFoundError
from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.files.file_store import Sent
from sila_daemon.server.http import answers, requests
from sila_daemon.server.http.about import ANYTHING, NUMBER, Answer, Body, Parameter, about, header
from sila_daemon.server.http.bodies import body_length, file_answer, mime_type_of, upload
from sila_daemon.server.http.common import (
    LISTS_BYTES_MAX,
    json_body,
    ok,
    query_number,
    quoted,
    refused,
    unquoted,
    world_of,
)
from sila_daemon.server.http.routes.uploads import (
    UPLOAD_COMPLETE,
    UPLOAD_HEADERS,
    UPLOAD_LENGTH,
    begin_upload,
    notify_static,
)
from sila_daemon.server.http.rules import RouteRule, caller_of, space_of

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

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


async def _put_static(request: Request) -> Response:
    user, info = caller_of(request).user, space_of(request)
    blob_hash = ids.checked_hash(request.path_params["blob_hash"])
    async with world_of(request).spaces.use(info.id) as space:
        if "upload-complete" in request.headers:
            return await begin_upload(request, space, blob_hash, user.id)
        is_new = not await space.files.has_static(blob_hash)
        sent = Sent(user.id, mime_type_of(request), body_length(request))
        space.files.store.check_size(sent.length or 0)
        blob = await space.files.static.put(blob_hash, upload(request), sent)
        if is_new:
            notify_static(space, blob)
    return ok(201 if is_new else 200, hash=blob.hash, size=blob.size)


async def _get_static(request: Request) -> Response:
    info = space_of(request)
    blob_hash = ids.checked_hash(request.path_params["blob_hash"])
    immutable = {"Cache-Control": "private, max-age=31536000, immutable"}
    async with world_of(request).spaces.use(info.id) as space:
        row = await space.files.static.row(blob_hash)
        file, _ = await space.files.static.open(blob_hash)
        mime_type = row.mime_type if row is not None else ""
        return file_answer(
            request, space.files.store, file, quoted(blob_hash), immutable, mime_type
        )


async def _put_var(request: Request) -> Response:
    user, info = caller_of(request).user, space_of(request)
    uuid = ids.checked_uuid(request.path_params["uuid"])
    expected = _expected_revision(request)
    async with world_of(request).spaces.use(info.id) as space:
        sent = Sent(user.id, mime_type_of(request), body_length(request))
        space.files.store.check_size(sent.length or 0)
        put = await space.files.var.put(uuid, upload(request), expected, sent)
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
    async with world_of(request).spaces.use(info.id) as space:
        file, state = await space.files.var.open(uuid)
        headers = {"X-Sha256": state.sha256, "Cache-Control": "no-cache"}
        tag = quoted(state.revision)
        return file_answer(request, space.files.store, file, tag, headers, state.mime_type)


async def _no_url(request: Request) -> Response:
    """Answers that bytes on a local disk can be had from this server alone."""
    name, kind = request.path_params["name"], request.path_params["kind"]
    {"static": ids.checked_hash, "var": ids.checked_uuid}.get(kind, _no_kind)(name)
    raise NotFoundError(
        "the files of this server cannot be reached past it", code="no_direct_access"
    )


def _no_kind(_: object) -> str:
    raise NotFoundError("files are static or var")


async def _revisions(request: Request) -> Response:
    info = space_of(request)
    uuid = ids.checked_uuid(request.path_params["uuid"])
    async with world_of(request).spaces.use(info.id) as space:
        before = query_number(request, "before", 1 << 60)
        revisions = await space.files.var.revisions(uuid, before)
        if not revisions and await space.files.var.state(uuid) is None:
            raise NotFoundError("there is no such file", code="blob_missing")
    return ok(revisions=revisions)


_FILES = "/spaces/{space_id}/files"

_RANGE = header("Range", "One range of bytes; others are answered with the whole file.")

_SEEN = header("If-None-Match", "The ETag of what is here already.")

_UNCHANGED = header("If-Range", "The range counts only while the file has this ETag.")

_SENT = {
    200: Answer(media_type=ANYTHING, headers=("ETag", "Accept-Ranges")),
    206: Answer(media_type=ANYTHING, headers=("ETag", "Content-Range"), text="The part asked for."),
    304: Answer(headers=("ETag",)),
    416: Answer(headers=("Content-Range",), text="There are no such bytes."),
}
_SENT_WITH_HASH = {
    status: Answer(None, one.media_type, (*one.headers, "X-Sha256"), one.text)
    for status, one in _SENT.items()
}

FILE_RULES = [
    RouteRule(
        "POST",
        f"{_FILES}/missing",
        Right.VIEWER,
        _missing,
        about(
            "Tells which of these files the server lacks.",
            answers.FilesLacking,
            takes=requests.FilesHeld,
            codes="bad_id bad_format",
        ),
    ),
    RouteRule(
        "PUT",
        f"{_FILES}/static/{{blob_hash}}",
        Right.EDITOR,
        _put_static,
        about(
            "Stores an immutable file, or with `Upload-Complete` begins an upload that can resume.",
            {
                200: Answer(answers.StaticStored, text="It was here already."),
                201: Answer(
                    answers.StaticSent,
                    headers=(*UPLOAD_HEADERS, "Location"),
                    text="It is stored, or the upload at `Location` has begun.",
                ),
            },
            takes=Body(None, (ANYTHING,), is_required=False),
            parameters=[UPLOAD_COMPLETE, UPLOAD_LENGTH],
            codes="bad_id bad_header corrupt_blob incomplete too_long too_large quota"
            " storage_full offset_mismatch",
        ),
    ),
    RouteRule(
        "GET",
        f"{_FILES}/static/{{blob_hash}}",
        Right.VIEWER,
        _get_static,
        about(
            "Sends an immutable file.",
            _SENT,
            parameters=[_RANGE, _SEEN, _UNCHANGED],
            codes="bad_id blob_missing corrupt_blob",
        ),
        noted="files_read",
    ),
    RouteRule(
        "PUT",
        f"{_FILES}/var/{{uuid}}",
        Right.EDITOR,
        _put_var,
        about(
            "Replaces a mutable file; who is too late finds the bytes kept as a side revision.",
            Answer(answers.VarStored, headers=("ETag",)),
            takes=Body(None, (ANYTHING,), is_required=False),
            parameters=[
                header("If-Match", "The revision that the bytes replace."),
                header("If-None-Match", "`*`: there is no such file yet."),
            ],
            codes="bad_id precondition_required changed incomplete too_large quota storage_full",
        ),
    ),
    RouteRule(
        "GET",
        f"{_FILES}/var/{{uuid}}",
        Right.VIEWER,
        _get_var,
        about(
            "Sends a mutable file as it is now.",
            _SENT_WITH_HASH,
            parameters=[_RANGE, _SEEN, _UNCHANGED],
            codes="bad_id blob_missing corrupt_blob",
        ),
        noted="files_read",
    ),
    RouteRule(
        "GET",
        f"{_FILES}/var/{{uuid}}/revisions",
        Right.VIEWER,
        _revisions,
        about(
            "Lists the revisions of a mutable file, a page at a time: the newest first of all.",
            answers.RevisionList,
            parameters=[Parameter("before", "The first one of the page before.", schema=NUMBER)],
            codes="bad_id bad_query blob_missing",
        ),
    ),
    RouteRule(
        "GET",
        f"{_FILES}/{{kind}}/{{name}}/url",
        Right.VIEWER,
        _no_url,
        about(
            "Would send to where the bytes are, if they were anywhere else.",
            {},
            codes="bad_id not_found no_direct_access",
        ),
    ),
    RouteRule(
        "POST",
        f"{_FILES}/{{kind}}/{{name}}/upload-url",
        Right.EDITOR,
        _no_url,
        about(
            "Would tell where else to send the bytes, if there were such a place.",
            {},
            codes="bad_id not_found no_direct_access",
        ),
    ),
]
"""The routes, each with the right that it needs."""
