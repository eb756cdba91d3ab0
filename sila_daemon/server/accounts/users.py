"""Users: who has an account, with which password, and who may sign in."""

from __future__ import annotations

import re
from typing import TYPE_CHECKING

from sila_daemon.core.errors import (
    NotFoundError,
    ProtectionError,
    RateLimitedError,
    RemoteRefusedError,
    SignInNeededError,
    UsageError,
)
from sila_daemon.ports.randomness import Randomness, new_id
from sila_daemon.server.accounts.login_limits import LoginLimits
from sila_daemon.server.accounts.passwords import checked_password, fitting_password
from sila_daemon.server.accounts.platform import USER_COLUMNS, User, user_of, user_where
from sila_daemon.server.accounts.sessions import Sessions, end_sessions

if TYPE_CHECKING:
    import apsw

    from sila_daemon.database.database import Database
    from sila_daemon.ports.clock import Clock
    from sila_daemon.server.accounts.audit import Audit
    from sila_daemon.server.accounts.passwords import Passwords
    from sila_daemon.server.accounts.session_info import Device, SignedIn
    from sila_daemon.server.accounts.tokens import Claims

_EMAIL = re.compile(r"[^@\s\x00-\x1f]{1,64}@[^@\s\x00-\x1f]{1,190}\Z")


class Accounts:
    """Users in the platform's database."""

    def __init__(
        self,
        database: Database,
        sessions: Sessions,
        passwords: Passwords,
        clock: Clock,
        randomness: Randomness,
        audit: Audit,
    ) -> None:
        self.sessions = sessions
        self.is_sign_up_open = False
        """Whether strangers may make accounts for themselves."""
        self._database = database
        self._passwords = passwords
        self._limits = LoginLimits(clock)
        self._clock = clock
        self._randomness = randomness
        self._audit = audit

    async def add_user(self, email: str, password: str | None, *, is_admin: bool = False) -> User:
        """Adds an account. Raises UsageError, ProtectionError (the address is taken)."""
        address = checked_email(email)
        hashed = None
        if password is not None:
            hashed = await self._passwords.hash(fitting_password(password))
        user = User(new_id(self._randomness), address, is_admin, self._now_ms())

        def work(connection: apsw.Connection) -> None:
            if user_where(connection, "email = ?", address) is not None:
                raise ProtectionError(f"{address} has an account already", code="taken")
            connection.execute(
                "INSERT INTO users (id, email, password, is_admin, created_at) VALUES (?,?,?,?,?)",
                (user.id, address, hashed, int(is_admin), user.created_at),
            )

        await self._database.write(work)
        self._audit.note("user_added", user_id=user.id, reason="admin" if is_admin else "")
        return user

    async def users(self) -> list[User]:
        """Returns all accounts by address, those too that wait for their final removal."""
        return await self._database.read(
            lambda connection: [
                user_of(row)
                for row in connection.execute(f"SELECT {USER_COLUMNS} FROM users ORDER BY email")
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
        """Sets a password and ends all sessions of the account.

        Raises NotFoundError, UsageError.
        """
        user = await self.user_by_email(email)
        await self._store_password(user, password, but="")
        return user

    async def change_password(
        self, user: User, session_id: str, old: object, new: object, address: str
    ) -> None:
        """Changes one's own password and ends all other sessions.

        Raises RemoteRefusedError when the old one is wrong, UsageError, RateLimitedError.
        """
        self._limits.take(user.email, address)
        stored = await self._stored_password(user.email)
        if not isinstance(old, str) or not await self._passwords.matches(stored, old):
            self._audit.note("password_refused", user_id=user.id, address=address)
            raise RemoteRefusedError("the old password is wrong", code="wrong_password")
        await self._store_password(user, checked_password(new, user.email), but=session_id)

    async def _store_password(self, user: User, password: str, but: str) -> None:
        hashed = await self._passwords.hash(fitting_password(password))

        def work(connection: apsw.Connection) -> list[str]:
            connection.execute("UPDATE users SET password = ? WHERE id = ?", (hashed, user.id))
            return end_sessions(connection, "user_id = ? AND id <> ?", (user.id, but))

        self.sessions.tell_ended(await self._database.write(work))
        self._audit.note("password_changed", user_id=user.id)

    async def _stored_password(self, address: str) -> str | None:
        def find(connection: apsw.Connection) -> str | None:
            sql = "SELECT password FROM users WHERE email = ?"
            row = connection.execute(sql, (address,)).fetchone()
            return None if row is None else row[0]

        return await self._database.read(find)

    async def verify(self, email: object, password: object, address: str) -> User:
        """Returns whose password this is.

        Raises SignInNeededError, RateLimitedError. Attempts are counted before anything is
        computed, and an unknown account costs the same as a known one.
        """
        account = _storable(email)[:300] if isinstance(email, str) else ""
        try:
            self._limits.take(account, address)
        except RateLimitedError:
            self._audit.note_now_and_then("login_rate_limited", address=address)
            raise
        if not account or not isinstance(password, str):
            raise SignInNeededError("wrong address or password", code="bad_login")
        stored = await self._stored_password(account)
        is_right = await self._passwords.matches(stored, password)
        user = await self._database.read(
            lambda connection: user_where(connection, "email = ?", account)
        )
        if not is_right or user is None or not user.is_active or stored is None:
            self._audit.note("login_refused", user_id=user.id if user else "", address=address)
            raise SignInNeededError("wrong address or password", code="bad_login")
        if self._passwords.is_outdated(stored):
            await self._rehash(user, stored, password)
        return user

    async def _rehash(self, user: User, stored: str, password: str) -> None:
        hashed = await self._passwords.hash(password)
        await self._database.write(
            lambda connection: connection.execute(
                "UPDATE users SET password = ? WHERE id = ? AND password = ?",
                (hashed, user.id, stored),
            )
        )

    async def log_in(self, email: object, password: object, device: Device) -> SignedIn:
        """Signs a device in. Raises what `verify` raises."""
        user = await self.verify(email, password, device.address)
        signed = await self.sessions.begin(user, device)
        self._audit.note("login", user_id=user.id, address=device.address)
        return signed

    async def sign_up(self, email: object, password: object, device: Device) -> SignedIn:
        """Adds an account for whoever asks, where that is allowed, and signs the device in.

        Raises RemoteRefusedError, RateLimitedError, UsageError, ProtectionError.
        """
        if not self.is_sign_up_open:
            raise RemoteRefusedError(
                "accounts are made by whoever runs this server", code="sign_up_closed"
            )
        address = checked_email(email)
        self._limits.take(address, device.address)
        user = await self.add_user(address, checked_password(password, address))
        return await self.sessions.begin(user, device)

    async def make_token(self, email: str, days: int) -> str:
        """Makes a token by hand, with a session of its own. Raises NotFoundError, UsageError."""
        if not 1 <= days <= 3650:
            raise UsageError("a token is good for 1 to 3650 days")
        user = await self.user_by_email(email)
        if not user.is_active:
            raise ProtectionError(f"{user.email} may not sign in", code="not_active")
        self._audit.note("token_made", user_id=user.id, reason=f"{days} days")
        return await self.sessions.make_token(user, days * 86_400)

    async def check(self, token: object, address: str = "") -> tuple[User, Claims]:
        """Returns whose token this is. Raises SignInNeededError."""
        return await self.sessions.check(token, address)

    async def active_user(self, user_id: str) -> User:
        """Returns a user who may use the server. Raises SignInNeededError."""
        user = await self._database.read(
            lambda connection: user_where(connection, "id = ?", user_id)
        )
        if user is None or not user.is_active:
            raise SignInNeededError("signed out", code="revoked")
        return user

    async def set_disabled(self, email: str, *, is_disabled: bool) -> User:
        """Keeps an account from being used, or lets it be used again. Raises NotFoundError."""
        user, now = await self.user_by_email(email), self._now_ms()

        def work(connection: apsw.Connection) -> list[str]:
            connection.execute(
                "UPDATE users SET disabled_at = ? WHERE id = ?",
                (now if is_disabled else None, user.id),
            )
            return end_sessions(connection, "user_id = ?", (user.id,)) if is_disabled else []

        self.sessions.tell_ended(await self._database.write(work))
        self._audit.note("user_disabled" if is_disabled else "user_enabled", user_id=user.id)
        return await self.user_by_email(email)

    def _now_ms(self) -> int:
        return int(self._clock.time() * 1000)


def _storable(email: str) -> str:
    """Returns an address as it is looked up, whatever characters it has."""
    return email.strip().lower().encode(errors="replace").decode()


def checked_email(email: object) -> str:
    """Returns an address in lower case. Raises UsageError."""
    address = email.strip().lower() if isinstance(email, str) else ""
    if not _EMAIL.match(address) or not address.isprintable():
        raise UsageError("not an e-mail address", code="bad_email")
    return address
