"""The HTTP routes of a space on one server, with their errors told apart."""

from __future__ import annotations

import json
import re
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import msgspec

from sila_daemon.core.errors import (
    CorruptBlobError,
    FormatError,
    NotFoundError,
    RemoteRefusedError,
    RemoteUnavailableError,
    SignInNeededError,
)
from sila_daemon.core.file_packs import MEDIA_TYPE
from sila_daemon.folder.sealed_secrets import seal, unseal
from sila_daemon.store.blobs import STATIC, BlobName, LocalBlob
from sila_daemon.store.secret_merge import SecretSet

if TYPE_CHECKING:
    from collections.abc import AsyncIterator, Mapping, Sequence

    from sila_daemon.mirror.connector import Connector, Response
    from sila_daemon.mirror.record import Tokens
    from sila_daemon.ports.randomness import Randomness

ANSWER_BYTES_MAX = 8 << 20
_UPLOAD_ID = re.compile(r"[A-Za-z0-9_-]{1,128}")
_OFFSET = re.compile(r"[0-9]{1,18}")


@dataclass(frozen=True, slots=True)
class RemoteSecrets:
    """The secrets of a server, and the tag of this state."""

    secrets: SecretSet
    etag: str


class RemoteApi:
    """Requests about one space to one server."""

    def __init__(
        self,
        server_url: str,
        space_id: str,
        connector: Connector,
        tokens: Tokens,
        randomness: Randomness,
    ) -> None:
        self._server_url = server_url
        self._space_id = space_id
        self._connector = connector
        self._tokens = tokens
        self._randomness = randomness

    async def missing(self, blobs: Sequence[LocalBlob]) -> set[BlobName]:
        """Returns those that the server lacks; mutable ones count with their content."""
        body = {
            "static": [local.blob.name for local in blobs if local.blob.kind == STATIC],
            "var": [
                {"id": local.blob.name, "sha256": local.sha256}
                for local in blobs
                if local.blob.kind != STATIC
            ],
        }
        async with self._asked("POST", "/files/missing", body=msgspec.json.encode(body)) as got:
            answer = await _json(got)
        lacking = {
            kind: frozenset(names) if isinstance(names := answer.get(kind), list) else None
            for kind in ("static", "var")
        }
        if None in lacking.values():
            raise FormatError("the server's list of missing files is none")
        return {
            local.blob for local in blobs if local.blob.name in (lacking[local.blob.kind] or ())
        }

    async def put(
        self, local: LocalBlob, chunks: AsyncIterator[bytes], revision: str | None
    ) -> str | None:
        """Uploads a blob; returns the revision of a mutable one.

        `revision` is that of the content it replaces. Raises CorruptBlobError when the bytes are
        not what their name says, RemoteRefusedError with code `changed` when the server has
        another content by now.
        """
        headers = {"Content-Type": "application/octet-stream"}
        if local.blob.kind != STATIC:
            headers |= {"If-Match": f'"{revision}"'} if revision else {"If-None-Match": "*"}
        path = f"/files/{local.blob.kind}/{local.blob.name}"
        async with self._asked("PUT", path, headers=headers, body=chunks) as got:
            answer = await _json(got)
        found = answer.get("revision")
        return None if found is None else str(found)

    async def begin_upload(self, local: LocalBlob) -> str | None:
        """Begins to upload an immutable file; returns the upload's id, None when it is there.

        Raises FormatError when the server does not know uploads that go on later.
        """
        headers = {
            "Content-Type": "application/octet-stream",
            "Upload-Complete": "?0",
            "Upload-Length": str(local.size),
        }
        path = f"/files/static/{local.blob.name}"
        async with self._asked("PUT", path, headers=headers, body=b"") as got:
            if got.headers.get("Upload-Complete") == "?1":
                return None
            answer = await _json(got)
        name = str(answer.get("upload", "")).rpartition("/")[2]
        if _UPLOAD_ID.fullmatch(name) is None:
            raise FormatError("the server does not say where the upload goes on")
        return name

    async def upload_offset(self, upload: str) -> int | None:
        """Returns how many bytes of an upload the server has; None once it is the whole file.

        Raises NotFoundError when it was given up.
        """
        async with self._asked("HEAD", f"/files/uploads/{upload}") as got:
            if got.headers.get("Upload-Complete") == "?1":
                return None
            text = got.headers.get("Upload-Offset", "")
        if _OFFSET.fullmatch(text) is None:
            raise FormatError("the server does not say how much of the upload it has")
        return int(text)

    async def end_upload(self, upload: str, offset: int, chunks: AsyncIterator[bytes]) -> None:
        """Sends the rest of a file. Raises CorruptBlobError, NotFoundError, RemoteRefusedError."""
        headers = {
            "Content-Type": "application/partial-upload",
            "Upload-Offset": str(offset),
            "Upload-Complete": "?1",
        }
        path = f"/files/uploads/{upload}"
        async with self._asked("PATCH", path, headers=headers, body=chunks) as got:
            await _json(got)

    async def has_replaced(self, local: LocalBlob) -> bool:
        """Tells whether the server once had this content of a mutable blob as the current one."""
        path = f"/files/{local.blob.kind}/{local.blob.name}/revisions"
        async with self._asked("GET", path) as got:
            answer = await _json(got)
        revisions = answer.get("revisions")
        return isinstance(revisions, list) and any(
            isinstance(one, dict) and one.get("sha256") == local.sha256 and one.get("side") is False
            for one in revisions
        )

    def get(self, blob: BlobName, offset: int = 0) -> AbstractAsyncContextManager[Response]:
        """Downloads a blob, an immutable one from an offset on if the server can (206).

        Raises NotFoundError when the server lacks it.
        """
        headers = {"Range": f"bytes={offset}-", "If-Range": f'"{blob.name}"'} if offset else None
        return self._asked("GET", f"/files/{blob.kind}/{blob.name}", headers=headers)

    async def put_pack(self, chunks: AsyncIterator[bytes]) -> set[BlobName]:
        """Uploads a pack; returns the immutable files that the server stored.

        Raises NotFoundError when it knows no packs.
        """
        headers = {"Content-Type": MEDIA_TYPE}
        async with self._asked("POST", "/files/pack", headers=headers, body=chunks) as got:
            answer = await _json(got)
        told = answer.get("files")
        if not isinstance(told, list):
            raise FormatError("the server's answer to a pack is none")
        return {
            BlobName(STATIC, str(one.get("id")))
            for one in told
            if isinstance(one, dict) and one.get("ok") is True and one.get("kind") == STATIC
        }

    def get_pack(self, blobs: Sequence[BlobName]) -> AbstractAsyncContextManager[Response]:
        """Downloads immutable files as a pack. Raises NotFoundError when it knows no packs."""
        body = {"static": [blob.name for blob in blobs], "var": []}
        return self._asked("POST", "/files/fetch", body=msgspec.json.encode(body))

    async def secrets(self) -> RemoteSecrets:
        """Returns the secrets on the server. Raises SecretsError."""
        async with self._asked("GET", "/secrets") as got:
            answer = await _json(got)
            etag = got.headers.get("ETag", "")
        found = unseal(answer.get("sealed"), self._space_id)
        return RemoteSecrets(SecretSet(found.values, found.removed), etag)

    async def put_secrets(self, secrets: SecretSet, etag: str) -> str | None:
        """Replaces the secrets on the server.

        Returns the tag of the new state, None when they changed meanwhile.
        """
        sealed = seal(secrets.values, secrets.removed, self._space_id, self._randomness)
        body = msgspec.json.encode({"sealed": sealed})
        headers = {"If-Match": etag}
        try:
            async with self._asked("PUT", "/secrets", headers=headers, body=body) as got:
                await _json(got)
                return got.headers.get("ETag", "")
        except RemoteRefusedError as error:
            if error.code == "changed":
                return None
            raise

    @asynccontextmanager
    async def _asked(
        self,
        method: str,
        path: str,
        *,
        headers: Mapping[str, str] | None = None,
        body: bytes | AsyncIterator[bytes] | None = None,
    ) -> AsyncIterator[Response]:
        token = await self._tokens.access_token(self._server_url)
        if isinstance(body, bytes):
            headers = {"Content-Type": "application/json", **(headers or {})}
        async with self._connector.request(
            method,
            self._server_url,
            f"/spaces/{self._space_id}{path}",
            token=token,
            headers=headers,
            body=body,
        ) as response:
            if response.status >= 400:
                if response.status == 401:
                    await self._tokens.refused(self._server_url)
                await _raise_refusal(response)
            yield response


async def _json(response: Response) -> dict[str, Any]:
    try:
        answer = json.loads(await response.read(ANSWER_BYTES_MAX))
    except (ValueError, RecursionError):
        raise FormatError("the server's answer is not JSON") from None
    if not isinstance(answer, dict):
        raise FormatError("the server's answer is not an object")
    return answer


async def _raise_refusal(response: Response) -> None:
    try:
        answer = await _json(response)
    except FormatError:
        answer = {}
    code = str(answer.get("code") or f"http_{response.status}")
    message = f"the server answers {response.status}: {answer.get('error') or code}"
    if response.status == 401:
        raise SignInNeededError(message)
    if response.status == 404:
        raise NotFoundError(message, code=code)
    if response.status == 422:
        raise CorruptBlobError(message)
    if response.status in (408, 425, 429) or response.status >= 500:
        raise RemoteUnavailableError(message, code=code)
    raise RemoteRefusedError(message, code=code)
