"""Who may hear and change what since when, and what reached whom all the same.

Stands at the wires: what a server lets out is held against what its people decided, which is
known here from those who decided it, never from the server.
"""

from __future__ import annotations

import json
import math
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, NamedTuple

from sila_daemon.core.errors import SilaError
from tests.simulation.device import SPACE
from tests.simulation.ports import START_UNIX_S
from tests.simulation.record import ViolationError
from tests.simulation.sign_in import claims_of

if TYPE_CHECKING:
    from sila_daemon.credentials.account import Account
    from sila_daemon.server.spaces.frames import Frame
    from tests.simulation.device import SimDevice
    from tests.simulation.record import Record
    from tests.simulation.server import SimServer

GRACE_S = 1.0
"""How long something may still get through after a right was taken away."""

UNKNOWN = "unknown"
"""The role while it is being changed."""

WRITERS = ("owner", "editor", UNKNOWN)
FAREWELLS = ("auth:expired", "error")


class Identity(NamedTuple):
    """Who is at the other end of a connection or request, as the token says."""

    server: str
    email: str
    session: str
    expires_at: float
    """Virtual seconds."""


class Window(NamedTuple):
    """A time in which nothing may be accepted of somebody on a server."""

    server: str
    email: str
    begin: float
    end: float


@dataclass(slots=True)
class _Standing:
    role: str | None
    since: float
    promises: int
    """How many changes somebody had been promised by then."""


def _identity(server: SimServer, token: object) -> Identity:
    claims = claims_of(token) if isinstance(token, str) else {}
    ends = float(claims.get("exp", 0)) - START_UNIX_S - server.clock.offset_s
    return Identity(server.name, str(claims.get("email")), str(claims.get("sid")), ends)


class Rights:
    """The rights in the one space on every server."""

    def __init__(self, now: Callable[[], float], record: Record) -> None:
        self.violations: list[str] = []
        self.ended_sessions: dict[str, float] = {}
        self.forgetful: dict[str, float] = {}
        """Servers whose data went back in time, with when it last did: what they know of people
        is not what was said."""
        self._now = now
        self._record = record
        self._standings: dict[tuple[str, str], _Standing] = {}
        self._windows: list[Window] = []

    async def set_role(self, server: SimServer, email: str, role: str | None) -> None:
        """Changes somebody's role, or takes it away; nothing happens while the server is down."""
        if not server.is_listening:
            return
        self._close_window(server.name, email)
        self._note(server.name, email, UNKNOWN)
        with suppress(SilaError):
            await server.set_role(email, SPACE, role)
            self._note(server.name, email, role)

    async def end_session(self, server: SimServer, email: str, session: str) -> None:
        """Ends one session; nothing happens while the server is down."""
        self.ended_sessions.setdefault(session, math.inf)
        with suppress(SilaError):
            await server.end_session(email, session)
            self.ended_sessions[session] = min(self.ended_sessions[session], self._now())

    def forget(self, server: SimServer) -> None:
        """Takes note that a server's data went back in time."""
        self.forgetful[server.name] = self._now()
        for (name, email), standing in self._standings.items():
            if name == server.name:
                self._close_window(name, email)
                standing.role = UNKNOWN

    def role(self, server: str, email: str) -> str | None:
        """Returns the role that somebody was given."""
        standing = self._standings.get((server, email))
        return "editor" if standing is None else standing.role

    def lacks_right_since(self, server: str, email: str) -> tuple[float, int] | None:
        """Returns since when somebody may not write, and how much was promised to them then."""
        standing = self._standings.get((server, email))
        if standing is None or standing.role in WRITERS:
            return None
        return standing.since, standing.promises

    def _note(self, server: str, email: str, role: str | None) -> None:
        promises = len(self._record.said_by[email.partition("@")[0]])
        self._standings[server, email] = _Standing(role, self._now(), promises)

    def _close_window(self, server: str, email: str) -> None:
        lacking = self.lacks_right_since(server, email)
        if lacking is not None:
            self._windows.append(Window(server, email, lacking[0] + GRACE_S, self._now()))

    def _is_deaf(self, who: Identity, at: float) -> bool:
        """Tells whether nothing may reach somebody any more."""
        ended = self.ended_sessions.get(who.session, math.inf)
        if at > ended + GRACE_S and ended >= self.forgetful.get(who.server, ended):
            return True
        standing = self._standings.get((who.server, who.email))
        is_out = standing is not None and standing.role is None and at > standing.since + GRACE_S
        return is_out or at > who.expires_at + GRACE_S

    def watch(self, server: SimServer, token: object) -> Callable[[Frame], None]:
        """Returns what takes note of the frames that a server lets out on one connection."""
        who = _identity(server, token)

        def heard(frame: Frame) -> None:
            if not self._is_deaf(who, self._now()):
                return
            said = json.loads(frame.text)
            is_answer = frame.ack_id is not None
            is_refusal = is_answer and said[0].get("ok") is False
            if not is_refusal and (is_answer or said[0] not in FAREWELLS):
                what = "an answer" if is_answer else said[0]
                self._violated(f"{who.email} has no right on {who.server} and hears {what}")

        return heard

    def answered(
        self, server: SimServer, token: str, request: str, status: int, asked: float
    ) -> None:
        """Takes note of the answer to a request that reached a server at `asked`."""
        if status >= 400 or f" /spaces/{SPACE}" not in request:
            return
        who = _identity(server, token)
        if self._is_deaf(who, asked):
            self._violated(f"{who.email} has no right on {who.server}: {request} {status}")
        lacking = self.lacks_right_since(who.server, who.email)
        if request.startswith("PUT") and lacking is not None and asked > lacking[0] + GRACE_S:
            self._violated(f"{who.email} may not write on {who.server}: {request} {status}")

    def check_claim(self, device: SimDevice) -> None:
        """Requires that a mirror whose changes a server does not take is not called current."""
        if device.mirror is None or device.mirror.status()["state"] != "current":
            return
        for (server, email), standing in self._standings.items():
            if email != device.email or standing.role in WRITERS:
                continue
            # A viewer may hear its own change from there: somebody else brought it, who had it
            # over another server or in a folder that both share.
            has_another_way = len(device.server_urls) > 1 or device.shares_folder
            is_told = standing.role is not None and has_another_way
            if not is_told and self._record.promises_since(device.name, standing.promises):
                raise ViolationError(f"{device.name} says current, and {server} takes nothing")

    def check_account(self, server: SimServer, account: Account | None) -> bool:
        """Tells whether somebody must sign in again.

        Raises ViolationError when nobody ended the session.
        """
        if account is None:
            return True
        is_ended = str(claims_of(account.access).get("sid")) in self.ended_sessions
        if account.sign_in_needed and not is_ended and server.name not in self.forgetful:
            raise ViolationError(f"signed out of {server.name}: {account.sign_in_needed}")
        # What was refreshed since the backup was made is known to the server no more.
        return is_ended or bool(account.sign_in_needed) or server.name in self.forgetful

    def _violated(self, what: str) -> None:
        self.violations.append(f"{self._now():.3f} {what}")

    def check(self) -> None:
        """Raises ViolationError for anything that should not have been heard or taken."""
        if self.violations:
            raise ViolationError(self.violations[0])

    async def check_commits(self, server: SimServer) -> None:
        """Holds what a server committed against who might write when. Raises ViolationError."""
        if server.name in self.forgetful:
            return
        for name, email in self._standings:
            self._close_window(name, email)
        windows = [window for window in self._windows if window.server == server.name]
        if not windows:
            return
        for email, at in await server.commits(SPACE):
            for window in windows:
                # Servers note whole milliseconds.
                if email == window.email and window.begin < at < window.end - 0.001:
                    raise ViolationError(f"{server.name} took ops of {email} at {at}: {window}")
