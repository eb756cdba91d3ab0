"""HTTP: bodies that are files, on their way in and out."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator
from typing import TYPE_CHECKING

from starlette.requests import ClientDisconnect
from starlette.responses import Response, StreamingResponse

from sila_daemon.core.errors import FormatError
from sila_daemon.server.http.common import world_of
from sila_daemon.server.http.rules import check_again

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.types import Receive, Scope, Send

    from sila_daemon.ports.disk import ReadableFile
    from sila_daemon.server.files.file_bytes import FileBytes
    from sila_daemon.server.files.file_store import FileStore

RIGHTS_SECONDS_MAX = 1.0
"""How long a right may have ended that an upload goes on with."""

INERT = {
    "X-Content-Type-Options": "nosniff",
    "Content-Disposition": "attachment",
    "Content-Security-Policy": "sandbox; default-src 'none'",
}
"""A file that somebody put here must never run as a page of this server."""

UNKNOWN_TYPE = "application/octet-stream"
_MIME_TYPE = re.compile(r"[a-z0-9!#$&^_.+-]{1,63}/[a-z0-9!#$&^_.+-]{1,63}\Z")
_RANGE = re.compile(r"bytes=(\d{0,18})-(\d{0,18})\Z")


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


def body_length(request: Request) -> int | None:
    """Returns how long the body is said to be; None when nobody says."""
    text = request.headers.get("content-length", "")
    return int(text) if text.isascii() and text.isdigit() and len(text) < 16 else None


def mime_type_of(request: Request) -> str:
    """Returns what a file is said to be; empty when that says nothing."""
    text = request.headers.get("content-type", "").partition(";")[0].strip().lower()
    is_known = _MIME_TYPE.match(text) is not None and text != UNKNOWN_TYPE
    return text if is_known else ""


def file_answer(
    request: Request,
    store: FileStore,
    file: ReadableFile,
    tag: str,
    headers: dict[str, str],
    mime_type: str,
) -> Response:
    """Answers with an open file, or the part of it that was asked for; closes it at the end."""
    size = file.stat().size
    headers = {**headers, "ETag": tag, "Accept-Ranges": "bytes", **INERT}
    if is_seen(request.headers.get("if-none-match"), tag):
        file.close()
        return Response(status_code=304, headers=headers)
    start, end = wanted_range(request, size, tag)
    if start is None:
        file.close()
        headers["Content-Range"] = f"bytes */{size}"
        return Response(status_code=416, headers=headers)
    is_part = (start, end) != (0, size)
    if is_part:
        headers["Content-Range"] = f"bytes {start}-{end - 1}/{size}"
    headers["Content-Length"] = str(end - start)
    body = store.read(file, start, end)
    return FileResponse(body, 206 if is_part else 200, headers, mime_type)


def is_seen(header: str | None, tag: str) -> bool:
    """Tells whether `If-None-Match` names this ETag."""
    if header is None:
        return False
    tags = [part.strip().removeprefix("W/") for part in header.split(",")]
    return "*" in tags or tag in tags


def wanted_range(request: Request, size: int, tag: str) -> tuple[int | None, int]:
    """Returns the bytes asked for; a start of None when there are none such."""
    header = request.headers.get("range")
    if request.headers.get("if-range", tag).strip() != tag:
        return 0, size
    match = _RANGE.match(header.strip()) if header else None
    if match is None or match[1] == match[2] == "":
        return 0, size
    if match[1] == "":
        return (max(0, size - int(match[2])), size) if int(match[2]) and size else (None, 0)
    start = int(match[1])
    if match[2] and int(match[2]) < start:
        return 0, size
    end = min(int(match[2]) + 1, size) if match[2] else size
    return (start, end) if start < end else (None, 0)


class FileResponse(StreamingResponse):
    """A streamed file, closed also when the client has gone before the first byte."""

    def __init__(
        self, body: FileBytes, status: int, headers: dict[str, str], mime_type: str = ""
    ) -> None:
        super().__init__(body, status, headers, media_type=mime_type or UNKNOWN_TYPE)
        self._body = body

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """Sends the file; for HEAD only what is said about it."""
        try:
            if scope["method"] == "HEAD":
                head = {"status": self.status_code, "headers": self.raw_headers}
                await send({"type": "http.response.start", **head})
                await send({"type": "http.response.body", "body": b""})
            else:
                await super().__call__(scope, receive, send)
        finally:
            self._body.close()
