"""Users and their sessions: who signs in, with which tokens, and for how long.

A session is one signed-in device, or one token made by hand. Every access token names its
session, and nothing is accepted of a session that is gone; whoever must hear of an end at once
(open connections) registers with `on_session_end`.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from sila_daemon.core.errors import NotFoundError, ProtectionError, SignInNeededError, UsageError
from sila_daemon.ports.randomness import Randomness, new_id
from sila_daemon.server.platform import User, user_where
from sila_daemon.server.tokens import Claims, Tokens, token_hash

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.ports.clock import Clock
    from sila_daemon.server.passwords import Passwords

ACCESS_SECONDS = 3600
SESSION_SECONDS = 90 * 86_400
_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}\Z")


@dataclass(frozen=True, slots=True)
class Device:
    """Where somebody signs in, as the client tells it."""

    id: str = ""
    name: str = ""
    platform: str = ""
    address: str = ""

    @classmethod
    def from_json(cls, data: object, address: str) -> Device:
        """Takes what is there of a device object; lengths are bounded."""
        known = data if isinstance(data, dict) else {}
        texts = [str(known.get(name, ""))[:100] for name in ("id", "name", "platform")]
        device_id, name, platform = (text.encode(errors="replace").decode() for text in texts)
        return cls(device_id, name, platform, address)


@dataclass(frozen=True, slots=True)
class SignedIn:
    """The tokens of a session."""

    user: User
    access_token: str
    refresh_token: str
    expires_in: int

    def to_json(self) -> dict[str, Any]:
        """Renders the tokens as the routes of part 1 do."""
        return {
            "ok": True,
            "access_token": self.access_token,
            "refresh_token": self.refresh_token,
            "expires_in": self.expires_in,
        }


class Accounts:
    """Users and sessions in the platform's database."""

    def __init__(
        self,
        database: Database,
        tokens: Tokens,
        passwords: Passwords,
        clock: Clock,
        randomness: Randomness,
    ) -> None:
        self._database = database
        self._tokens = tokens
        self._passwords = passwords
        self._clock = clock
        self._randomness = randomness
        self._listeners: list[Callable[[str], None]] = []

    def on_session_end(self, listener: Callable[[str], None]) -> None:
        """Calls `listener` with the id of every session that ends before its time."""
        self._listeners.append(listener)

    async def add_user(self, email: str, password: str | None, *, is_admin: bool = False) -> User:
        """Adds an account. Raises UsageError, ProtectionError (the address is taken)."""
        address = checked_email(email)
        hashed = None if password is None else await self._passwords.hash(password)
        user = User(new_id(self._randomness), address, is_admin, self._now_ms())

        def work(connection: apsw.Connection) -> None:
            if user_where(connection, "email = ?", address) is not None:
                raise ProtectionError(f"{address} has an account already", code="taken")
            connection.execute(
                "INSERT INTO users VALUES (?,?,?,?,?)",
                (user.id, address, hashed, int(is_admin), user.created_at),
            )

        await self._database.write(work)
        return user

    async def users(self) -> list[User]:
        """Returns all accounts by address."""
        return await self._database.read(
            lambda connection: [
                User(row[0], row[1], bool(row[2]), row[3])
                for row in connection.execute(
                    "SELECT id, email, is_admin, created_at FROM users ORDER BY email"
                )
            ]
        )

    async def user_by_email(self, email: str) -> User:
        """Finds an account. Raises NotFoundError."""
        address = _storable(email)
        user = await self._database.read(
            lambda connection: user_where(connection, "email = ?", address)
        )
        if user is None:
            raise NotFoundError(f"there is no account for {address}")
        return user

    async def set_password(self, email: str, password: str) -> User:
        """Sets a password and ends all sessions of the account. Raises NotFoundError."""
        user = await self.user_by_email(email)
        hashed = await self._passwords.hash(password)

        def work(connection: apsw.Connection) -> list[str]:
            connection.execute("UPDATE users SET password = ? WHERE id = ?", (hashed, user.id))
            return _end_sessions(connection, "user_id = ?", user.id)

        self._tell(await self._database.write(work))
        return user

    async def log_in(self, email: object, password: object, device: Device) -> SignedIn:
        """Signs in. Raises SignInNeededError; an unknown account takes as long as a known one."""
        if not isinstance(email, str) or not isinstance(password, str):
            raise SignInNeededError("wrong address or password", code="bad_login")
        address = _storable(email)

        def find(connection: apsw.Connection) -> tuple[User | None, str | None]:
            row = connection.execute(
                "SELECT password FROM users WHERE email = ?", (address,)
            ).fetchone()
            return user_where(connection, "email = ?", address), row[0] if row else None

        user, stored = await self._database.read(find)
        if not await self._passwords.matches(stored, password) or user is None:
            raise SignInNeededError("wrong address or password", code="bad_login")
        return await self._begin_session(user, device)

    async def _begin_session(self, user: User, device: Device) -> SignedIn:
        session_id = await self._add_session(user, device, SESSION_SECONDS)
        refresh = self._tokens.first_refresh(session_id)
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT INTO refresh_tokens VALUES (?,?,0)", (token_hash(refresh), session_id)
            )
        )
        access = self._tokens.access(user.id, user.email, session_id, ACCESS_SECONDS)
        return SignedIn(user, access, refresh, ACCESS_SECONDS)

    async def _add_session(self, user: User, device: Device, seconds: int) -> str:
        session_id, now = new_id(self._randomness), self._now_ms()
        row = (
            session_id, user.id, device.id, device.name, device.platform, device.address,
            now, now + seconds * 1000, 0,
        )  # fmt: skip
        await self._database.write(
            lambda connection: connection.execute(
                "INSERT INTO sessions VALUES (?,?,?,?,?,?,?,?,?)", row
            )
        )
        return session_id

    async def make_token(self, email: str, days: int) -> str:
        """Makes a token by hand, with a session of its own. Raises NotFoundError, UsageError."""
        if not 1 <= days <= 3650:
            raise UsageError("a token is good for 1 to 3650 days")
        user = await self.user_by_email(email)
        device = Device(name="made by user token")
        session_id = await self._add_session(user, device, days * 86_400)
        return self._tokens.access(user.id, user.email, session_id, days * 86_400)

    async def check(self, token: object) -> tuple[User, Claims]:
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
        if user is None:
            raise SignInNeededError("signed out", code="revoked")
        return user, claims

    async def refresh(self, token: object) -> SignedIn:
        """Exchanges a refresh token for new tokens. Raises SignInNeededError.

        The token before the newest stays good until the newest is used, and gives the same
        successor each time; an older one ends the session, since somebody else must have it.
        A valid access token is accepted too, for clients of the original, and extended.
        """
        if not isinstance(token, str) or not token.startswith("srt_") or len(token) > 200:
            return await self._extend(token)
        hashed, successor = token_hash(token), self._tokens.next_refresh(token)
        now = self._now_ms()

        def work(connection: apsw.Connection) -> tuple[User | None, str, list[str]]:
            row = connection.execute(
                "SELECT s.id, s.user_id, s.generation, t.generation FROM refresh_tokens t"
                " JOIN sessions s ON s.id = t.session_id WHERE t.hash = ? AND s.expires_at > ?",
                (hashed, now),
            ).fetchone()
            if row is None:
                return None, "", []
            session_id, user_id, newest, mine = row
            if mine < newest - 1:
                return None, "", _end_sessions(connection, "id = ?", session_id)
            if mine == newest:
                connection.execute(
                    "INSERT INTO refresh_tokens VALUES (?,?,?)",
                    (token_hash(successor), session_id, newest + 1),
                )
                connection.execute(
                    "UPDATE sessions SET generation = ?, expires_at = ? WHERE id = ?",
                    (newest + 1, now + SESSION_SECONDS * 1000, session_id),
                )
            return user_where(connection, "id = ?", user_id), session_id, []

        user, session_id, ended = await self._database.write(work)
        self._tell(ended)
        if user is None:
            raise SignInNeededError("the refresh token is not valid", code="bad_token")
        access = self._tokens.access(user.id, user.email, session_id, ACCESS_SECONDS)
        return SignedIn(user, access, successor, ACCESS_SECONDS)

    async def _extend(self, token: object) -> SignedIn:
        user, claims = await self.check(token)
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

    async def log_out(self, session_id: str) -> None:
        """Ends one session."""
        self._tell(
            await self._database.write(
                lambda connection: _end_sessions(connection, "id = ?", session_id)
            )
        )

    def _tell(self, session_ids: list[str]) -> None:
        for session_id in session_ids:
            for listener in self._listeners:
                listener(session_id)

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)


def _storable(email: str) -> str:
    """Returns an address as it is looked up, whatever characters it has."""
    return email.strip().lower().encode(errors="replace").decode()


def checked_email(email: str) -> str:
    """Returns an address in lower case. Raises UsageError."""
    address = email.strip().lower()
    if not _EMAIL.match(address) or not address.isprintable():
        raise UsageError("not an e-mail address", code="bad_email")
    return address


def _end_sessions(connection: apsw.Connection, condition: str, value: str) -> list[str]:
    return [
        str(row[0])
        for row in connection.execute(
            f"DELETE FROM sessions WHERE {condition} RETURNING id", (value,)
        )
    ]
