"""The accounts of this machine, and an access token for whoever talks to a server.

A refresh token may be used once: the new one is on disk before it is used.
"""

from __future__ import annotations

import asyncio
from collections import defaultdict
from typing import TYPE_CHECKING

import msgspec

from sila_daemon.core.errors import (
    NotFoundError,
    RemoteError,
    SignInNeededError,
    StorageError,
    UsageError,
)
from sila_daemon.credentials.account import Account, token_expiry, token_lifetime_s
from sila_daemon.credentials.server_url import check_transport, server_url

if TYPE_CHECKING:
    from sila_daemon.credentials.auth_api import AuthApi, Device, Grant
    from sila_daemon.credentials.token_file import AccountStore
    from sila_daemon.ports.clock import Clock

REFRESH_BEFORE_S = 60.0
"""A token with less time left is replaced first: it could expire on its way."""

REFRESH_BEFORE_SHARE = 0.5
"""Of a token that is given out for less than twice that, so much; else no use of it would be
without a refresh before."""


class Credentials:
    """One account per server. Reading is cheap: accounts are in memory once loaded."""

    def __init__(self, store: AccountStore, api: AuthApi, clock: Clock, device: Device) -> None:
        self._store = store
        self._api = api
        self._clock = clock
        self._device = device
        self._accounts: dict[str, Account] = {}
        self._refused: dict[str, str] = {}
        self._refresh_before_s: dict[str, float] = {}
        """By server, how long before its end the token is replaced that it gave out last."""
        self._not_extended: dict[str, str] = {}
        """By server, the token that it would not extend long before its end."""
        self._locks: defaultdict[str, asyncio.Lock] = defaultdict(asyncio.Lock)

    @property
    def kind(self) -> str:
        """Where tokens are kept: `keyring` or `file`."""
        return self._store.kind

    async def load(self) -> None:
        """Reads the accounts of earlier runs."""
        self._accounts = await self._store.load()

    def accounts(self) -> list[Account]:
        """Returns all accounts by the address of their server."""
        return [self._accounts[url] for url in sorted(self._accounts)]

    def account(self, url: str) -> Account | None:
        """Returns the account on a server, if there is one."""
        return self._accounts.get(url)

    async def access_token(self, server_url: str) -> str:
        """Returns a token that is worth trying. Raises SignInNeededError, RemoteError."""
        async with self._locks[server_url]:
            account = self._usable(server_url)
            is_refused = self._refused.get(server_url) == account.access
            is_needed = is_refused or self._is_ending(account)
            if not is_needed and not self._may_extend(account):
                return account.access
            try:
                return (await self._refreshed(account)).access
            except SignInNeededError as error:
                if not is_needed:
                    self._not_extended[server_url] = account.access
                    return account.access
                await self._keep(msgspec.structs.replace(account, sign_in_needed=error.message))
                raise
            except RemoteError:
                if is_refused or self._is_over(account):
                    raise
                return account.access

    async def refused(self, server_url: str) -> None:
        """Notes that the server refused the current token: the next one will be a new one."""
        account = self._accounts.get(server_url)
        if account is not None:
            self._refused[server_url] = account.access

    async def login(
        self,
        url: str,
        *,
        email: str | None,
        password: str | None = None,
        token: str | None = None,
        insecure: bool = False,
    ) -> Account:
        """Signs in by password or by token, and keeps the tokens. Raises RemoteError."""
        url = server_url(url)
        check_transport(url, insecure=insecure)
        if token is not None:
            user = await self._api.me(url, token)
            found = user.get("email") or email
            account = Account(url, found, token, None, token_expiry(token), insecure)
        elif email and password is not None:
            grant = await self._api.login(url, email, password, self._device)
            account = self._granted(Account(url, email, "", None, None, insecure), grant)
        else:
            raise UsageError("signing in takes a token, or an email address and a password")
        async with self._locks[url]:  # A refresh of the old tokens that fails is not the last word.
            await self._keep(account)
        return account

    async def logout(self, url: str) -> None:
        """Forgets the tokens; tells the server where it can be told. Raises NotFoundError."""
        url = server_url(url)
        account = self._accounts.get(url)
        if account is None:
            raise NotFoundError(
                f"nobody is signed in to {url}", hint="see the servers with: sila-daemon whoami"
            )
        if account.access and not account.sign_in_needed:
            try:
                await self._api.logout(url, account.access)
            except RemoteError:
                # The tokens are forgotten here all the same, and expire there by themselves.
                pass
        async with self._locks[url]:  # A refresh under way does not bring the tokens back.
            self._accounts.pop(url, None)
            self._refused.pop(url, None)
            await self._store.remove(url)

    def check_transport(self, url: str) -> None:
        """Raises ProtectionError for an unencrypted server that nobody agreed to."""
        account = self._accounts.get(url)
        check_transport(url, insecure=account is not None and account.insecure)

    def _usable(self, url: str) -> Account:
        account = self._accounts.get(url)
        reason = "nobody is signed in" if account is None else account.sign_in_needed
        if account is None or reason:
            raise SignInNeededError(
                f"sign in to {url} again: {reason}" if account else f"sign in to {url}: {reason}",
                hint=f"sign in with: sila-daemon login {url} --email YOU",
            )
        return account

    def _is_ending(self, account: Account) -> bool:
        ends = account.expires_at
        before_s = self._refresh_before_s.get(account.url, REFRESH_BEFORE_S)
        return ends is not None and ends - self._clock.time() < before_s

    def _may_extend(self, account: Account) -> bool:
        """Tells whether half of a token is over that nothing renews once it has ended.

        An original server only extends tokens that are good; a machine may sleep through the end.
        """
        outlives = account.refresh is not None and token_expiry(account.refresh) is None
        lasts_s = token_lifetime_s(account.access)
        if outlives or lasts_s is None or account.expires_at is None:
            return False
        is_late = account.expires_at - self._clock.time() < lasts_s / 2
        return is_late and self._not_extended.get(account.url) != account.access

    def _is_over(self, account: Account) -> bool:
        return account.expires_at is not None and account.expires_at <= self._clock.time()

    async def _refreshed(self, account: Account) -> Account:
        """Trades tokens for new ones; an original server extends an access token by itself."""
        fresh = self._granted(
            account, await self._api.refresh(account.url, account.refresh or account.access)
        )
        await self._keep(fresh)
        return fresh

    def _granted(self, account: Account, grant: Grant) -> Account:
        if grant.expires_in is not None:
            ends: float | None = self._clock.time() + grant.expires_in
        else:
            ends = token_expiry(grant.access_token)
        lasts_s = 0.0 if ends is None else ends - self._clock.time()
        if lasts_s > 0:
            before_s = min(REFRESH_BEFORE_S, REFRESH_BEFORE_SHARE * lasts_s)
            self._refresh_before_s[account.url] = before_s
        return msgspec.structs.replace(
            account,
            access=grant.access_token,
            refresh=grant.refresh_token or account.refresh,
            expires_at=ends,
            sign_in_needed="",
        )

    async def _keep(self, account: Account) -> None:
        """On disk before it is used: a token lost in between would end the session."""
        try:
            await self._store.save(account)
        except StorageError:
            if not account.sign_in_needed:
                raise
        self._accounts[account.url] = account
