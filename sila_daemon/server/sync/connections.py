"""The living connections of one server: who is let in, and what happens when rights change."""

from __future__ import annotations

from typing import TYPE_CHECKING

from sila_daemon.core.errors import SignInNeededError
from sila_daemon.server.accounts.grants import Grant
from sila_daemon.server.spaces.frames import Peer, event
from sila_daemon.server.sync.gate import Knock, RefusedError
from sila_daemon.server.sync.presence import introduced
from sila_daemon.server.sync.session import Hello, SpaceSession

if TYPE_CHECKING:
    from sila_daemon.ports.randomness import Randomness
    from sila_daemon.server.accounts.audit import Audit
    from sila_daemon.server.accounts.directory import Directory
    from sila_daemon.server.accounts.users import Accounts
    from sila_daemon.server.spaces.open_spaces import Spaces
    from sila_daemon.server.sync.session_site import SessionSite


class Connections:
    """Lets clients in, and keeps their grants as sessions and members change."""

    def __init__(
        self,
        accounts: Accounts,
        directory: Directory,
        spaces: Spaces,
        site: SessionSite,
        randomness: Randomness,
        audit: Audit,
    ) -> None:
        self._accounts = accounts
        self._directory = directory
        self._spaces = spaces
        self._site = site
        self._randomness = randomness
        self._audit = audit
        self.living: dict[SpaceSession, str] = {}
        """The space of each living connection."""
        accounts.sessions.on_end(self._session_ends)
        directory.on_change(self._spaces_changed)

    async def see(self) -> None:
        """Writes when sessions were seen last: those of living connections are seen now."""
        sessions = self._accounts.sessions
        sessions.see(session.grant.session_id for session in self.living)
        await sessions.write_seen()

    async def admit(self, knock: Knock, peer: Peer) -> SpaceSession:
        """Lets a client into a space. Raises RefusedError with the protocol's message."""
        traffic = self._site.traffic
        if traffic.stranger_wait(knock.address):
            raise RefusedError("rate_limited")
        auth = knock.auth if isinstance(knock.auth, dict) else {}
        grant = await self._grant(auth.get("token"), knock.space_id, knock.address)
        if traffic.connection_wait(grant.user_id, knock.space_id, knock.address):
            raise RefusedError("rate_limited")
        protocol = 2 if auth.get("protocol") == 2 else 1
        sender = f"{grant.user_id}/{grant.session_id}/{self._randomness.token(8).hex()}"
        space = await self._spaces.acquire(knock.space_id)
        device = introduced(auth, grant.user_id) if protocol >= 2 else None
        hello = Hello(grant, sender, protocol, knock.address, device)
        session = SpaceSession(space.hub, peer, hello, self._site)

        def leave() -> None:
            if self.living.pop(session, None) is not None:
                self._spaces.release(space)

        session.on_leave(leave)
        self.living[session] = knock.space_id
        try:
            # Once more, now that changes reach the session: one may have come in between.
            grant.role = (await self._grant(auth.get("token"), knock.space_id, knock.address)).role
        except BaseException:
            leave()
            raise
        self._audit.note_now_and_then(
            "space_opened", user_id=grant.user_id, space_id=knock.space_id, address=knock.address
        )
        return session

    async def _grant(self, token: object, space_id: str, address: str) -> Grant:
        try:
            user, claims = await self._accounts.check(token, address)
        except SignInNeededError:
            raise RefusedError("unauthorized") from None
        info = await self._directory.find(space_id, user.id)
        if info is None:
            raise RefusedError("forbidden")
        return Grant(user.id, claims.session_id, info.role, claims.expires_at)

    def _session_ends(self, session_id: str, code: str) -> None:
        for session in list(self.living):
            if session.grant.session_id == session_id:
                session.grant.ended = code
                session.end(code)

    def _spaces_changed(self, space_id: str, roles: dict[str, str | None]) -> None:
        """Gives rights their new shape at once, and tells every connection of these users."""
        frame = event("spaces:changed", {})
        for session, joined in list(self.living.items()):
            grant = session.grant
            if grant.user_id not in roles:
                continue
            role = roles[grant.user_id]
            if joined != space_id:
                session.notify(frame)
            elif role is None:
                grant.ended = "not_permitted"
                session.end("not_permitted")
            else:
                grant.role = role
                session.notify(frame)
