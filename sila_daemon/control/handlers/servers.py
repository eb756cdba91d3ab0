"""`server.*`: the accounts of this machine."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.control import messages, results

if TYPE_CHECKING:
    from sila_daemon.control.connection import Handler
    from sila_daemon.control.host import Accounts


class ServerHandlers:
    """Signs in and out."""

    def __init__(self, accounts: Accounts) -> None:
        self._accounts = accounts

    def routes(self) -> dict[str, Handler]:
        """Returns the methods of this group."""
        return {
            "server.login": self.login,
            "server.logout": self.logout,
            "server.list": self.list,
        }

    async def login(self, params: messages.LoginParams) -> results.SignedIn:
        """Signs in by password or by token."""
        return await self._accounts.sign_in(
            params.url,
            email=params.email,
            password=params.password,
            token=params.token,
            insecure=params.insecure,
        )

    async def logout(self, params: messages.UrlParams) -> results.Done:
        """Signs out."""
        await self._accounts.sign_out(params.url)
        return results.Done()

    async def list(self, params: messages.NoParams) -> results.Servers:
        """Lists accounts, without tokens."""
        return results.Servers(servers=self._accounts.servers())
