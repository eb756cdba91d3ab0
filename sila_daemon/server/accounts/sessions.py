"""Sessions: one for each signed-in device, and one for each token that was made by hand.

Every access token names its session, and nothing is accepted of a session that is gone; whoever
must hear of an end at once (open connections) registers with `on_end`. Of a refresh token only
hashes are stored, of the newest and of the one before it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import NotFoundError, SignInNeededError
from sila_daemon.ports.randomness import Randomness, new_id
from sila_daemon.server.accounts.platform import User, user_where
from sila_daemon.server.accounts.session_info import Device, SessionInfo, SignedIn
from sila_daemon.server.accounts.tokens import Claims, Tokens, parse_refresh, token_hash

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.ports.clock import Clock
    from sila_daemon.server.accounts.audit import Audit

ACCESS_SECONDS = 3600
SESSION_SECONDS = 90 * 86_400
"""How long a device stays signed in that never asks."""

SESSIONS_MAX = 200
"""Of one user; beyond it the one that was not seen for longest ends."""

SEEN_MAX = 10_000
"""Sessions whose last use is kept in memory before it is written."""


class Sessions:
    """Sessions in the platform's database."""

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        clock: Clock,
        randomness: Randomness,
        audit: Audit,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._clock = clock
        self._randomness = randomness
        self._audit = audit
        self._listeners: list[Callable[[str, str], None]] = []
        self._seen: dict[str, tuple[int, str]] = {}
        self.access_seconds = ACCESS_SECONDS
        """How long access tokens are good that are given out from now on."""

    def on_end(self, listener: Callable[[str, str], None]) -> None:
        """Calls `listener` with the id of every session that ends before its time, and why."""
        self._listeners.append(listener)

    async def begin(
        self, user: User, device: Device, *, session_id: str = "", seed: str | None = None
    ) -> SignedIn:
        """Signs a device in. From a secret `seed` the first refresh token is always the same."""
        session_id = session_id or new_id(self._randomness)
        refresh = self._tokens.first_refresh(session_id, seed)
        await self._add(session_id, user, device, SESSION_SECONDS, token_hash(refresh))
        return self._signed(user, session_id, refresh)

    def _signed(self, user: User, session_id: str, refresh: str) -> SignedIn:
        seconds = self.access_seconds
        access = self._tokens.access(user.id, user.email, session_id, seconds)
        return SignedIn(user, access, refresh, seconds)

    async def make_token(self, user: User, seconds: int) -> str:
        """Makes a token by hand, with a session of its own."""
        session_id, device = new_id(self._randomness), Device(name="made by user token")
        await self._add(session_id, user, device, seconds, None)
        return self._tokens.access(user.id, user.email, session_id, seconds)

    async def _add(
        self, session_id: str, user: User, device: Device, seconds: int, refresh: bytes | None
    ) -> None:
        now = self._now_ms()
        row = (
            session_id, user.id, device.id, device.name, device.platform, device.address, now,
            now + seconds * 1000, "token" if refresh is None else "device", now, refresh,
        )  # fmt: skip

        def work(connection: apsw.Connection) -> list[str]:
            connection.execute(
                "INSERT INTO sessions (id, user_id, device_id, device_name, platform, address,"
                " created_at, expires_at, kind, last_seen_at, refresh_hash, generation)"
                " VALUES (?,?,?,?,?,?,?,?,?,?,?,0)",
                row,
            )
            return end_sessions(
                connection,
                "id IN (SELECT id FROM sessions WHERE user_id = ?"
                " ORDER BY last_seen_at DESC, created_at DESC LIMIT -1 OFFSET ?)",
                (user.id, SESSIONS_MAX),
            )

        self.tell_ended(await self._database.write(work))

    async def check(self, token: object, address: str = "") -> tuple[User, Claims]:
        """Returns whose token this is. Raises SignInNeededError."""
        claims = self._tokens.check(token)
        now = self._now_ms()

        def work(connection: apsw.Connection) -> User | None:
            row = connection.execute(
                "SELECT user_id FROM sessions WHERE id = ? AND expires_at > ?",
                (claims.session_id, now),
            ).fetchone()
            if row is None or row[0] != claims.user_id:
                return None
            return user_where(connection, "id = ?", claims.user_id)

        user = await self._database.read(work)
        if user is None or not user.is_active:
            raise SignInNeededError("signed out", code="revoked")
        self._notice(claims.session_id, now, address)
        return user, claims

    async def refresh(self, token: object, address: str = "") -> SignedIn:
        """Exchanges a refresh token for new tokens. Raises SignInNeededError.

        The token before the newest stays good until the newest is used, and gives the same
        successor each time; an older one ends the session, since somebody else must have it.
        A valid access token is accepted too, for clients of the original, and extended.
        """
        given = parse_refresh(token)
        if given is None:
            return await self._extend(token, address)
        hashed, successor = token_hash(given.text), self._tokens.next_refresh(given)
        assert successor is not None
        key_id, now = self._tokens.refresh_key_id, self._now_ms()
        is_ours = self._tokens.is_of_ours(given)

        def work(connection: apsw.Connection) -> tuple[User | None, str | None, list[str]]:
            """Returns who it is, the key of a successor made before, and what ended."""
            row = connection.execute(
                "SELECT user_id, generation, refresh_hash, previous_hash, refresh_key FROM sessions"
                " WHERE id = ? AND expires_at > ?",
                (given.session_id, now),
            ).fetchone()
            if row is None:
                return None, None, []
            user_id, newest, newest_hash, previous_hash, made_with = row
            user = user_where(connection, "id = ?", user_id)
            if hashed == newest_hash:
                connection.execute(
                    "UPDATE sessions SET generation = ?, refresh_hash = ?, previous_hash = ?,"
                    " refresh_key = ?, expires_at = ? WHERE id = ?",
                    (
                        newest + 1, token_hash(successor), hashed, key_id,
                        now + SESSION_SECONDS * 1000, given.session_id,
                    ),
                )  # fmt: skip
                return user, key_id, []
            if hashed == previous_hash:
                return user, made_with, []
            if is_ours and given.generation < newest:
                return user, None, end_sessions(connection, "id = ?", (given.session_id,))
            return None, None, []

        user, made_with, ended = await self._database.write(work)
        if ended and user is not None:
            self._audit.note("refresh_token_reused", user_id=user.id, address=address)
            self.tell_ended(ended)
        again = None if made_with is None else self._tokens.next_refresh(given, made_with)
        if user is None or not user.is_active or again is None:
            raise SignInNeededError("the refresh token is not valid", code="bad_token")
        self._notice(given.session_id, now, address)
        return self._signed(user, given.session_id, again)

    async def first_again(self, session_id: str, seed: str) -> SignedIn | None:
        """Gives the first tokens of a session again, whose answer may have been lost.

        None when the first refresh token has been used, or the session is over.
        """
        refresh = self._tokens.first_refresh(session_id, seed)
        hashed = token_hash(refresh)

        def work(connection: apsw.Connection) -> User | None:
            row = connection.execute(
                "SELECT user_id FROM sessions WHERE id = ? AND refresh_hash = ?",
                (session_id, hashed),
            ).fetchone()
            return None if row is None else user_where(connection, "id = ?", row[0])

        user = await self._database.read(work)
        return None if user is None else self._signed(user, session_id, refresh)

    async def _extend(self, token: object, address: str) -> SignedIn:
        user, claims = await self.check(token, address)
        seconds = claims.expires_at - claims.issued_at
        until = self._now_ms() + seconds * 1000
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE sessions SET expires_at = max(expires_at, ?) WHERE id = ?",
                (until, claims.session_id),
            )
        )
        access = self._tokens.access(user.id, user.email, claims.session_id, seconds)
        return SignedIn(user, access, access, seconds)

    async def of_user(self, user_id: str) -> list[SessionInfo]:
        """Returns the sessions of a user, the one seen last first."""
        await self.write_seen()
        now = self._now_ms()
        return await self._database.read(
            lambda connection: [
                SessionInfo(*row)
                for row in connection.execute(
                    "SELECT id, kind, device_name, platform, address, created_at, last_seen_at,"
                    " expires_at FROM sessions WHERE user_id = ? AND expires_at > ?"
                    " ORDER BY last_seen_at DESC, id",
                    (user_id, now),
                )
            ]
        )

    async def end(self, user_id: str, session_id: str) -> None:
        """Ends one session of a user. Raises NotFoundError."""
        ended = await self._database.write(
            lambda connection: end_sessions(
                connection, "user_id = ? AND id = ?", (user_id, session_id)
            )
        )
        if not ended:
            raise NotFoundError("there is no such session")
        self.tell_ended(ended)

    async def end_all(self) -> None:
        """Ends every session there is."""
        self.tell_ended(
            await self._database.write(lambda connection: end_sessions(connection, "1", ()))
        )

    async def last_expiry(self) -> int:
        """Returns when the last access token that was given out has expired: Unix seconds."""
        rows = await self._database.read(
            lambda connection: connection.execute(
                "SELECT max(expires_at) FROM sessions WHERE kind = 'token'"
            ).fetchall()
        )
        # A session that began as a device's gives tokens for longer only when those of an
        # original client are extended, and these are good for an hour too.
        by_hand = int(rows[0][0] or 0) // 1000 + 1
        return max(by_hand, int(self._clock.time()) + ACCESS_SECONDS + 1)

    def tell_ended(self, session_ids: Sequence[str], code: str = "revoked") -> None:
        """Tells whoever listens that sessions are over; they must be gone from the database."""
        for session_id in session_ids:
            self._seen.pop(session_id, None)
            for listener in self._listeners:
                listener(session_id, code)

    def _notice(self, session_id: str, now: int, address: str) -> None:
        known = self._seen.get(session_id)
        if known is not None or len(self._seen) < SEEN_MAX:
            self._seen[session_id] = (now, address or (known[1] if known else ""))

    def see(self, session_ids: Iterable[str]) -> None:
        """Takes note that these sessions are connected now."""
        now = self._now_ms()
        for session_id in session_ids:
            self._notice(session_id, now, "")

    async def write_seen(self) -> None:
        """Writes when sessions were seen last; called now and then, not at every request."""
        rows = [(at, address, sid) for sid, (at, address) in self._seen.items()]
        if not rows:
            return
        self._seen = {}
        await self._database.write(
            lambda connection: connection.executemany(
                "UPDATE sessions SET last_seen_at = ?1,"
                " address = CASE ?2 WHEN '' THEN address ELSE ?2 END WHERE id = ?3",
                rows,
            )
        )

    async def remove_expired(self) -> None:
        """Removes sessions whose time is over."""
        now = self._now_ms()
        await self._database.write(
            lambda connection: connection.execute(
                "DELETE FROM sessions WHERE expires_at <= ?", (now,)
            )
        )

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)


def end_sessions(connection: apsw.Connection, condition: str, values: Sequence[Any]) -> list[str]:
    """Ends sessions in the transaction of the caller, who then calls `tell_ended`."""
    return [
        str(row[0])
        for row in connection.execute(
            f"DELETE FROM sessions WHERE {condition} RETURNING id", values
        )
    ]
