"""The connection to the daemon: opened again whenever it breaks; the session's only source.

Owns the client. `run` works until cancelled; calls made while there is no connection fail at once
with a sentence, so that no key press waits for a daemon that is not there.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Protocol

from sila_daemon.core.errors import DaemonNotRunningError, SilaError
from sila_tui.waits import Waits
from sila_tui.words import counted

if TYPE_CHECKING:
    from sila_tui.session import Session

RETRY_S = (0.25, 0.5, 1.0, 2.0, 5.0)
"""Pauses between attempts; the last one repeats. A restart of the daemon takes about a second."""
STATUS_S_MAX = 5.0
"""The status is asked for at least this often: it also changes by time alone."""
STATUS_S_MIN = 0.25
"""And at most this often, however many events come."""
TRANSFERS_S = 30.0
"""After this long the daemon answers that nothing moves."""
CALL_S_MAX = 30.0
"""A call that takes longer has lost its daemon as far as a person is concerned."""
PATIENT = frozenset(
    ("space.sync", "space.create", "space.add", "space.clone", "space.add_server",
     "space.remote_list", "server.login", "file.get", "file.put", "file.fetch")
)  # fmt: skip
"""Calls that take as long as a disk or a server takes; losing the daemon ends them."""


class Client(Protocol):
    """What the link needs of `sila_daemon.control.client.ControlClient`."""

    async def call(self, method: str, /, **params: Any) -> Any:
        """Asks the daemon and gives its answer."""

    def events(
        self, after: int | None = None, epoch: str | None = None
    ) -> AsyncIterator[dict[str, Any]]:
        """What happened after an event of a run of the daemon, and happens from now on."""

    async def close(self) -> None:
        """Ends the connection."""


Connect = Callable[[], Awaitable[Client]]
"""Opens a connection; raises OSError or a SilaError when nobody answers."""


class Link:
    """Keeps the session fed and carries the calls of the screens."""

    def __init__(self, connect: Connect, session: Session) -> None:
        self._connect = connect
        self._session = session
        self._client: Client | None = None
        self.waits = Waits()
        self._status_wanted = asyncio.Event()
        self._retry_now = asyncio.Event()
        self._failures = 0
        self._last_event = 0
        self._epoch: str | None = None

    async def run(self) -> None:
        """Connects, feeds, and starts over until cancelled."""
        while True:
            reason = "the daemon closed the connection"
            try:
                self._client = await self._connect()
                await self._feed(self._client)
            except (OSError, SilaError) as exc:
                reason = str(exc)
            finally:
                await self._let_go()
            pause = RETRY_S[min(self._failures, len(RETRY_S) - 1)]
            self._failures += 1
            self._session.feed_lost(reason, self._session.now() + pause)
            await _set_within(self._retry_now, pause)

    async def call(self, method: str, **params: Any) -> Any:
        """Asks the daemon; raises a SilaError with a sentence when it cannot or will not."""
        if self._client is None:
            raise DaemonNotRunningError("the daemon does not answer", hint="sila-daemon start")
        try:
            async with asyncio.timeout(None if method in PATIENT else CALL_S_MAX):
                return await self.waits.watch(method, self._asked(self._client, method, params))
        except TimeoutError as exc:
            text = f"the daemon did not answer within {CALL_S_MAX:.0f} s"
            raise DaemonNotRunningError(text, hint="sila-daemon restart") from exc
        except OSError as exc:
            raise DaemonNotRunningError(str(exc), hint="sila-daemon start") from exc

    @staticmethod
    async def _asked(client: Client, method: str, params: Mapping[str, Any]) -> Any:
        return await client.call(method, **params)

    def retry(self) -> None:
        """Tries to connect now instead of when the pause ends."""
        self._failures = 0
        self._retry_now.set()

    def refresh(self) -> None:
        """Asks for the status soon."""
        self._status_wanted.set()

    async def _feed(self, client: Client) -> None:
        self._session.feed_status(await client.call("daemon.status"))
        self._failures = 0
        tasks = [
            asyncio.create_task(self._feed_events(client), name="sila-tui events"),
            asyncio.create_task(self._feed_status(client), name="sila-tui status"),
            asyncio.create_task(self._feed_transfers(client), name="sila-tui transfers"),
        ]
        try:
            # Whichever ends first ends the connection; its reason is the one to tell.
            done, _ = await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)

    async def _feed_events(self, client: Client) -> None:
        while True:
            async for event in client.events(after=self._last_event, epoch=self._epoch):
                self._take(event)
                self._status_wanted.set()

    def _take(self, event: Mapping[str, Any]) -> None:
        """Hands an event on; a gap, or another run of the daemon, makes all contents suspect."""
        match event.get("kind"):
            case "subscribed":
                self._subscribed(event)
            case "gap":
                self._last_event = int(event["id"])
                self._session.feed_gap("too much happened at once to follow: some of it is missing")
            case _:
                number = int(event.get("id") or 0)
                if 0 < self._last_event < number - 1:
                    self._session.feed_gap(_missing(number - 1 - self._last_event))
                self._last_event = max(self._last_event, number)
                self._session.feed_event(event)

    def _subscribed(self, event: Mapping[str, Any]) -> None:
        """Takes where a subscription begins: ids of another run of the daemon mean nothing here."""
        epoch = str(event.get("epoch", ""))
        if epoch != self._epoch:
            is_first = self._epoch is None
            self._epoch, self._last_event = epoch, 0
            self._session.feed_gap("" if is_first else "the daemon was started anew")
        elif event.get("gap"):
            # The first event that comes tells by its id how many are missing.
            self._session.feed_gap()

    async def _feed_status(self, client: Client) -> None:
        while True:
            await _set_within(self._status_wanted, STATUS_S_MAX)
            async with asyncio.timeout(CALL_S_MAX):
                answer = await client.call("daemon.status")
            self._session.feed_status(answer)
            await asyncio.sleep(STATUS_S_MIN)

    async def _feed_transfers(self, client: Client) -> None:
        """Asks again and again: each answer comes when something has moved."""
        revision: int | None = None
        try:
            while True:
                answer = await client.call("transfer.list", after=revision, wait=TRANSFERS_S)
                if answer["revision"] != revision:
                    revision = answer["revision"]
                    self._session.feed_transfers(answer)
        except SilaError as error:
            if error.code != "unknown_method":
                raise
            # An older daemon: everything else goes on without.
            await asyncio.get_running_loop().create_future()

    async def _let_go(self) -> None:
        client, self._client = self._client, None
        if client is not None:
            with suppress(OSError, SilaError):
                await client.close()
            # The socket itself is closed in the loop's next turn, which is not to be its last.
            await asyncio.sleep(0)


def _missing(count: int) -> str:
    return f"{counted(count, 'event')} missing: the daemon no longer keeps them"


async def _set_within(event: asyncio.Event, seconds: float) -> None:
    """Waits for the event, but not longer, and clears it.

    Not with `wait_for`: before Python 3.12 it loses a cancellation that comes with the event.
    """
    with suppress(TimeoutError):
        async with asyncio.timeout(seconds):
            await event.wait()
    event.clear()
