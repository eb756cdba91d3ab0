"""The daemon's process and accounts, as the control protocol shows them."""

from __future__ import annotations

import os
from collections.abc import Callable
from importlib.metadata import version
from typing import TYPE_CHECKING

from sila_daemon.control.methods import PROTOCOL_VERSION
from sila_daemon.control.results import DaemonStatus, ServerEntry, SignedIn, Version

if TYPE_CHECKING:
    from sila_daemon.credentials.tokens import Credentials
    from sila_daemon.ports.clock import Clock


class ProcessFacts:
    """This process, and what a client may ask of it."""

    def __init__(
        self,
        clock: Clock,
        epoch: str,
        credentials: Credentials,
        stop: Callable[[], None],
        reload: Callable[[], None],
    ) -> None:
        self._clock = clock
        self._epoch = epoch
        self._credentials = credentials
        self._stop = stop
        self._reload = reload
        self._version = version("sila-daemon")
        self._since = clock.time()
        self._started = clock.monotonic()

    def version(self) -> Version:
        """Returns which daemon this is."""
        return Version(
            version=self._version, protocol=PROTOCOL_VERSION, pid=os.getpid(), epoch=self._epoch
        )

    def status(self) -> DaemonStatus:
        """Returns how the process is doing."""
        return DaemonStatus(
            version=self._version,
            pid=os.getpid(),
            since=int(self._since * 1000),
            uptime_seconds=int(self._clock.monotonic() - self._started),
            credentials=self._credentials.kind,
        )

    def request_stop(self) -> None:
        """Begins to end the daemon."""
        self._stop()

    def reload(self) -> None:
        """Reads the configuration again."""
        self._reload()


class AccountFacts:
    """The accounts, without their tokens."""

    def __init__(self, credentials: Credentials, note: Callable[[str, str], None]) -> None:
        """`note` is told of each sign-in and sign-out: the kind of event and the server."""
        self._credentials = credentials
        self._note = note

    async def sign_in(
        self,
        url: str,
        *,
        email: str | None,
        password: str | None,
        token: str | None,
        insecure: bool,
    ) -> SignedIn:
        """Signs in and keeps the tokens."""
        account = await self._credentials.login(
            url, email=email, password=password, token=token, insecure=insecure
        )
        self._note("signed_in", account.url)
        return SignedIn(url=account.url, email=account.email, store=self._credentials.kind)

    async def sign_out(self, url: str) -> None:
        """Forgets the tokens of a server."""
        await self._credentials.logout(url)
        self._note("signed_out", url)

    def servers(self) -> list[ServerEntry]:
        """Returns all servers that somebody is signed in to."""
        return [
            ServerEntry(
                url=account.url,
                email=account.email,
                store=self._credentials.kind,
                signed_in=not account.sign_in_needed,
                reason=account.sign_in_needed,
            )
            for account in self._credentials.accounts()
        ]
