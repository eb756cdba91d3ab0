"""The few HTTP calls that concern accounts, as a port with its real adapter."""

from __future__ import annotations

import asyncio
import importlib
from typing import Any, Protocol

import msgspec

from sila_daemon.core.errors import (
    RemoteRefusedError,
    RemoteUnavailableError,
    SignInNeededError,
)
from sila_daemon.ports.network_reason import network_reason

TIMEOUT_S = 20
ANSWER_BYTES_MAX = 1 << 20


class Grant(msgspec.Struct, frozen=True):
    """What a server gives for a password or for a refresh token."""

    access_token: str
    refresh_token: str | None = None
    expires_in: float | None = None
    user: dict[str, Any] = {}


class Device(msgspec.Struct, frozen=True):
    """How a server lists this machine among an account's sessions."""

    id: str
    name: str
    platform: str


class AuthApi(Protocol):
    """A server's account routes. Each raises RemoteError; SignInNeededError for a no."""

    async def login(self, url: str, email: str, password: str, device: Device) -> Grant:
        """Trades a password for tokens."""
        ...

    async def refresh(self, url: str, refresh_token: str) -> Grant:
        """Trades a refresh token for new tokens."""
        ...

    async def me(self, url: str, access_token: str) -> dict[str, Any]:
        """Returns the user whom a token names."""
        ...

    async def logout(self, url: str, access_token: str) -> None:
        """Ends the session on the server."""
        ...


class HttpAuthApi:
    """The real server, over aiohttp. Redirects are not followed: they could carry tokens away."""

    async def login(self, url: str, email: str, password: str, device: Device) -> Grant:
        """POST /auth/login."""
        body = {"email": email, "password": password, "device": msgspec.to_builtins(device)}
        return _grant(url, await self._ask("POST", url, "/auth/login", body=body))

    async def refresh(self, url: str, refresh_token: str) -> Grant:
        """POST /auth/refresh."""
        body = {"refresh_token": refresh_token}
        return _grant(url, await self._ask("POST", url, "/auth/refresh", body=body))

    async def me(self, url: str, access_token: str) -> dict[str, Any]:
        """GET /auth/me."""
        found = await self._ask("GET", url, "/auth/me", token=access_token)
        user = found.get("user", found)
        return user if isinstance(user, dict) else {}

    async def logout(self, url: str, access_token: str) -> None:
        """POST /auth/logout."""
        await self._ask("POST", url, "/auth/logout", token=access_token)

    async def _ask(
        self,
        verb: str,
        url: str,
        route: str,
        *,
        body: dict[str, Any] | None = None,
        token: str | None = None,
    ) -> dict[str, Any]:
        # On a thread, as the first time takes long; nothing may hold the event loop.
        await asyncio.to_thread(importlib.import_module, "aiohttp")
        import aiohttp

        headers = {} if token is None else {"Authorization": f"Bearer {token}"}
        timeout = aiohttp.ClientTimeout(total=TIMEOUT_S)
        try:
            async with (
                aiohttp.ClientSession(timeout=timeout, headers=headers) as session,
                session.request(verb, url + route, json=body, allow_redirects=False) as answer,
            ):
                data = await answer.content.read(ANSWER_BYTES_MAX)
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError) as error:
            raise RemoteUnavailableError(
                f"{url} cannot be reached: {network_reason(error)}",
                hint="check the address and the network",
            ) from error
        return _checked(url, status, data)


def _checked(url: str, status: int, data: bytes) -> dict[str, Any]:
    try:
        found = msgspec.json.decode(data)
    except msgspec.DecodeError:
        found = None
    answer = found if isinstance(found, dict) else {}
    reason = str(answer.get("error", "") or f"HTTP {status}")
    if status in (401, 403):
        raise SignInNeededError(
            f"{url} does not let this account in: {reason}",
            code=str(answer.get("code") or "sign_in_needed"),
            hint=f"sign in with: sila-daemon login {url} --email YOU",
        )
    if status == 429 or status >= 500:
        raise RemoteUnavailableError(f"{url} cannot answer now: {reason}", hint="try again later")
    if status >= 300 or found is None:
        raise RemoteRefusedError(
            f"{url} refused: {reason}",
            code=str(answer.get("code") or "refused"),
            hint="check that the address is that of a Sila server",
        )
    return answer


def _grant(url: str, answer: dict[str, Any]) -> Grant:
    try:
        return msgspec.convert(answer, Grant)
    except msgspec.ValidationError as error:
        raise RemoteRefusedError(
            f"{url} answered something else than tokens: {error}",
            hint="check that the address is that of a Sila server",
        ) from error
