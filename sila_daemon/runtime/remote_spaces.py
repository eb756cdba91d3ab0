"""What the daemon asks a server about spaces before it mirrors one there."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

import msgspec

from sila_daemon.core import ids
from sila_daemon.core.errors import (
    NotFoundError,
    ProtectionError,
    RemoteRefusedError,
    RemoteUnavailableError,
    SignInNeededError,
)

if TYPE_CHECKING:
    from sila_daemon.mirror.connector import Connector
    from sila_daemon.mirror.record import Tokens

_ANSWER_BYTES_MAX = 16 << 20
_HTTP_OK, _HTTP_NOT_FOUND, _HTTP_CONFLICT = (200, 201), 404, 409
_HTTP_REFUSED = (401, 403)


class RemoteSpaces:
    """The routes of a server that concern the list of spaces."""

    def __init__(self, connector: Connector, tokens: Tokens) -> None:
        self._connector = connector
        self._tokens = tokens

    async def list(self, url: str) -> list[dict[str, Any]]:
        """Returns the spaces of the account. Raises RemoteError."""
        status, answer = await self._ask("GET", url, "/spaces")
        found = answer.get("spaces")
        if status not in _HTTP_OK or not isinstance(found, list):
            raise _refusal(url, status, answer)
        return [space for space in found if isinstance(space, dict)]

    async def check(self, url: str, space_id: str) -> str | None:
        """Returns the name of a space on a server. Raises NotFoundError when it is not there."""
        ids.checked_space_id(space_id)
        status, answer = await self._ask("GET", url, f"/spaces/{space_id}")
        if status == _HTTP_NOT_FOUND:
            raise NotFoundError(
                f"{url} has no space {space_id}, or not for this account",
                code="no_space",
                hint=f"see what is there with: sila-daemon space list --remote {url}",
            )
        if status not in _HTTP_OK:
            raise _refusal(url, status, answer)
        space = answer.get("space", answer)
        name = space.get("name") if isinstance(space, dict) else None
        return name if isinstance(name, str) else None

    async def ensure(self, url: str, space_id: str, name: str) -> None:
        """Makes sure that a server takes a space that exists here. Raises ProtectionError."""
        try:
            await self.check(url, space_id)
        except NotFoundError:
            if await self._is_original(url):
                raise _not_made_there(url, space_id) from None
            body = {"id": space_id, "name": (name.strip() or "Space")[:80]}
            status, answer = await self._ask("POST", url, "/spaces", body)
            if status == _HTTP_CONFLICT:
                raise ProtectionError(
                    f"{url} has a space with this id that belongs to somebody else",
                    code="space_taken",
                    hint="ask its owner to share it with you",
                ) from None
            if status not in _HTTP_OK:
                raise _refusal(url, status, answer) from None
            made = answer.get("space", answer)
            if not isinstance(made, dict) or made.get("id") != space_id:
                raise _not_made_there(url, space_id) from None

    async def _is_original(self, url: str) -> bool:
        """Tells whether a server is one of the original's kind, which has no such route.

        It would make another space, with an id of its own, when it is asked for one.
        """
        status, _ = await self._ask_once("GET", url, "/ready", None)
        return status == _HTTP_NOT_FOUND

    async def _ask(
        self, verb: str, url: str, path: str, body: dict[str, Any] | None = None
    ) -> tuple[int, dict[str, Any]]:
        """Asks once more with a new token when the server refuses the first one."""
        status, answer = await self._ask_once(verb, url, path, body)
        if status == _HTTP_REFUSED[0]:
            await self._tokens.refused(url)
            status, answer = await self._ask_once(verb, url, path, body)
        if status in _HTTP_REFUSED:
            raise SignInNeededError(
                f"{url} does not let this account in: {answer.get('error', status)}",
                hint=f"sign in with: sila-daemon login {url} --email YOU",
            )
        return status, answer

    async def _ask_once(
        self, verb: str, url: str, path: str, body: dict[str, Any] | None
    ) -> tuple[int, dict[str, Any]]:
        token = await self._tokens.access_token(url)
        headers = {"Content-Type": "application/json"} if body is not None else None
        data = msgspec.json.encode(body) if body is not None else None
        async with self._connector.request(
            verb, url, path, token=token, headers=headers, body=data
        ) as response:
            text = await response.read(_ANSWER_BYTES_MAX)
            status = response.status
        try:
            found = msgspec.json.decode(text)
        except msgspec.DecodeError:
            found = None
        if isinstance(found, list):
            found = {"spaces": found}
        return status, found if isinstance(found, dict) else {}


def _not_made_there(url: str, space_id: str) -> ProtectionError:
    return ProtectionError(
        f"{url} is a server of the original kind: it takes only spaces that were made there,"
        f" and {space_id} was not, or belongs to another account",
        code="not_supported",
        hint=f"make a space there with the app and bring it here: sila-daemon space clone {url} ID",
    )


def _refusal(
    url: str, status: int, answer: dict[str, Any]
) -> RemoteRefusedError | RemoteUnavailableError:
    reason = answer.get("error") or f"HTTP {status}"
    if status >= 500:
        return RemoteUnavailableError(f"{url} cannot answer now: {reason}", hint="try again later")
    return RemoteRefusedError(
        f"{url} refused: {reason}",
        code=str(answer.get("code") or "refused"),
        hint="check that the address is that of a Sila server",
    )
