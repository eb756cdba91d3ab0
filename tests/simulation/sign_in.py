"""The accounts of a device: the real credentials on its disk, and their way to the server."""

from __future__ import annotations

import base64
import json
from typing import TYPE_CHECKING, Any

from sila_daemon.credentials.auth_api import Device, Grant, _checked, _grant
from sila_daemon.credentials.tokens import Credentials

if TYPE_CHECKING:
    from sila_daemon.credentials.token_file import AccountStore
    from sila_daemon.ports.clock import Clock
    from tests.simulation.network import Network

ANSWER_BYTES_MAX = 1 << 20


class SimAuthApi:
    """The port AuthApi over the simulated network; a password is not looked at."""

    def __init__(self, network: Network, device: str) -> None:
        self._network = network
        self._device = device

    async def login(self, url: str, email: str, password: str, device: Device) -> Grant:
        """Signs in without Argon2, which takes long in every seed and hides nothing."""
        network = self._network
        if url in network.originals:
            there = await network.reach_original(self._device, url)
            return _grant(url, (await there.sign_in(email)).to_json())
        server = await network.reach(self._device, url)
        signed = await server.sign_in(email)
        await self._network.hop()
        return _grant(url, signed.to_json())

    async def refresh(self, url: str, refresh_token: str) -> Grant:
        """POST /auth/refresh."""
        return _grant(url, await self._ask("POST", url, "/auth/refresh", "", refresh_token))

    async def me(self, url: str, access_token: str) -> dict[str, Any]:
        """GET /auth/me."""
        return await self._ask("GET", url, "/auth/me", access_token, None)

    async def logout(self, url: str, access_token: str) -> None:
        """POST /auth/logout."""
        await self._ask("POST", url, "/auth/logout", access_token, None)

    async def _ask(
        self, method: str, url: str, path: str, token: str, refresh_token: str | None
    ) -> dict[str, Any]:
        body = None
        if refresh_token is not None:
            body = json.dumps({"refresh_token": refresh_token}).encode()
        connector = self._network.connector(self._device)
        async with connector.request(method, url, path, token=token, body=body) as response:
            return _checked(url, response.status, await response.read(ANSWER_BYTES_MAX))


def make_credentials(
    device: str, store: AccountStore, clock: Clock, network: Network
) -> Credentials:
    """Makes the accounts of one start of a daemon; `load` reads those of the starts before."""
    shown = Device(id=device, name=device, platform="simulated")
    return Credentials(store, SimAuthApi(network, device), clock, shown)


def claims_of(token: str) -> dict[str, Any]:
    """Reads a token without checking it; nothing when it is none."""
    parts = token.split(".")
    if len(parts) != 3:
        return {}
    found = json.loads(base64.urlsafe_b64decode(parts[1] + "=" * (-len(parts[1]) % 4)))
    return found if isinstance(found, dict) else {}
