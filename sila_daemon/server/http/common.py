"""What all HTTP routes share: who asks, JSON bodies within bounds, and errors as answers."""

from __future__ import annotations

import json
import logging
import math
from collections.abc import Awaitable, Callable
from typing import Any

from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response

from sila_daemon.core.errors import (
    CorruptBlobError,
    FormatError,
    NotFoundError,
    ProtectionError,
    RateLimitedError,
    RemoteRefusedError,
    SecretsError,
    SignInNeededError,
    SilaError,
    StorageError,
    StorageFullError,
    UsageError,
)
from sila_daemon.server.http.codes import CODES
from sila_daemon.server.world import World

LOG = logging.getLogger(__name__)

JSON_BYTES_MAX = 64 << 10
"""A body that is not a file; anybody may send one to sign in."""

LISTS_BYTES_MAX = 8 << 20
"""A body with lists of files or with sealed secrets, of somebody who has signed in."""

Handler = Callable[[Request], Awaitable[Response]]

_STATUS: list[tuple[type[SilaError], int]] = [
    (SignInNeededError, 401),
    (RateLimitedError, 429),
    (RemoteRefusedError, 403),
    (NotFoundError, 404),
    (ProtectionError, 409),
    (CorruptBlobError, 422),
    (SecretsError, 422),
    (FormatError, 400),
    (UsageError, 400),
    (StorageFullError, 507),
    (StorageError, 503),
]
"""For codes that stand in no table, such as those of a damaged folder."""


def ok(status: int = 200, headers: dict[str, str] | None = None, **members: Any) -> Response:
    """Makes a good answer."""
    return JSONResponse({"ok": True, **members}, status, headers)


def refused(status: int, code: str, message: str, **members: Any) -> JSONResponse:
    """Makes a bad answer."""
    return JSONResponse({"ok": False, "error": message, "code": code, **members}, status)


def world_of(request: Request) -> World:
    """Returns what the server holds."""
    world = request.app.state.world
    assert isinstance(world, World)
    return world


def address_of(request: Request) -> str:
    """Returns where a request comes from."""
    return request.client.host if request.client else ""


def answering_errors(handler: Handler) -> Handler:
    """Wraps a handler so that every error becomes an answer in the promised shape."""

    async def wrapped(request: Request) -> Response:
        try:
            return await handler(request)
        except SilaError as error:
            return error_answer(error)

    return wrapped


def error_answer(error: SilaError) -> Response:
    """Renders an error of ours."""
    known = CODES.get(error.code)
    if known is not None:
        status = known.status
    else:
        status = next((number for kind, number in _STATUS if isinstance(error, kind)), 500)
    if status >= 500:
        LOG.error("request failed: %s (%s)", error.message, error.code)
    answer = refused(status, error.code, error.message)
    if isinstance(error, RateLimitedError):
        answer.headers["Retry-After"] = str(math.ceil(error.retry_after_s))
    return answer


async def json_body(request: Request, bytes_max: int = JSON_BYTES_MAX) -> dict[str, Any]:
    """Reads a body that is a JSON object; an empty one counts as `{}`. Raises FormatError."""
    data = bytearray()
    try:
        async for chunk in request.stream():
            data += chunk
            if len(data) > bytes_max:
                raise FormatError("the body is too large", code="too_large")
    except ClientDisconnect:
        raise FormatError("the body was cut off", code="incomplete") from None
    try:
        body = json.loads(data) if data.strip() else {}
    except (ValueError, RecursionError):
        raise FormatError("the body is not JSON", code="bad_json") from None
    if not isinstance(body, dict):
        raise FormatError("the body is not a JSON object", code="bad_json")
    return body


def quoted(tag: object) -> str:
    """Renders an ETag."""
    return f'"{tag}"'


def unquoted(header: str | None) -> str | None:
    """Reads the one ETag of an If-Match or If-None-Match header."""
    if header is None:
        return None
    text = header.strip().removeprefix("W/")
    if len(text) >= 2 and text[0] == text[-1] == '"':
        return text[1:-1]
    return text


def query_number(request: Request, name: str, default: int) -> int:
    """Returns a whole number of the query. Raises FormatError for anything else."""
    text = request.query_params.get(name)
    if text is None:
        return default
    if not (text.isascii() and text.isdigit() and len(text) < 17):
        raise FormatError(f"{name} is a whole number", code="bad_query")
    return int(text)
