"""Forms that only our own pages can send: each carries a proof bound to the browser's cookie."""

from __future__ import annotations

import hashlib
import hmac
import re
from typing import TYPE_CHECKING
from urllib.parse import parse_qs, urlsplit

from sila_daemon.core.errors import FormatError, RemoteRefusedError

if TYPE_CHECKING:
    from starlette.requests import Request
    from starlette.responses import Response

    from sila_daemon.ports.clock import Clock
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.server.accounts.signing_keys import SigningKeys

COOKIE = "sila_form"
FORM_BYTES_MAX = 8 << 10
TICKET_SECONDS = 300
_COOKIE_VALUE = re.compile(r"[0-9a-f]{64}")


class PageForms:
    """Makes and checks the proofs."""

    def __init__(self, keys: SigningKeys, clock: Clock, randomness: Randomness) -> None:
        self._keys = keys
        self._clock = clock
        self._randomness = randomness

    def cookie_of(self, request: Request) -> str:
        """Returns the browser's cookie, or a new one that `keep_cookie` gives it."""
        value = request.cookies.get(COOKIE, "")
        return value if _COOKIE_VALUE.fullmatch(value) else self._randomness.token(32).hex()

    def keep_cookie(self, request: Request, response: Response, value: str) -> None:
        """Gives the browser its cookie: for these pages only, and unseen by scripts."""
        response.set_cookie(
            COOKIE, value, path="/device", httponly=True, samesite="strict",
            secure=request.url.scheme == "https",
        )  # fmt: skip

    def form_token(self, cookie: str) -> str:
        """Returns what a form must send back."""
        return self._proof("form", cookie)

    def ticket(self, cookie: str, user_id: str, user_code: str) -> str:
        """Returns a proof that somebody has just signed in on the page before."""
        until = int(self._clock.time()) + TICKET_SECONDS
        said = f"{user_id}.{user_code}.{until}"
        return f"{said}.{self._proof('ticket', cookie, said)}"

    def read_ticket(self, cookie: str, ticket: str) -> tuple[str, str]:
        """Returns the user's id and the code of a ticket.

        Raises RemoteRefusedError, FormatError when it is too old.
        """
        said, _, proof = ticket.rpartition(".")
        parts = said.split(".")
        if not self._is_proof(proof, "ticket", cookie, said) or len(parts) != 3:
            raise _refused()
        if self._clock.time() > int(parts[2]):
            raise FormatError("this took too long; begin again", code="expired_token")
        return parts[0], parts[1]

    async def read(self, request: Request) -> dict[str, str]:
        """Returns the fields of a form of ours. Raises FormatError, RemoteRefusedError."""
        if not _is_from_here(request):
            raise _refused()
        fields = await _fields(request)
        cookie = request.cookies.get(COOKIE, "")
        if not _COOKIE_VALUE.fullmatch(cookie):
            raise _refused()
        if not self._is_proof(fields.get("form", ""), "form", cookie):
            raise _refused()
        return fields

    def _proof(self, *parts: str) -> str:
        return _mac(self._keys.newest.secret, parts)

    def _is_proof(self, proof: str, *parts: str) -> bool:
        sent = proof.encode(errors="replace")
        return any(
            hmac.compare_digest(_mac(key.secret, parts).encode(), sent)
            for key in self._keys.accepted()
        )


def _mac(secret: bytes, parts: tuple[str, ...]) -> str:
    text = "\n".join(["page", *parts])
    return hmac.new(secret, text.encode(errors="replace"), hashlib.sha256).hexdigest()


def _is_from_here(request: Request) -> bool:
    """Tells whether a browser says that a page of this server sent the form.

    Programs say nothing; the cookie and its proof are asked of everybody.
    """
    site = request.headers.get("sec-fetch-site")
    if site is not None:
        return site == "same-origin"
    origin = request.headers.get("origin")
    # Only the host: behind a proxy this server may not know that the page came over https.
    return origin is None or urlsplit(origin).netloc == request.headers.get("host")


async def _fields(request: Request) -> dict[str, str]:
    data = bytearray()
    async for chunk in request.stream():
        data += chunk
        if len(data) > FORM_BYTES_MAX:
            raise FormatError("the form is too large", code="too_large")
    try:
        found = parse_qs(data.decode(), strict_parsing=True, max_num_fields=10)
    except ValueError:
        raise FormatError("this is no form", code="bad_form") from None
    return {name: values[0] for name, values in found.items()}


def _refused() -> RemoteRefusedError:
    return RemoteRefusedError(
        "the form did not come from this page, or is too old; begin again", code="not_permitted"
    )
