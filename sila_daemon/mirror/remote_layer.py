"""A server of a space: connects, hands over to a session, and comes back after every end."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import (
    FormatError,
    ProblemError,
    RemoteError,
    RemoteRefusedError,
    RemoteUnavailableError,
    SignInNeededError,
    SilaError,
    StorageError,
)
from sila_daemon.mirror.back_off import BackOff
from sila_daemon.mirror.confirmation import Checks
from sila_daemon.mirror.debt_count import DebtCount
from sila_daemon.mirror.error_groups import apart
from sila_daemon.mirror.greeting import ORIGINAL, check_identity, greeting
from sila_daemon.mirror.original_session import OriginalSession
from sila_daemon.mirror.rejections import ENDS_CONNECTION, TOO_LARGE
from sila_daemon.mirror.remote_pusher import SendingHistory
from sila_daemon.mirror.remote_session import RemoteSession
from sila_daemon.mirror.remote_status import RemoteState, RemoteStatus
from sila_daemon.mirror.set_aside import read_again
from sila_daemon.mirror.suspects import FAILURES_ALONE, Suspects
from sila_daemon.mirror.wakes import News
from sila_daemon.store.quarantine import Quarantine
from sila_daemon.store.sightings import Sightings

if TYPE_CHECKING:
    from collections.abc import Iterable

    from sila_daemon.core.ops import Op
    from sila_daemon.mirror.connector import Connection
    from sila_daemon.mirror.intake import Intake
    from sila_daemon.mirror.record import Device, MirrorPorts, MirrorSettings
    from sila_daemon.mirror.remote_files import RemoteFiles
    from sila_daemon.mirror.wakes import Wakes
    from sila_daemon.store.op_table import TreeOp
    from sila_daemon.store.servers import Servers
    from sila_daemon.store.space_store import SpaceStore

PROTOCOL = 2

_ENDS_WITHOUT_REASON = frozenset({RemoteUnavailableError.default_code, TOO_LARGE})
"""Codes of connections that may have ended because of what was under way."""


class RemoteLayer:
    """Mirrors one space to one server. `run` works until cancelled."""

    def __init__(
        self,
        status: RemoteStatus,
        space_id: str,
        ports: MirrorPorts,
        settings: MirrorSettings,
        device: Device,
        store: SpaceStore,
        servers: Servers,
        intake: Intake,
        files: RemoteFiles,
        wakes: Wakes,
    ) -> None:
        self.status = status
        self._space_id = space_id
        self._ports = ports
        self._settings = settings
        self._device = device
        self._store = store
        self._servers = servers
        self._intake = intake
        self.files = files
        self._wakes = wakes
        self._back_off = BackOff(ports.randomness, settings.retry_delay_s_max)
        self._history = SendingHistory(
            BackOff(ports.randomness, settings.retry_delay_s_max), Suspects()
        )
        self._debts = DebtCount(status, store)
        self._checks = Checks()
        self._quarantine = Quarantine(store.database)
        self._session: RemoteSession | OriginalSession | None = None
        self._hurry = asyncio.Event()
        self._state_rung = asyncio.Event()
        """Whoever waits for a state waits for this; each ring takes another one's place."""
        self._attempts = 0
        self._last_was_token_trouble = False
        self._last_error: SilaError | None = None
        self._transients: asyncio.Queue[tuple[str, list[Op]]] = asyncio.Queue(64)

    async def run(self) -> None:
        """Connects again and again; between attempts it waits longer and longer."""
        unlisten = self._wakes.listen(self._rung)
        try:
            await self._load_facts()
            while True:
                error = await self._attempt()
                await self._rest(error)
        finally:
            unlisten()
            self._set(RemoteState.OFFLINE, "stopped")

    async def sync_now(self) -> None:
        """Returns when both sides are equal, or as equal as an original server lets one know.

        Raises RemoteError when that cannot be reached, ProblemError when only a person can help.
        """
        attempt = self._attempts
        self._hurry.set()
        if self.status.is_original:
            self.offer_again()
        while not (self.status.is_current or self.status.is_all_seen):
            if self._attempts > attempt and self._last_error is not None:
                raise self._last_error
            if self._is_stuck():
                raise ProblemError(
                    f"{self.status.url}: {self.status.public_reason}", code="needs_you"
                )
            await self._state_rung.wait()

    def added(self, count: int) -> None:
        """Notes debts that were just committed, until they are counted."""
        self._debts.added(count, int(self._ports.clock.time() * 1000))

    def offer_transients(self, transients: Iterable[TreeOp]) -> None:
        """Passes on live state, or drops it: it is stale soon."""
        by_tree: dict[str, list[Op]] = {}
        for tree_id, op in transients:
            by_tree.setdefault(tree_id, []).append(op)
        for entry in by_tree.items():
            if not self._transients.full():
                self._transients.put_nowait(entry)

    def _is_stuck(self) -> bool:
        """Whether the connection is well, and something will still never be equal."""
        status = self.status
        if status.is_original and 0 < status.pending_ops == status.given_up_ops:
            return True
        return status.state is RemoteState.LIVE and status.public_state == "needs_you"

    def _rung(self, news: News) -> None:
        if news is News.OPS and self._session is not None:
            self._session.pusher.wake()
        if news is News.STATE:
            self._state_rung.set()
            self._state_rung = asyncio.Event()
        self.files.rung(news)

    async def _load_facts(self) -> None:
        facts = await self._servers.facts(self.status.url)
        self.status.head = facts.cursor.seq if facts.cursor else 0
        self.status.last_ack_ms = facts.acknowledged_ms
        self.status.protocol = facts.protocol
        await self.count_debt()
        await self.files.count_debt()

    async def count_debt(self) -> None:
        """Counts the ops that the server is owed."""
        await self._debts.count()

    async def _attempt(self) -> SilaError:
        """Works with the server until something ends it; returns what did."""
        self._set(RemoteState.CONNECTING, "")
        try:
            await apart(self._work())
        except SilaError as error:
            return await self._look_for_cause(error)
        finally:
            self._session = None
            self.status.are_files_equal = False
            self._debts.sights = None
            self.status.heard_ops = 0
        return RemoteUnavailableError("the connection ended")

    async def _look_for_cause(self, error: SilaError) -> SilaError:
        """Has what was under way suspected when a connection ended without a reason."""
        if self._session is not None and error.code in _ENDS_WITHOUT_REASON:
            found = self._session.pusher.failed()
            now_ms = int(self._ports.clock.time() * 1000)
            try:
                await self._quarantine.refuse(self.status.url, found, now_ms)
                if self.status.is_original:
                    await self.count_debt()
            except StorageError as failure:
                return failure
            self.status.refused_ops += len(found)
        return error

    async def retry(self) -> tuple[int, int]:
        """Offers again what the server refused, and reads again what was set aside.

        Returns how many ops are offered, and how many can be read now. Raises StorageError.
        """
        url = self.status.url
        released = await self._quarantine.release(url)
        again = await Sightings(self._store.database, url).send_anew()
        for refusal in released:
            if refusal.code == ENDS_CONNECTION:
                # It goes alone, and one more failure will do.
                self._history.suspects.suspect([refusal.seq], FAILURES_ALONE - 1)
        read_count = await read_again(url, self._quarantine, self._intake)
        await self.count_debt()
        self.offer_again()
        self._hurry.set()
        self._wakes.ring(News.STATE)
        return len(released) + again, read_count

    def offer_again(self) -> None:
        """Has everything that is owed offered from its beginning, if there is a connection."""
        if self._session is not None:
            self._session.offer_again()

    async def _work(self) -> None:
        url = self.status.url
        token = await self._ports.tokens.access_token(url)
        device = {
            "id": self._device.id,
            "name": self._device.name,
            "platform": self._device.platform,
        }
        auth: dict[str, Any] = {"token": token, "protocol": PROTOCOL, "device": device}
        try:
            connection = await self._ports.connector.connect(url, self._space_id, auth)
        except SignInNeededError:
            await self._ports.tokens.refused(url)
            raise
        try:
            self._session = await self._new_session(connection)
            async with asyncio.TaskGroup() as group:
                group.create_task(self._session.run(), name=f"session {url}")
                group.create_task(self._with_the_session(), name=f"files {url}")
                group.create_task(self._pass_on(self._session), name=f"transients {url}")
        finally:
            await connection.close()

    async def _new_session(self, connection: Connection) -> RemoteSession | OriginalSession:
        """Has the server introduce itself, and speaks to it as its kind understands."""
        url, ports = self.status.url, self._ports
        ready = await greeting(connection)
        facts = await self._servers.facts(url)
        check_identity(ready, facts, self._space_id)
        if facts.protocol != ready.protocol:
            await self._servers.set_protocol(url, ready.protocol)
        self.status.protocol = ready.protocol
        if ready.protocol == ORIGINAL:
            self.status.head = self.status.server_head = 0
            self.status.files_reason = ""
            return OriginalSession(
                url,
                self._space_id,
                connection,
                self._intake,
                self._store,
                self.status,
                self._debts,
                self._wakes,
                ports.clock,
                ports.workers,
                self._history.suspects,
                self._checks,
                self._settings,
            )
        self.status.unconfirmed_ops = self.status.given_up_ops = 0
        return RemoteSession(
            url,
            ready,
            connection,
            self._intake,
            self._store,
            self._servers,
            self.status,
            self._debts,
            self._wakes,
            ports.clock,
            ports.workers,
            self._history,
            self.files.secrets_changed,
            self.files.downloads.told,
        )

    async def _with_the_session(self) -> None:
        while self.status.state is not RemoteState.LIVE:
            await self._state_rung.wait()
        self._back_off.reset()
        if not self.status.is_original:
            await self.files.run()

    async def _pass_on(self, session: RemoteSession | OriginalSession) -> None:
        while not self._transients.empty():
            self._transients.get_nowait()  # From before this connection: stale.
        while True:
            tree_id, ops = await self._transients.get()
            await session.pass_on(tree_id, ops)

    async def _rest(self, error: SilaError) -> None:
        """Says what ended the attempt, and waits: longest where only a person can help."""
        is_token_trouble = isinstance(error, SignInNeededError) or error.code == "auth_expired"
        if error.code == "auth_expired":
            await self._ports.tokens.refused(self.status.url)
        state, delay_s = RemoteState.OFFLINE, self._back_off.next_s()
        if isinstance(error, StorageError):
            state = RemoteState.FAILING
        elif isinstance(error, SignInNeededError) and self._last_was_token_trouble:
            state, delay_s = RemoteState.NEEDS_YOU, self._back_off.longest_s()
        elif isinstance(error, RemoteRefusedError | FormatError) or not isinstance(
            error, RemoteError
        ):
            state, delay_s = RemoteState.NEEDS_YOU, self._back_off.longest_s()
        self._last_was_token_trouble = is_token_trouble
        self.status.retry_at = self._ports.clock.time() + delay_s
        self._attempts += 1
        self._last_error = error
        self._set(state, error.message)
        try:
            async with asyncio.timeout(delay_s):
                await self._hurry.wait()
        except TimeoutError:
            pass
        self._hurry.clear()
        self.status.retry_at = None

    def _set(self, state: RemoteState, reason: str) -> None:
        self.status.state, self.status.reason = state, reason
        self._wakes.ring(News.STATE)
