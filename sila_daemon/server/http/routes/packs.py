"""HTTP: many small files in one request."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from starlette.responses import Response, StreamingResponse

from sila_daemon.core import ids
from sila_daemon.core.errors import CorruptBlobError, FormatError, StorageError
from sila_daemon.core.file_packs import MEDIA_TYPE
from sila_daemon.folder.blob_batch import BYTES_MAX, FILES_MAX
from sila_daemon.server.accounts.rights import Right
from sila_daemon.server.files.file_packs import PackedFile, read_pack, write_pack
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
    async with world_of(request).spaces.use(info.id) as space:
        taking = _Taking(space.files, user.id)
        try:
            try:
                async for packed in read_pack(upload(request)):
                    if len(taking.results) == ASKED_MAX:
                        raise FormatError(f"a pack has at most {ASKED_MAX} files", code="too_large")
                    await taking.take(packed)
            except (FormatError, StorageError):
                await taking.store_held()
                raise
            await taking.store_held()
        finally:
            if taking.changed["static"] or taking.changed["var"]:
                space.hub.notify_all("files:changed", taking.changed)
    return ok(files=taking.results)


class _Taking:
    """The files of one pack on their way in: immutable ones are stored some at a time."""

    def __init__(self, files: SpaceFiles, sender: str) -> None:
        self.results: list[dict[str, Any]] = []
        """What became of each file, in their order; what is held is filled in when it is stored."""
        self.changed: dict[str, list[Any]] = {"static": [], "var": []}
        self._files = files
        self._sender = sender
        self._held: list[tuple[PackedFile, dict[str, Any]]] = []
        self._held_bytes = 0

    async def take(self, packed: PackedFile) -> None:
        """Takes the next file."""
        result: dict[str, Any] = {"kind": packed.kind, "id": packed.id, "ok": True}
        self.results.append(result)
        if packed.kind != "static":
            await self._store_var(packed, result)
            return
        self._held.append((packed, result))
        self._held_bytes += len(packed.data)
        if len(self._held) >= FILES_MAX or self._held_bytes >= BYTES_MAX:
            await self.store_held()

    async def store_held(self) -> None:
        """Makes the immutable files that were taken durable. Raises StorageFullError."""
        held, self._held, self._held_bytes = self._held, [], 0
        if not held:
            return
        files = [(packed.id, packed.data) for packed, _ in held]
        stored, refusal = await self._files.static.put_together(files, self._sender)
        self.changed["static"] += [name for name in dict(files) if name in stored]
        if refusal is not None:
            raise refusal
        for packed, result in held:
            if packed.id not in stored:
                result |= {"ok": False, "code": CorruptBlobError.default_code}

    async def _store_var(self, packed: PackedFile, result: dict[str, Any]) -> None:
        sent = Sent(self._sender, "", len(packed.data))
        put = await self._files.var.put(packed.id, _once(packed.data), packed.expected, sent)
        if put.is_current:
            self.changed["var"].append({"id": packed.id, "revision": str(put.revision)})
            result["revision"] = str(put.revision)
        else:
            current = str(put.current.revision) if put.current.revision else None
            conflict = {"ok": False, "code": "changed", "revision": current}
            result |= {**conflict, "side": str(put.revision)}


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
